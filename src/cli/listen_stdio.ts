/**
 * The stdio connection of `bulkhead serve`.
 *
 * @module
 */
import { McpService } from "../mcp/service.ts";
import { serveStdio } from "../mcp/stdio.ts";
import type { Engine } from "./engine.ts";
import type { Listener } from "./listener.ts";
import type { Setup } from "./setup.ts";

/** Serves the client at the other end of standard input and output. */
export async function listenStdio(setup: Setup, engine: Engine): Promise<Listener> {
  const { policy, config } = setup;
  const service = new McpService({ ...engine, policy, maxTextBytes: config.mcp.max_text_bytes });
  const connection = await serveStdio(service);
  return { place: "stdio", ended: connection.closed, close: connection.close };
}
