/**
 * The HTTP listener of `bulkhead serve`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { listenerSettings } from "../config/settings.ts";
import { workerSourceFolder } from "../confinement/permissions.ts";
import { placeText } from "../confinement/place.ts";
import { systemClock } from "../core/clock.ts";
import { EXIT, Exit, type Io } from "../core/exit.ts";
import { FailedRequest } from "../core/failed_request.ts";
import { newId } from "../core/ids.ts";
import { makeHttpApp } from "../http/app.ts";
import { ConnectionKeeper } from "../http/connections.ts";
import { refusalProblem } from "../http/problem.ts";
import { secured } from "../http/security_headers.ts";
import { HttpMetrics } from "../metrics/http_metrics.ts";
import { parseAddress } from "../policy/address.ts";
import type { Engine } from "./engine.ts";
import { HttpServer } from "./http_server.ts";
import { serviceParts } from "./http_service.ts";
import type { Listener } from "./listener.ts";
import { connectionServer } from "./serve_connection.ts";
import { takenConnections } from "./taken_connections.ts";

const logger = getLogger(["bulkhead", "http"]);

/**
 * Binds the listener.
 *
 * @param host the address to listen on; one of loopback where there are no tokens
 * @param sealed until it resolves, requests wait: none is served by a thread that still holds permissions
 * @throws {Exit} with 2 when the port is in use or may not be bound
 */
export function listenHttp(
  engine: Engine,
  host: string,
  sealed: Promise<void>,
  io: Io,
): Listener {
  const serveConnection = connectionServer();
  if (serveConnection === null) {
    io.stderr(`${NOT_TO_BE_HAD}\n`);
    throw new Exit(EXIT.usage);
  }
  const connections = takenConnections(engine);
  let { port } = listenerSettings(engine.inEffect.setup.config);
  const parts = serviceParts(engine, { host, port: () => port, connections });
  const { events, sessions } = parts;
  const keeper: ConnectionKeeper = new ConnectionKeeper(
    systemClock,
    connections,
    { closed: (reason) => metrics.closed(reason), refused: () => metrics.refused() },
  );
  const metrics = new HttpMetrics(engine.metrics, () => keeper.open);
  const app = makeHttpApp({
    ...parts,
    count: (route, method, status) => metrics.answered(route, method, status),
  });
  const listener = bind(host, port, io);
  port = listener.addr.port;
  const http = new HttpServer({
    listener,
    serveConnection,
    keeper,
    handler: async (request, connection) => {
      await sealed;
      return await app.fetch(request, connection);
    },
    tooManyAtOnce,
    onError: (error) => {
      logger.error("internal error", FailedRequest.about(error));
      return secured(new Response("internal error\n", { status: 500 }));
    },
    clock: systemClock,
  });
  engine.listens({ address: parseAddress(host)!, port });
  return {
    place: `http://${placeText({ host, port })}`,
    ended: http.finished,
    async close(hurry) {
      await takeWhatWasSent(hurry);
      events.closeAll();
      // The server's own shutdown waits for open streams, so they are ended too; and for clients that send half a
      // request or read no answer, so it is not waited for without end.
      const hurried = new Promise<void>((resolve) => {
        if (hurry.aborted) resolve();
        else hurry.addEventListener("abort", () => resolve(), { once: true });
      });
      await Promise.race([Promise.all([http.shutdown(), sessions.closeAll()]), hurried]);
    },
  };
}

/**
 * How often, and how long, in milliseconds, the listener goes on before it closes. What a client has sent by the time of
 * the signal may still wait to be accepted, and would be cut off; after this it has been answered, with a refusal at
 * least.
 */
const LAST_TURNS = 20;
const TURN_MS = 5;

async function takeWhatWasSent(hurry: AbortSignal): Promise<void> {
  // In turns: where processors are short, a single wait may be over before anything was accepted.
  for (let turn = 0; turn < LAST_TURNS && !hurry.aborted; turn++) {
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
}

/** What to do where listening is not permitted. */
const MAY_LISTEN = workerSourceFolder() === null
  ? "this executable may listen on loopback only; put a proxy in front of it, or start from source"
  : "start with the flags that `bulkhead permissions --transport http` prints";

const NOT_TO_BE_HAD = `cannot serve HTTP: Deno ${Deno.version.deno} does not let connections be limited; ` +
  "use the executable, which brings its own Deno, or another version of Deno";

function tooManyAtOnce(): Response {
  return secured(refusalProblem({
    condition: "rate_limited",
    error: "too many requests at once on one connection",
    remedy: "Wait for answers, or open another connection.",
    retryAfterSec: 1,
  }, newId()));
}

function bind(hostname: string, port: number, io: Io): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port });
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse
      ? "the port is in use; choose another with --port, or 0 for a free one"
      : error instanceof Deno.errors.NotCapable
      ? `the permission is missing; ${MAY_LISTEN}`
      : (error as Error).message;
    io.stderr(`cannot listen on ${hostname} port ${port}: ${why}\n`);
    throw new Exit(EXIT.usage);
  }
}
