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

/** Serves the client at the other end of standard input and output. */
export async function listenStdio(engine: Engine): Promise<Listener> {
  const { inEffect } = engine;
  const service = new McpService({
    ...engine,
    policy: () => inEffect.setup.policy,
    maxTextBytes: () => mcpSettings(inEffect.setup.config).maxTextBytes,
  });
  const connection = await serveStdio(service);
  return { place: "stdio", ended: connection.closed, close: connection.close };
}
