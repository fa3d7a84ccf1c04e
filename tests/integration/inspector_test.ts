/** A client from outside this code base: the MCP Inspector's command line, from npm. */
import assert from "node:assert/strict";
import { commandLine, environment, startHttp } from "./support/bulkhead.ts";
import { openPorts } from "./support/lab.ts";
import { hasProgram } from "./support/programs.ts";

const INSPECTOR = ["-y", "@modelcontextprotocol/inspector@2.12.0", "--cli"];

async function inspector(args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command("npx", {
    args: [...INSPECTOR, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A server that the Inspector starts has the environment that it is told to give. */
async function serverArguments(): Promise<string[]> {
  const command = await commandLine(["serve", "--allow-target", "loopback"]);
  return [
    ...Object.entries(environment()).flatMap(([name, value]) => ["-e", `${name}=${value}`]),
    "--",
    ...command,
  ];
}

function callArguments(port: number): string[] {
  return ["--tool-name", "nmap", "--tool-arg", "target=127.0.0.1", "--tool-arg", `ports=${port}`];
}

Deno.test("the Inspector lists and calls over stdio", async () => {
  if (!hasProgram("npx") || !hasProgram("nmap")) return;
  using lab = openPorts(1);
  const server = await serverArguments();
  const listed = await inspector(["--method", "tools/list", ...server]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /"name": "nmap"/);
  const called = await inspector([
    ...["--method", "tools/call"],
    ...callArguments(lab.ports[0]!),
    ...server,
  ]);
  assert.equal(called.code, 0, called.stderr);
  assert.match(called.stdout, new RegExp(`${lab.ports[0]}/tcp open`));
});

Deno.test("the Inspector lists and calls over HTTP", async () => {
  if (!hasProgram("npx") || !hasProgram("nmap")) return;
  using lab = openPorts(1);
  await using server = await startHttp(["--allow-target", "loopback"]);
  const url = [`${server.url}/mcp`, "--transport", "http"];
  const listed = await inspector([...url, "--method", "tools/list"]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /"name": "nmap"/);
  const called = await inspector([...url, "--method", "tools/call", ...callArguments(lab.ports[0]!)]);
  assert.equal(called.code, 0, called.stderr);
  assert.match(called.stdout, new RegExp(`${lab.ports[0]}/tcp open`));
});
