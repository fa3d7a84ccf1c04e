/**
 * A real MCP client, over both transports.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { commandLine, environment, startHttp } from "./bulkhead.ts";

/** The part of a call's result that tests look at. */
export interface CallResult {
  readonly isError?: boolean;
  readonly content: readonly { readonly type: string; readonly text: string }[];
  // deno-lint-ignore no-explicit-any -- a result of any tool; the client has checked it against the tool's schema
  readonly structuredContent: any;
}

/** A connected client. */
export interface Connected extends AsyncDisposable {
  readonly client: Client;
  /** How often the server has said that its list of tools has changed. */
  listChanges(): number;
  call(name: string, args: Record<string, unknown>): Promise<CallResult>;
}

/** What a client says that it can do; such as `elicitation`, whose handler the test sets. */
export type Capabilities = Readonly<Record<string, object>>;

/** Starts `bulkhead serve ARGS` and connects over stdio. */
export async function connectStdio(
  args: readonly string[],
  capabilities: Capabilities = {},
): Promise<Connected> {
  const [command, ...rest] = await commandLine(["serve", ...args]);
  return await connected(
    new StdioClientTransport({ command, args: rest, env: environment(), stderr: "ignore" }),
    () => Promise.resolve(),
    capabilities,
  );
}

/** Starts `bulkhead serve --transport http ARGS` and connects over Streamable HTTP. */
export async function connectHttp(
  args: readonly string[],
  capabilities: Capabilities = {},
): Promise<Connected> {
  const server = await startHttp(args);
  return await connectTo(server.url, capabilities, async () => void await server.stop());
}

/**
 * Connects over Streamable HTTP to a server that runs.
 *
 * @param url such as `http://127.0.0.1:8080`
 * @param end what is done once the client has closed
 */
export async function connectTo(
  url: string,
  capabilities: Capabilities = {},
  end: () => Promise<void> = () => Promise.resolve(),
): Promise<Connected> {
  return await connected(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)), end, capabilities);
}

/** Connects over Streamable HTTP to a server that runs, with these headers. */
export async function connectAs(
  url: string,
  headers: Readonly<Record<string, string>>,
  capabilities: Capabilities = {},
): Promise<Connected> {
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } });
  return await connected(transport, () => Promise.resolve(), capabilities);
}

async function connected(
  transport: StdioClientTransport | StreamableHTTPClientTransport,
  end: () => Promise<void>,
  capabilities: Capabilities,
): Promise<Connected> {
  const client = new Client({ name: "bulkhead-tests", version: "1.0.0" }, { capabilities });
  let listChanges = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void listChanges++);
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  // The client checks structured content against the output schemas that it has listed.
  await client.listTools();
  return {
    client,
    listChanges: () => listChanges,
    call: async (name, args) => await client.callTool({ name, arguments: args }) as unknown as CallResult,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await end();
    },
  };
}
