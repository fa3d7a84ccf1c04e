/** The stdio transport at its edges, without a client's library. */
import assert from "node:assert/strict";
import { commandLine, environment } from "./support/bulkhead.ts";

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

/** Writes `input` to the server, closes the pipe unless told otherwise, and waits for the server's end. */
async function converse(input: string, close = true) {
  const [command, ...args] = await commandLine(["serve"]);
  const child = new Deno.Command(command, {
    args,
    clearEnv: true,
    env: environment(),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(input)).then(() => close ? writer.close() : undefined)
    .catch(() => {/* The server has gone before it read everything. */});
  const { code, stdout, stderr } = await child.output();
  await written;
  if (!close) await writer.close().catch(() => {});
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

function lines(...messages: unknown[]): string {
  return messages.map((message) => `${JSON.stringify(message)}\n`).join("");
}

Deno.test("requests are answered although the pipe is closed at once, and the server ends with 0", async () => {
  const { code, stdout } = await converse(lines(
    INITIALIZE,
    { jsonrpc: "2.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", id: 1, method: "tools/list" },
    {
      jsonrpc: "2.0",
      id: 2,
      method: "tools/call",
      params: { name: "nmap", arguments: { target: "8.8.8.8" } },
    },
  ));
  assert.equal(code, 0);
  const answers = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(answers.map(({ id }) => id).sort(), [0, 1, 2]);
});

Deno.test("nothing but JSON-RPC is on standard output, whatever comes in", async () => {
  const { code, stdout } = await converse(
    `hello\n\n[]\n{"jsonrpc":"2.0","id":null}\n\u0000\n${
      lines(INITIALIZE, { jsonrpc: "2.0", id: 1, method: "no/such" })
    }`,
  );
  assert.equal(code, 0);
  for (const line of stdout.trim().split("\n")) assert.equal(JSON.parse(line).jsonrpc, "2.0");
  assert.match(stdout, /"code":-32601/);
});

Deno.test("a message without end ends the session, not only its answers", async () => {
  const { code, stderr } = await converse(`${lines(INITIALIZE)}"${"x".repeat(11_000_000)}`, false);
  assert.equal(code, 0);
  assert.match(stderr, /exceeded maximum size/);
});
