/** How a server over HTTP ends: what is still answered, what is not waited for, and that nothing is left. */
import assert from "node:assert/strict";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, commandLine, environment, type HttpServer, ROOT, startHttp } from "./support/bulkhead.ts";
import { ForkingTools, PROCESSES_OF_LINGER, until } from "./support/forking_tools.ts";

// A compiled executable can start the catalog's own programs only; connections may outlive the server by a moment.
const options = { ignore: BINARY !== null, sanitizeOps: false, sanitizeResources: false };

/** Longer than a test may take: whoever waits for this grace fails. */
const LONG_SEC = 120;

/** What an end that waits for nothing may take on a busy machine: far less than {@link LONG_SEC}. */
const SOON_MS = 15_000;

const JSON_TYPE = { "content-type": "application/json" };

/** The server has ended with 0, and nothing is left of any run. */
async function endsWell(tools: ForkingTools, server: HttpServer, exit: Promise<number>): Promise<void> {
  assert.equal(await exit, 0, server.log());
  assert.deepEqual(await tools.processes(), []);
  assert.deepEqual(tools.stateLeft(), []);
  assert.doesNotMatch(server.log(), /internal error|Uncaught/);
}

/** So many runs of `linger` have all their processes. */
function lingering(tools: ForkingTools, runs: number): Promise<void> {
  const processes = PROCESSES_OF_LINGER * runs;
  return until(`${processes} processes`, async () => (await tools.processes()).length === processes);
}

/** The server has heard the signal. */
function stopping(server: HttpServer): Promise<void> {
  return until("the signal is heard", () => server.log().includes('"message":"stopping"'));
}

/** A connection that speaks HTTP by hand. */
async function rawConnection({ url }: HttpServer, text: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text.replace("HOST", `${hostname}:${port}`)));
  return connection;
}

Deno.test("a run that ends within the grace is answered as if nothing were", options, async () => {
  using tools = new ForkingTools({
    graceSec: LONG_SEC,
    own: { script: "sleep $mark & sleep 1.5; echo done" },
  });
  await using server = await startHttp(tools.args);
  const answer = server.execute("own", {});
  await until("the run", async () => (await tools.processes()).length === 1);
  const exit = server.stop();
  const { status, body } = await answer;
  assert.deepEqual([status, body.outcome, body.stdout], [200, "success", "done\n"]);
  await endsWell(tools, server, exit);
});

Deno.test(
  "while the grace lasts: not ready, and whatever comes or waits is refused at once",
  options,
  async () => {
    using tools = new ForkingTools({ graceSec: 3 });
    await using server = await startHttp(tools.args);
    // Two more than may run at once.
    const answers = Array.from({ length: 8 }, () => server.execute("linger", {}));
    await lingering(tools, 6);
    const exit = server.stop();
    await stopping(server);
    const beganMs = performance.now();
    const ready = await fetch(`${server.url}/readyz`);
    assert.deepEqual([ready.status, await ready.text()], [503, "stopping\n"]);
    // Whoever asks again does so elsewhere.
    assert.equal(ready.headers.get("connection"), "close");
    const live = await fetch(`${server.url}/livez`);
    assert.deepEqual([live.status, await live.text()], [200, "ok\n"]);
    const late = await fetch(`${server.url}/tools/quick/execute`, {
      method: "POST",
      headers: JSON_TYPE,
      body: "{}",
    });
    const { error_type, title } = await late.json();
    assert.deepEqual([late.status, error_type, title], [503, "cancelled", "The server is shutting down"]);
    assert.equal(late.headers.get("content-type"), "application/problem+json");
    const ended = answers.map(async (answer) => ({ ...await answer, afterMs: performance.now() - beganMs }));
    const all = await Promise.all(ended);
    const refused = all.filter(({ status }) => status === 503);
    assert.equal(refused.length, 2);
    for (const { body, afterMs } of refused) {
      assert.equal(body.title, "The server is shutting down");
      assert.ok(afterMs < 2500, `refused only after ${afterMs} ms`);
    }
    const cancelled = all.filter(({ status }) => status === 200);
    assert.deepEqual(
      cancelled.map(({ body }) => [body.outcome, body.error_type, body.stdout]),
      Array(6).fill(["cancelled", "cancelled", "begun\n"]),
    );
    await endsWell(tools, server, exit);
  },
);

/** It does not end when it is asked to. */
const STUBBORN = "trap '' TERM; echo begun; while true; do sleep $mark; done";

for (
  const [first, second] of [["SIGTERM", "SIGTERM"], ["SIGINT", "SIGTERM"], ["SIGTERM", "SIGINT"]] as const
) {
  for (const graceSec of [LONG_SEC, 0]) {
    const when = graceSec === 0 ? "while runs are asked to end" : "during the grace";
    Deno.test(`${second} after ${first}, ${when}, kills at once`, options, async () => {
      using tools = new ForkingTools({ graceSec, killGraceSec: 60, own: { script: STUBBORN } });
      await using server = await startHttp(tools.args);
      const answers = [server.execute("own", {}), server.execute("own", {})];
      if (graceSec > 0) answers.push(server.execute("linger", {}));
      const processes = graceSec > 0 ? PROCESSES_OF_LINGER + 2 : 2;
      await until("all run", async () => (await tools.processes()).length === processes);
      const beganMs = performance.now();
      void server.stop(first);
      await stopping(server);
      const exit = server.stop(second);
      for (const { status, body } of await Promise.all(answers)) {
        assert.deepEqual([status, body.outcome, body.stdout], [200, "cancelled", "begun\n"]);
      }
      await endsWell(tools, server, exit);
      assert.ok(performance.now() - beganMs < SOON_MS);
    });
  }
}

Deno.test("what was sent before the signal is answered, though nothing runs", options, async () => {
  using tools = new ForkingTools({ graceSec: LONG_SEC });
  await using server = await startHttp(tools.args);
  const ask = () => rawConnection(server, "GET /livez HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
  const connections = await Promise.all(Array.from({ length: 48 }, ask));
  const exit = server.stop();
  const texts = await Promise.all(connections.map(({ readable }) => new Response(readable).text()));
  for (const text of texts) assert.match(text, /^HTTP\/1\.1 200 [^]*\r\n\r\nok\n$/);
  await endsWell(tools, server, exit);
});

Deno.test("large answers are whole", options, async () => {
  using tools = new ForkingTools({
    graceSec: 0.1,
    // Control characters take six bytes each in JSON.
    own: { script: "head -c 1000000 /dev/zero; exec sleep $mark" },
  });
  await using server = await startHttp(tools.args);
  const answers = Array.from({ length: 4 }, () => server.execute("own", {}));
  await until("all run", async () => (await tools.processes()).length === 4);
  const exit = server.stop();
  for (const { body } of await Promise.all(answers)) {
    assert.deepEqual([body.outcome, body.stdout.length], ["cancelled", 1_000_000]);
  }
  await endsWell(tools, server, exit);
});

Deno.test(
  "neither streams, half requests nor clients that read nothing hold the end up",
  options,
  async () => {
    using tools = new ForkingTools({
      graceSec: 0.1,
      own: { script: "head -c 1000000 /dev/zero; exec sleep $mark" },
      more: "auth: { tokens_file: tokens }",
    });
    tools.folder.write("tokens", `alice execute ${secretOf("alice")}\n`, 0o600);
    await using server = await startHttp(tools.args);
    const accept = "application/json, text/event-stream";
    const headers = { ...JSON_TYPE, ...bearer("alice"), accept };
    const clientInfo = { name: "test", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params });
    const opened = await fetch(`${server.url}/mcp`, { method: "POST", headers, body });
    await opened.text();
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id")! };
    const stream = await fetch(`${server.url}/mcp`, {
      headers: { ...bearer("alice"), ...session, accept: "text/event-stream" },
    });
    assert.equal(stream.status, 200);
    const request = "POST /tools/own/execute HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n" +
      `Authorization: ${bearer("alice").authorization}\r\n`;
    using _half = await rawConnection(server, `${request}Content-Length: 100\r\n\r\n{`);
    using _silent = await rawConnection(server, `${request}Content-Length: 2\r\n\r\n{}`);
    await until("the run", async () => (await tools.processes()).length === 1);
    const beganMs = performance.now();
    const exit = server.stop();
    assert.match(await stream.text(), /^(: ?keep-?alive\n\n|:.*\n\n)*$/);
    await endsWell(tools, server, exit);
    assert.ok(performance.now() - beganMs < SOON_MS);
  },
);

Deno.test("a person who is still being asked does not hold the end up", options, async () => {
  using tools = new ForkingTools({
    graceSec: LONG_SEC,
    own: {
      script: "exec sleep $mark",
      manifest: "first: [--always]\nflags: { --break-in: { intrusive: true } }",
    },
    more: "auth: { tokens_file: tokens }\nsecurity: { allow_intrusive: true }",
  });
  tools.folder.write("tokens", `alice execute,admin ${secretOf("alice")}\n`, 0o600);
  await using server = await startHttp(tools.args);
  const accept = "application/json, text/event-stream";
  const send = (headers: Record<string, string>, message: object) =>
    fetch(`${server.url}/mcp`, {
      method: "POST",
      headers: { ...JSON_TYPE, ...bearer("alice"), accept, ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    });
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: {} },
    clientInfo: { name: "test", version: "1" },
  };
  const opened = await send({}, { id: 0, method: "initialize", params });
  await opened.text();
  const session = { "mcp-session-id": opened.headers.get("mcp-session-id")! };
  await (await send(session, { method: "notifications/initialized" })).text();
  const call = await send(session, {
    id: 1,
    method: "tools/call",
    params: { name: "own", arguments: { extra_args: "--break-in" } },
  });
  let said = "";
  let exit: Promise<number> | null = null;
  for await (const text of call.body!.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("elicitation/create")) exit ??= server.stop();
  }
  assert.ok(exit !== null, said);
  assert.match(said, /notifications\/cancelled/);
  assert.match(said, /shutting down.*"isError":true.*"id":1\}/);
  await endsWell(tools, server, exit);
});

/** Starts a server for its start-up's sake. */
async function starting(tools: ForkingTools) {
  const line = await commandLine(["serve", "--transport", "http", "--port", "0", ...tools.args]);
  const child = new Deno.Command(line[0], {
    args: line.slice(1),
    cwd: ROOT,
    clearEnv: true,
    env: environment(),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const log = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
    return said;
  })();
  // The folder for its state is there once its thread for files is, which comes after it has begun to hear signals.
  await until("its state", () => tools.stateLeft().length === 1);
  return { child, log, said: () => said };
}

Deno.test("a signal while the server starts ends it in good order", options, async () => {
  using tools = new ForkingTools({ graceSec: LONG_SEC });
  const wereReady: boolean[] = [];
  // Ever later, until one has been ready by then.
  for (let delayMs = 0; !wereReady.at(-1) && delayMs < 5000; delayMs = Math.ceil(delayMs * 1.5 + 25)) {
    const { child, log } = await starting(tools);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill(wereReady.length % 2 === 0 ? "SIGTERM" : "SIGINT");
    const text = await log;
    assert.equal((await child.status).code, 0, text);
    assert.deepEqual(tools.stateLeft(), [], text);
    assert.doesNotMatch(text, /error|Uncaught/);
    wereReady.push(text.includes("ready on"));
  }
  // One that was told to stop before does not say that it is ready.
  assert.deepEqual([wereReady.at(0), wereReady.at(-1)], [false, true]);
});

Deno.test("SIGHUP before the server is ready does not end it", options, async () => {
  using tools = new ForkingTools({ graceSec: LONG_SEC });
  const { child, log, said } = await starting(tools);
  assert.doesNotMatch(said(), /ready on/);
  child.kill("SIGHUP");
  const reloaded = /"message":"configuration reloaded","reason":"SIGHUP"/;
  await until("the ready line, and the reload", () => /ready on/.test(said()) && reloaded.test(said()));
  child.kill("SIGTERM");
  const text = await log;
  assert.equal((await child.status).code, 0, text);
});

Deno.test("a reload that goes on while the server ends is of no harm", options, async () => {
  using tools = new ForkingTools({ graceSec: 0.1 });
  for (let delayMs = 0; delayMs < 120; delayMs += 30) {
    await using server = await startHttp(tools.args);
    const lost = server.execute("linger", {});
    await lingering(tools, 1);
    // Another program, so that a compartment is being made while all are being closed.
    tools.folder.script("bin/quick", `echo ${delayMs}; exec sleep 0.1`);
    tools.folder.write(
      "tools/quick.yaml",
      tools.folder.read("tools/quick.yaml")!.replace(/^title: .*/m, `title: After ${delayMs} ms`),
    );
    Deno.kill(server.pid, "SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const exit = server.stop();
    assert.equal((await lost).body.outcome, "cancelled");
    await endsWell(tools, server, exit);
  }
});
