/**
 * MCP over standard input and output.
 *
 * @module
 */
import process from "node:process";
import { abortionOf } from "../confinement/compartment.ts";
import { legacyServer, tellOfListChanges } from "./legacy_server.ts";
import { StdioServerTransport } from "./sdk_v1.ts";
import type { McpService } from "./service.ts";
import { StdioOutput } from "./stdio_output.ts";

/** A connection that ends when the client closes our standard input. */
export interface StdioConnection {
  /** Resolves when the client has closed the pipe. */
  readonly closed: Promise<void>;
  /**
   * Ends the connection, once the answers under way are written; cancel long runs before.
   *
   * @param hurry aborting it drops what the client has not read yet
   */
  close(hurry: AbortSignal): Promise<void>;
}

/** Serves the client at the other end of standard input and output. */
export async function serveStdio(service: McpService): Promise<StdioConnection> {
  // Whoever starts the server may do what its configuration allows.
  const server = legacyServer(service, { client: "stdio", mayIntrude: true });
  const output = new StdioOutput();
  // The SDK's transport does not notice the end of its input; it closes by itself when a message is too large.
  const closed = new Promise<void>((resolve) => {
    server.onclose = resolve;
    process.stdin.once("end", resolve);
    process.stdin.once("close", resolve);
    process.stdin.once("error", () => resolve());
    output.on("error", () => resolve());
  });
  await server.connect(new StdioServerTransport(process.stdin, output));
  tellOfListChanges(service, server);
  return {
    closed,
    async close(hurry) {
      const written = (async () => {
        // What is being answered is still written: a script may send its requests and close the pipe at once.
        await service.settled();
        await server.close();
        await output.finish();
      })();
      await Promise.race([written, abortionOf(hurry)]);
    },
  };
}
