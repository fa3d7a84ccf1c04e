/**
 * The stdio connection of `bulkhead serve`.
 *
 * @module
 */
import { mcpSettings } from "../config/settings.ts";
import { McpService } from "../mcp/service.ts";
import { serveStdio } from "../mcp/stdio.ts";
import type { Engine } from "./engine.ts";
import type { Listener } from "./listener.ts";
import type { Setup } from "./setup.ts";

/** Serves the client at the other end of standard input and output. */
export async function listenStdio(setup: Setup, engine: Engine): Promise<Listener> {
  const { policy, config } = setup;
  const { maxTextBytes } = mcpSettings(config);
  const service = new McpService({ ...engine, policy, maxTextBytes, mayIntrude: true });
  const connection = await serveStdio(service);
  return { place: "stdio", ended: connection.closed, close: connection.close };
}
