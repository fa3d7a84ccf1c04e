// deno-lint-ignore-file no-console -- a script speaks to the person who started it
/**
 * The demo: a small lab on loopback, the server as a child process, a real MCP client, and a readable account.
 *
 *     deno task demo
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { loadCatalog } from "../src/catalog/load.ts";
import { startLab } from "./demo_lab.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);
const ARGUMENTS = ["--allow-target", "loopback"];

interface CallResult {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
}

/** One line of the account for each call. */
async function show(
  client: Client,
  title: string,
  tool: string,
  args: Record<string, unknown>,
): Promise<boolean> {
  const began = performance.now();
  const result = await client.callTool({ name: tool, arguments: args }) as unknown as CallResult;
  const tookMs = (performance.now() - began).toFixed(0);
  const text = result.content.map((part) => part.text).join("\n");
  const lines = text.split("\n").filter((line) => !line.startsWith("["));
  console.log(`\n${title}  (${tookMs} ms)`);
  for (const line of lines) console.log(`    ${line}`);
  return result.isError !== true;
}

async function printedFlags(): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-P=inspect",
      `${ROOT}main.ts`,
      "permissions",
      "--format",
      "json",
      ...ARGUMENTS,
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)).flags;
}

/** What is listed says which programs this machine has; what is missing is named with its package. */
async function listTools(client: Client): Promise<Set<string>> {
  const { tools } = await client.listTools();
  const offered = new Set(tools.map((tool) => tool.name));
  console.log(`The client lists ${offered.size} tools: ${[...offered].join(", ") || "none"}`);
  const catalog = loadCatalog([]);
  for (const { manifest } of catalog.ok ? catalog.manifests : []) {
    if (offered.has(manifest.name)) continue;
    console.log(`  ${manifest.name} is missing here; install it with: apt-get install ${manifest.package}`);
  }
  return offered;
}

/** Runs everything; resolves with whether all of it went as it should. */
async function runDemo(client: Client, lab: Awaited<ReturnType<typeof startLab>>): Promise<boolean> {
  const offered = await listTools(client);
  const ran: boolean[] = [];
  if (offered.has("nmap")) {
    const ports = `${lab.ports.join(",")},${lab.webPort}`;
    ran.push(
      await show(client, `nmap scans 127.0.0.1, ports ${ports}`, "nmap", { target: "127.0.0.1", ports }),
    );
  }
  if (offered.has("curl")) {
    const target = `http://127.0.0.1:${lab.webPort}/`;
    ran.push(await show(client, `curl fetches ${target}`, "curl", { target }));
  }
  if (offered.has("openssl") && lab.tlsPort !== null) {
    const target = `127.0.0.1:${lab.tlsPort}`;
    ran.push(await show(client, `openssl looks at ${target}`, "openssl", { target }));
  }
  const any = ["nmap", "curl"].find((tool) => offered.has(tool));
  const refused: boolean[] = [];
  if (any !== undefined) {
    const outside = any === "nmap" ? "192.0.2.1" : "http://192.0.2.1/";
    const inside = any === "nmap" ? "127.0.0.1" : "http://127.0.0.1/";
    const flag = any === "nmap" ? "-oN /tmp/stolen" : "--output /tmp/stolen";
    refused.push(await show(client, `${any} aimed at ${outside} must be refused`, any, { target: outside }));
    const args = { target: inside, extra_args: flag };
    refused.push(await show(client, `${any} with ${flag} must be refused`, any, args));
  }
  return ran.every((ok) => ok) && refused.every((ok) => !ok);
}

const began = performance.now();
const lab = await startLab();
const transport = new StdioClientTransport({
  command: Deno.execPath(),
  args: [
    "run",
    "--quiet",
    ...await printedFlags(),
    `${ROOT}main.ts`,
    "serve",
    ...ARGUMENTS,
    "--log-level",
    "error",
  ],
  env: Deno.env.toObject(),
  stderr: "ignore",
});
const client = new Client({ name: "bulkhead-demo", version: "1.0.0" });
const connecting = performance.now();
await client.connect(transport as Parameters<Client["connect"]>[0]);
console.log(
  `Bulkhead answers over stdio after ${
    (performance.now() - connecting).toFixed(0)
  } ms (server pid ${transport.pid})`,
);
console.log(
  `A lab on loopback: ports ${lab.ports.join(", ")}, http ${lab.webPort}${
    lab.tlsPort === null ? "" : `, https ${lab.tlsPort}`
  }\n`,
);
const ok = await runDemo(client, lab);
await client.close();
await lab.stop();
console.log(
  `\n${ok ? "All went as it should" : "Something did not go as it should"}, in ${
    ((performance.now() - began) / 1000).toFixed(1)
  } s.`,
);
Deno.exit(ok ? 0 : 1);
