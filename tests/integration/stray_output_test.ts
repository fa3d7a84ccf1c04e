/** Nothing but the protocol is on standard output of a server over stdio, whatever a library does. */
import assert from "node:assert/strict";
import { marksOf } from "../support/stray_writes.ts";
import { BINARY, environment, printedFlags, ROOT } from "./support/bulkhead.ts";

/** The library is built into no executable. */
const options = { ignore: BINARY !== null };

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

/** Starts the program with its talkative library. */
async function start(args: readonly string[]): Promise<Deno.ChildProcess> {
  const script = `${ROOT}tests/integration/support/stray_main.ts`;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...await printedFlags(args), script, ...args],
    cwd: ROOT,
    clearEnv: true,
    env: environment(),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Collects what comes until `isEnough`, or the end. */
async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  isEnough: (text: string) => boolean,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  while (!isEnough(text)) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  return text;
}

Deno.test("stdio: each line of standard output is JSON-RPC, whatever a library does", options, async () => {
  const child = await start(["serve", "--log-level", "info"]);
  const [out, log] = [child.stdout.getReader(), child.stderr.getReader()];
  const logged = readUntil(log, () => false);
  const input = child.stdin.getWriter();
  const send = (message: object) => input.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  await send(INITIALIZE);
  await send({ jsonrpc: "2.0", method: "notifications/initialized" });
  await send({ jsonrpc: "2.0", id: 2, method: "tools/list" });
  let text = await readUntil(out, (text) => text.includes('"id":2'));
  // It goes on writing all the while, once the permissions are given up, too.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await send({ jsonrpc: "2.0", id: 3, method: "ping" });
  await input.close();
  text += await readUntil(out, () => false);
  const { code } = await child.status;
  const err = await logged;
  assert.equal(code, 0, err);
  const lines = text.split("\n").filter((line) => line !== "");
  assert.deepEqual(lines.map((line) => JSON.parse(line).jsonrpc), ["2.0", "2.0", "2.0"], text);
  assert.deepEqual(lines.map((line) => JSON.parse(line).id), [1, 2, 3]);
  const questions = ["alert", "confirm", "prompt"].map((way) => `stray:loading:${way}:`);
  for (const mark of [...marksOf("loading"), ...questions]) {
    assert(err.includes(mark), `${mark} is not told of`);
  }
  const told = err.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line))
    .filter(({ message }) => message === "something was kept from standard output");
  for (const mark of marksOf("later")) {
    const line = told.find(({ text }) => text.includes(mark));
    assert.equal(line?.level, "warning", `${mark} is not in the log`);
  }
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(err, /[\u0000-\u0009\u000b-\u001f]/);
});

Deno.test(
  "stdio: what a command other than serve prints is its own, and serve still prints its help",
  options,
  async () => {
    const child = await start(["serve", "--help"]);
    await child.stdin.close();
    const { code, stdout } = await child.output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 0);
    assert.match(text, /--transport/);
    assert.doesNotMatch(text, /stray/);
  },
);
