/**
 * An HTTP server that knows its connections: it accepts them one by one, has a {@link ConnectionKeeper} decide which are
 * taken and how long they stay, and goes on whatever goes wrong with any of them.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import type { ConnectionKeeper } from "../http/connections.ts";
import type { KeptConnection } from "../http/kept_connection.ts";
import type { Connection } from "../http/parts.ts";
import { peerName } from "../http/peer.ts";
import type { ServeConnection, ServedConnection } from "./serve_connection.ts";

/** What the server stands on. */
export interface HttpServerParts {
  readonly listener: Deno.TcpListener;
  readonly serveConnection: ServeConnection;
  readonly keeper: ConnectionKeeper;
  readonly handler: (request: Request, connection: Connection) => Promise<Response>;
  /** Answers a request that comes while its connection brings too many at once. */
  readonly tooManyAtOnce: () => Response;
  /** Answers where the handler has failed. */
  readonly onError: (error: unknown) => Response;
  readonly clock: Clock;
}

/** Connections that are being refused at once; others are closed without a word. */
const MAX_REFUSALS = 16;
/** How long a client that is refused may take to read that, in milliseconds. */
const REFUSAL_MS = 1_000;
/** How often it is looked whether there is room for the next connection by now, before it is decided. */
const MAX_ROOM_LOOKS = 20;
/** How long accepting pauses after it has failed, in milliseconds: twice as long each time, up to the most. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;
/**
 * At the end of the server: how long nothing has been asked on a connection that is closed, in milliseconds. An answer
 * that was handed over before is with its client by then, unless that is slow; a later one says that it is the last, and
 * is waited for.
 */
const QUIET_MS = 300;
/** How often it is looked for such connections then, in milliseconds. */
const CLOSING_LOOK_MS = 20;
/** How often the log says that connections are refused or cannot be accepted, in milliseconds. */
const WARN_EVERY_MS = 60_000;

const RETRY_AFTER_SEC = 1;
const REFUSAL = new TextEncoder().encode([
  "HTTP/1.1 503 Service Unavailable",
  `Retry-After: ${RETRY_AFTER_SEC}`,
  "Connection: close",
  "Content-Length: 0",
  "Cache-Control: no-store",
  "\r\n",
].join("\r\n"));

const logger = getLogger(["bulkhead", "http"]);

/** The server. It accepts from the beginning. */
export class HttpServer {
  readonly #parts: HttpServerParts;
  readonly #connections = new Set<KeptConnection>();
  readonly #warnedMs = new Map<string, number>();
  #refusals = 0;
  #isClosing = false;
  /** Resolves when no connection will be accepted any more. */
  readonly finished: Promise<void>;

  constructor(parts: HttpServerParts) {
    this.#parts = parts;
    this.finished = this.#acceptAll();
  }

  /**
   * Accepts no more, and closes each connection once its requests are answered; one that asks for nothing soon. Resolves
   * when there is none left: it waits for answers, and for clients that take theirs slowly.
   */
  async shutdown(): Promise<void> {
    this.#isClosing = true;
    this.#parts.listener.close();
    for (;;) {
      for (const connection of this.#connections) {
        if (connection.isQuietFor(QUIET_MS)) connection.close();
      }
      if (this.#connections.size === 0) return;
      await this.#pause(CLOSING_LOOK_MS);
    }
  }

  async #acceptAll(): Promise<void> {
    const { listener, keeper } = this.#parts;
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#isClosing) {
      try {
        const connection = await listener.accept();
        pauseMs = FIRST_PAUSE_MS;
        // Others wait meanwhile where the system keeps them.
        const peer = peerName(connection.remoteAddr.hostname);
        for (let looks = 0, ms; looks < MAX_ROOM_LOOKS && (ms = keeper.roomInMs(peer)) > 0; looks++) {
          await this.#pause(ms);
        }
        // Whatever is taken now nobody would shut down.
        if (this.#isClosing) connection.close();
        else this.#take(connection);
      } catch (error) {
        if (this.#isClosing || error instanceof Deno.errors.BadResource) return;
        if (hasLeftAlready(error)) continue;
        const closed = isOutOfFiles(error) ? keeper.runOutOfFiles() : 0;
        this.#warn("cannot accept connections", {
          error: String(error),
          closed,
          ...(isOutOfFiles(error) && {
            remedy: "raise the limit of open files (ulimit -n), or lower server.max_connections",
          }),
        });
        await this.#pause(pauseMs);
        pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.after(ms, resolve));
  }

  #take(connection: Deno.TcpConn): void {
    const { serveConnection, keeper, handler, tooManyAtOnce, onError } = this.#parts;
    const { hostname: peer } = connection.remoteAddr;
    let served: ServedConnection | null = null;
    const kept = keeper.take(peerName(peer), () => served?.close());
    if (kept === null) {
      void this.#refuse(connection);
      return;
    }
    const serve = async (request: Request, info: { readonly completed: Promise<void> }) => {
      const began = kept.begin(hasBody(request));
      if (began === null) return tooManyAtOnce();
      const end = () => began.ended();
      info.completed.then(end, end);
      const response = await handler(request, {
        peer,
        bodyIsRead: () => began.received(),
        bodyIsLate: () => began.late(),
        awaitsClient: () => began.sending(),
      });
      if (response.headers.get("connection") === "close") kept.endsItself();
      return request.method === "HEAD" ? headOf(response) : response;
    };
    try {
      served = serveConnection(connection, serve, onError);
    } catch (error) {
      // It was closed meanwhile.
      kept.gone();
      logger.debug("connection not served", { error: String(error) });
      return;
    }
    const { finished } = served;
    this.#connections.add(kept);
    void finished.then(() => {
      this.#connections.delete(kept);
      kept.gone();
    });
  }

  /** Tells a client that all connections are in use, as far as it hears it. */
  async #refuse(connection: Deno.TcpConn): Promise<void> {
    const { clock, keeper } = this.#parts;
    this.#warn("all connections are in use", {
      connections: keeper.open,
      remedy: "a person may raise server.max_connections",
    });
    let isOpen = true;
    const close = () => {
      if (isOpen) connection.close();
      isOpen = false;
    };
    if (this.#refusals >= MAX_REFUSALS) return close();
    this.#refusals++;
    const cancelTimer = clock.after(REFUSAL_MS, close);
    try {
      await connection.write(REFUSAL);
      await connection.closeWrite();
      // Closed with something unread, the connection is reset, and the client may never see the answer.
      const unread = new Uint8Array(4096);
      while (isOpen && await connection.read(unread) !== null);
    } catch {
      // The client has gone, or was too slow.
    } finally {
      cancelTimer();
      close();
      this.#refusals--;
    }
  }

  #warn(message: string, about: Record<string, unknown>): void {
    const nowMs = this.#parts.clock.now();
    if (nowMs - (this.#warnedMs.get(message) ?? -Infinity) < WARN_EVERY_MS) return;
    this.#warnedMs.set(message, nowMs);
    logger.warn(message, about);
  }
}

/** Whether a body is to come; RFC 9112, section 6.3. */
function hasBody({ headers }: Request): boolean {
  return headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0";
}

/**
 * An answer to HEAD says nothing of the length, unless it knows what GET's would be (RFC 9110, section 8.6): Deno 2.9
 * would make 0 of no body at all.
 */
function headOf(response: Response): Response {
  if (response.body !== null || response.headers.has("content-length")) return response;
  return new Response(new ReadableStream({ start: (controller) => controller.close() }), response);
}

/** Whether the client was gone before its connection was accepted: that is nothing to pause for, or many could hold it up. */
function hasLeftAlready(error: unknown): boolean {
  const { ConnectionAborted, ConnectionReset, NotConnected } = Deno.errors;
  return [ConnectionAborted, ConnectionReset, NotConnected].some((kind) => error instanceof kind);
}

/** EMFILE or ENFILE; accept(2). */
function isOutOfFiles(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : null;
  return code === "EMFILE" || code === "ENFILE" || /os error (?:23|24)\b/.test(String(error));
}
