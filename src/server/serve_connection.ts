/**
 * HTTP on one connection: the only place that uses a part of Deno that it does not document.
 *
 * `Deno.serve()` accepts whatever comes: connections are neither counted nor timed, and when the process has no files
 * left for one more, the whole server ends (EMFILE). Deno's own HTTP implementation can be had for a connection that we
 * have accepted ourselves, and then be told to drop it; Deno offers that to its own modules and, by
 * `Deno[Deno.internal]`, to whoever looks, without a promise to keep it. Where it is missing the server does not start:
 * one that quietly held no limit would be weaker than it says.
 *
 * What Deno has for ending a connection in good order, `shutdown()`, is not used: in 2.6.8 it ends the whole process (a
 * panic in `op_http_wait`) when the client closes the connection at that very moment.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { stackOf } from "../core/failed_request.ts";

const logger = getLogger(["bulkhead", "http"]);

/** What a handler is told beside the request. */
export interface RequestInfo {
  /** Settles when the answer has been handed over: whole, or as far as the client took it. */
  readonly completed: Promise<void>;
}

/** A connection on which HTTP is served. */
export interface ServedConnection {
  /** Resolves when it is closed, from whichever side. */
  readonly finished: Promise<void>;
  /** Closes it at once. May be called at any time. */
  close(): void;
}

/** Serves HTTP on a connection, which is no longer the caller's then. */
export type ServeConnection = (
  connection: Deno.Conn,
  handler: (request: Request, info: RequestInfo) => Promise<Response>,
  onError: (error: unknown) => Response,
) => ServedConnection;

/** As Deno has it: tried with 2.6.8 and 2.9.6. */
type ServeHttpOnConnection = (
  connection: Deno.Conn,
  signal: { addEventListener(type: "abort", listener: () => void): void },
  handler: (request: Request, info: RequestInfo) => Promise<Response>,
  onError: (error: unknown) => Response,
  onListen: () => void,
) => { readonly finished: Promise<void> };

/** Deno's part, or null where this Deno has none. */
export function connectionServer(): ServeConnection | null {
  const serve = internalPart("serveHttpOnConnection");
  if (serve === null) return null;
  return (connection, handler, onError) => {
    let cancel = () => {};
    // An AbortSignal would do, but it cancels what may have ended by itself a moment ago: that throws, and from an
    // AbortSignal's listener nobody could catch it.
    const signal = { addEventListener: (_type: "abort", listener: () => void) => void (cancel = listener) };
    const server = serve(connection, signal, handler, onError, () => {});
    return {
      // A client that vanishes, or speaks no HTTP, is no error of ours.
      finished: server.finished.catch(() => {}),
      close: () => {
        try {
          cancel();
        } catch (error) {
          // It is called from timers, where what is thrown would end the server: for one connection that is too much.
          if (!(error instanceof Deno.errors.BadResource)) {
            logger.error("a connection could not be closed", { error: stackOf(error) });
          }
        }
      },
    };
  };
}

function internalPart(name: string): ServeHttpOnConnection | null {
  const key: unknown = Reflect.get(Deno, "internal");
  const internals: unknown = typeof key === "symbol" ? Reflect.get(Deno, key) : null;
  if (typeof internals !== "object" || internals === null) return null;
  const part: unknown = Reflect.get(internals, name);
  return typeof part === "function" ? part as ServeHttpOnConnection : null;
}
