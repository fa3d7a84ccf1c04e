/** What is left when the server, or its warden, is no more: nothing that runs unconfined, and nothing for long. */
import assert from "node:assert/strict";
import { BINARY, commandLine, environment, ROOT, startHttp } from "./support/bulkhead.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";

const options = { ignore: BINARY !== null };

/** A tool whose program, and a child in a group of its own (timeout(1) makes one), go on until they are killed. */
function lingering(): {
  readonly folder: TestFolder;
  readonly seconds: string;
  readonly args: readonly string[];
} {
  const folder = new TestFolder();
  // The length of the sleep is what they are found by.
  const seconds = `7${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const script = folder.script("bin/linger", `timeout 60 sleep ${seconds} & exec sleep ${seconds}`);
  folder.write(
    "tools/linger.yaml",
    standInManifest("linger", script, "helpers: [timeout, sleep]\nlimits: { timeout_sec: 60 }"),
  );
  const config = folder.write("config.yaml", "server: { shutdown_grace_period_sec: 0.1 }\n");
  return { folder, seconds, args: ["--tools", `${folder.path}/tools`, "--config", config] };
}

/** The pids of processes with this word in their arguments. */
async function pidsOf(word: string): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pid=,args="] }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => /^\s*\d+ sleep /.test(line) && line.includes(word))
    .map((line) => Number.parseInt(line));
}

/** Asks a server for a run of the tool. */
function execute(url: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${url}/tools/linger/execute`, { method: "POST", headers, body: "{}" });
}

/** Starts `bulkhead serve ARGS` over stdio, for a client that only writes. */
async function startStdio(args: readonly string[]): Promise<Deno.ChildProcess> {
  const [program, ...rest] = await commandLine(["serve", ...args]);
  return new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    clearEnv: true,
    env: environment(),
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Asks until the answer is as wanted. */
async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + 10_000;
  while (!await check()) {
    if (performance.now() > giveUp) throw new Error(`in vain waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test(
  "what a server that was killed outright left running is ended at the next start",
  options,
  async () => {
    const { folder, seconds, args } = lingering();
    using _folder = folder;
    const server = await startHttp(args);
    const lost = execute(server.url).then((response) => response.body?.cancel(), () => {});
    await until("both processes", async () => (await pidsOf(seconds)).length === 2);
    await server.stop("SIGKILL");
    await lost;
    assert.equal((await pidsOf(seconds)).length, 2, "they outlive it");
    await using _next = await startHttp(args);
    await until("their end", async () => (await pidsOf(seconds)).length === 0);
  },
);

Deno.test("a server that still lives keeps what it runs when another one starts", options, async () => {
  const { folder, seconds, args } = lingering();
  using _folder = folder;
  await using server = await startHttp(args);
  const stopped = execute(server.url).then((response) => response.json(), () => null);
  await until("both processes", async () => (await pidsOf(seconds)).length === 2);
  await using second = await startHttp(args);
  assert.equal((await pidsOf(seconds)).length, 2);
  await second.stop();
  assert.equal((await pidsOf(seconds)).length, 2);
  await server.stop("SIGINT");
  await stopped;
  assert.deepEqual(await pidsOf(seconds), []);
});

Deno.test("every program of a client that closes its pipe is ended (D27)", options, async () => {
  const { folder, seconds, args } = lingering();
  using _folder = folder;
  const child = await startStdio(args);
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  const send = (message: unknown) => writer.write(encoder.encode(`${JSON.stringify(message)}\n`));
  await send({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
  });
  await send({ jsonrpc: "2.0", method: "notifications/initialized" });
  await send({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "linger", arguments: {} } });
  await until("both processes", async () => (await pidsOf(seconds)).length === 2);
  await writer.close();
  assert.equal((await child.status).code, 0);
  assert.deepEqual(await pidsOf(seconds), []);
});

Deno.test("a server that is killed while it starts leaves nothing that waits for it", options, async () => {
  const { folder, args } = lingering();
  using _folder = folder;
  // Somewhere in this time compartments try themselves out, and wait for the warden's leave.
  for (let delayMs = 100; delayMs < 1300; delayMs += 100) {
    const child = await startStdio(args);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill("SIGKILL");
    await child.status;
    await child.stdin.close().catch(() => {});
  }
  const left = async () => {
    const { stdout } = await new Deno.Command("ps", { args: ["-eo", "args="] }).output();
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes(folder.path)).length;
  };
  await until("the end of every process with these arguments", async () => await left() === 0);
});
