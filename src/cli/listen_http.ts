/**
 * The HTTP listener of `bulkhead serve`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { workerSourceFolder } from "../confinement/permissions.ts";
import { systemClock } from "../core/clock.ts";
import { makeHttpApp } from "../http/app.ts";
import { originRules } from "../http/origin_check.ts";
import type { Tokens } from "../http/tokens.ts";
import { HttpSessions } from "../mcp/http_sessions.ts";
import { McpService } from "../mcp/service.ts";
import { parseAddress } from "../policy/address.ts";
import { EXIT, Exit, type Io } from "./command.ts";
import type { Engine } from "./engine.ts";
import type { Listener } from "./listener.ts";
import type { Setup } from "./setup.ts";

const logger = getLogger(["bulkhead", "http"]);

/**
 * Binds the listener.
 *
 * @param host the address to listen on; one of loopback where there are no tokens
 * @param tokens the tokens that are good when it is asked; null when no file of them is configured
 * @param sealed until it resolves, requests wait: none is served by a thread that still holds permissions
 * @throws {Exit} with 2 when the port is in use or may not be bound
 */
export function listenHttp(
  setup: Setup,
  engine: Engine,
  host: string,
  tokens: () => Tokens | null,
  sealed: Promise<void>,
  io: Io,
): Listener {
  const { server, mcp } = setup.config;
  const { policy } = setup;
  const service = new McpService({ ...engine, policy, maxTextBytes: mcp.max_text_bytes });
  const limits = { maxSessions: mcp.max_sessions, idleMs: mcp.session_idle_sec * 1000 };
  const sessions = new HttpSessions(service, limits, systemClock);
  let rules = originRules(host, server.port, server.allowed_hosts, server.allowed_origins);
  const app = makeHttpApp({
    ...engine,
    policy,
    sessions,
    tokens,
    origins: () => rules,
    maxBodyBytes: server.max_body_bytes,
  });
  const serve = async (request: Request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => {
    await sealed;
    return await app.fetch(request, { peer: remoteAddr.hostname });
  };
  const http = bind(host, server.port, serve, io);
  const { port } = http.addr;
  rules = originRules(host, port, server.allowed_hosts, server.allowed_origins);
  engine.listens({ address: parseAddress(host)!, port });
  return {
    place: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ended: http.finished,
    async close(hurry) {
      // The server's own shutdown waits for open streams, so they are ended first; and for clients that send half a
      // request or read no answer, so it is not waited for without end.
      await sessions.closeAll();
      const hurried = new Promise<void>((resolve) => {
        if (hurry.aborted) resolve();
        else hurry.addEventListener("abort", () => resolve(), { once: true });
      });
      await Promise.race([http.shutdown(), hurried]);
    },
  };
}

/** What to do where listening is not permitted. */
const MAY_LISTEN = workerSourceFolder() === null
  ? "this executable may listen on loopback only; put a proxy in front of it, or start from source"
  : "start with the flags that `bulkhead permissions --transport http` prints";

function bind(
  hostname: string,
  port: number,
  handler: Deno.ServeHandler<Deno.NetAddr>,
  io: Io,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({
      hostname,
      port,
      onListen: () => {},
      onError: (error) => {
        logger.error("internal error", { error: String(error) });
        return new Response("internal error\n", { status: 500 });
      },
    }, handler);
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
