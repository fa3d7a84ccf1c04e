/** Events of a real server with real programs, read by curl. */
import assert from "node:assert/strict";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, startHttp } from "./support/bulkhead.ts";
import { assertGapless, CurlReader, numberOf, type SeenEvent, SilentReader } from "./support/event_client.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";
import { argumentsFor, ChangingServer, standIn, until } from "./support/reloading.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null || !hasProgram("curl") };

/** The tools `say`, which is quick, and `fail`; of the catalog's none is there. */
function setUp(more = ""): { readonly folder: TestFolder; readonly config: string } {
  const folder = new TestFolder();
  standIn(folder, "say", 'echo "$*"', "concurrency: 4\nmax_queue: 64");
  standIn(
    folder,
    "fail",
    "exit 3",
    "breaker: { failure_threshold: 2, recovery_timeout_sec: 60, jitter: 0 }",
  );
  return { folder, config: `tools: { include: [say, fail] }\n${more}` };
}

/** The events but for those of health, which come as the machine likes. */
function withoutHealth(events: readonly SeenEvent[]): SeenEvent[] {
  return events.filter(({ event }) => event !== "health");
}

/** What is in an event, in a few words. */
function inShort({ event, data }: SeenEvent): string {
  if (event === "run") return [data.state, data.tool, data.outcome ?? data.reason].filter(Boolean).join(" ");
  if (event === "breaker") return `${data.tool} ${data.from} ${data.to} ${data.cause}`;
  return event === "tool" ? `${data.tool} ${data.change}` : event;
}

Deno.test("whatever happens is told, once and in order", options, async () => {
  const { folder, config } = setUp();
  using _ = folder;
  await using server = await ChangingServer.start(folder, config);
  await using reader = new CurlReader(`${server.server.url}/events`);
  await until("the stream", () => reader.events.length === 1);
  const { body } = await server.execute("say", { correlation_id: "mine" });
  for (let count = 0; count < 3; count++) await server.execute("fail");
  await server.execute("nope");
  await server.configure(config.replace("say, fail", "say"));
  await until("all of it", () => reader.events.some(({ event }) => event === "tool"));
  const [start, ...events] = withoutHealth(reader.events);
  assert.equal(start!.event, "start");
  assertGapless(reader.events);
  assert.deepEqual(events.map(inShort), [
    "started say",
    "ended say success",
    "started fail",
    "ended fail failure",
    "started fail",
    "fail closed open failure",
    "ended fail failure",
    "refused fail breaker_open",
    'refused "nope" unknown_tool',
    "fail disabled",
  ]);
  const [started, ended] = events;
  const { run_id, correlation_id, execution_time_sec } = body;
  const about = { run_id, tool: "say", target: null, correlation_id, client: "127.0.0.1" };
  assert.equal(correlation_id, "mine");
  assert.deepEqual({ ...started!.data, time: 0 }, { time: 0, state: "started", ...about });
  assert.deepEqual({ ...ended!.data, time: 0, queue_time_sec: 0 }, {
    time: 0,
    state: "ended",
    ...about,
    outcome: "success",
    error_type: null,
    returncode: 0,
    execution_time_sec,
    queue_time_sec: 0,
  });
});

Deno.test(
  "a reader that comes and goes while runs go on misses nothing and sees nothing twice",
  options,
  async () => {
    const { folder, config } = setUp();
    using _ = folder;
    await using server = await startHttp(argumentsFor(folder, config));
    const url = `${server.url}/events`;
    await using steady = new CurlReader(url);
    await until("the stream", () => steady.events.length === 1);
    let isOver = false;
    const runs = (async () => {
      for (let round = 0; round < 12; round++) {
        await Promise.all(Array.from({ length: 8 }, () => server.execute("say", {})));
      }
      isOver = true;
    })();
    const seen: SeenEvent[] = [];
    let lastId = steady.parser.lastId;
    let visits = 0;
    while (!isOver || numberOf({ id: lastId }) < numberOf(steady.events.at(-1)!)) {
      await using reader = new CurlReader(url, [`Last-Event-ID: ${lastId}`]);
      const wanted = 1 + (visits++ % 9);
      // It leaves in the middle, with whatever it has got by then.
      await until("some events", () => reader.events.length >= wanted || isOver);
      const lastOf = () => numberOf({ id: reader.parser.lastId || lastId });
      if (isOver) await until("the end", () => lastOf() >= numberOf(steady.events.at(-1)!));
      await reader.leave();
      seen.push(...reader.events);
      lastId = reader.parser.lastId || lastId;
    }
    await runs;
    await until("all that it has seen", () => steady.events.length > seen.length);
    assert(visits > 3, `${visits} visits`);
    assert.deepEqual(
      seen.map(({ id, event }) => [id, event]),
      steady.events.slice(1, seen.length + 1).map(({ id, event }) => [id, event]),
    );
    assert.equal(seen.filter(({ event }) => event === "run").length, 2 * 96);
    assertGapless(steady.events);
  },
);

Deno.test("another start of the server is told from this one", options, async () => {
  const { folder, config } = setUp();
  using _ = folder;
  const ids: string[] = [];
  for (let start = 0; start < 2; start++) {
    await using server = await startHttp(argumentsFor(folder, config));
    await server.execute("say", {});
    const query = ids.length === 0 ? "" : `?last_event_id=${ids[0]}`;
    await using reader = new CurlReader(`${server.url}/events${query}`);
    await until("the stream", () => withoutHealth(reader.events).length === (start === 0 ? 1 : 3));
    ids.push(reader.events[0]!.id);
    if (start === 0) continue;
    assert.deepEqual(withoutHealth(reader.events).map(inShort), [
      "reset",
      "started say",
      "ended say success",
    ]);
    assert.equal(reader.events[0]!.data.reason, "other_server");
  }
  assert.notEqual(ids[0]!.split("-")[0], ids[1]!.split("-")[0]);
});

Deno.test(
  "a token that is taken back, or loses its scope, ends its streams and no other's",
  options,
  async () => {
    const { folder, config } = setUp("auth: { tokens_file: tokens }\n");
    using _ = folder;
    const tokens = (alice: string, carol: string) =>
      `bob read,execute ${secretOf("bob")}\n${alice}${carol}admin admin ${secretOf("admin")}\n`;
    const alice = `alice read ${secretOf("alice")}\n`;
    const carol = (scope: string) => `carol ${scope} ${secretOf("carol")}\n`;
    folder.write("tokens", tokens(alice, carol("read,execute")), 0o600);
    await using server = await ChangingServer.start(folder, config);
    const open = (name: string) =>
      new CurlReader(`${server.server.url}/events?types=run`, [
        `Authorization: ${bearer(name).authorization}`,
      ]);
    await using first = open("alice");
    await using second = open("carol");
    await using third = open("bob");
    await until("the streams", () => [first, second, third].every(({ events }) => events.length === 1));
    await server.reload("SIGHUP", () => folder.write("tokens", tokens("", carol("execute")), 0o600));
    assert.deepEqual(await Promise.all([first.end(), second.end()]), [0, 0]);
    server.headers = bearer("bob");
    await server.execute("say");
    await until("the run", () => third.events.length === 3);
    assert.deepEqual([first.events.length, second.events.length, third.hasEnded], [1, 1, false]);
  },
);

Deno.test("streams are bounded by half of the connections, those of MCP included", options, async () => {
  const { folder, config } = setUp("server: { max_connections: 9 }\n");
  using _ = folder;
  await using server = await ChangingServer.start(folder, config);
  const { url } = server.server;
  const initialize = await fetch(`${url}/mcp`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
    }),
  });
  await initialize.text();
  const session = {
    "mcp-session-id": initialize.headers.get("mcp-session-id")!,
    accept: "text/event-stream",
  };
  const readers = [0, 1, 2].map(() => new CurlReader(`${url}/events`));
  await until("the streams", () => readers.every(({ events }) => events.length === 1));
  const mcp = await fetch(`${url}/mcp`, { headers: session });
  assert.equal(mcp.status, 200);
  const refused = await fetch(`${url}/events`);
  assert.equal(refused.status, 503);
  assert.match(refused.headers.get("retry-after")!, /^\d+$/);
  assert.equal((await refused.json()).title, "All streams are taken");
  // A place that is given back is free at once, and the limit is the one of now.
  await mcp.body!.cancel();
  await until("the place", async () => {
    const { status, body } = await fetch(`${url}/events`);
    await body!.cancel();
    return status === 200;
  });
  await server.configure(config.replace("9", "6"));
  const beyond = await fetch(`${url}/mcp`, { headers: session });
  assert.deepEqual([beyond.status, (await beyond.json()).error.code], [503, -32000]);
  for (const reader of readers) await reader.leave();
});

Deno.test(
  "at the end, streams tell of the last runs and end in order; a reader that does not read is not waited for",
  options,
  async () => {
    const { folder, config } = setUp("server: { shutdown_grace_period_sec: 1 }\n");
    using _ = folder;
    standIn(folder, "hang", "exec sleep 60", "helpers: [sleep]");
    const server = await startHttp(argumentsFor(folder, config.replace("[say", "[hang, say")));
    const readers = Array.from({ length: 20 }, () => new CurlReader(`${server.url}/events?types=run`));
    using _silent = await SilentReader.connect(server.url);
    await until("the streams", () => readers.every(({ events }) => events.length === 1));
    const hanging = server.execute("hang", {});
    await until("the run", () => readers.every(({ events }) => events.length === 2));
    const began = performance.now();
    const code = await server.stop();
    const tookMs = performance.now() - began;
    assert.equal((await hanging).body.outcome, "cancelled");
    for (const reader of readers) {
      assert.equal(await reader.end(), 0, "curl saw an orderly end");
      assert.deepEqual(reader.events.slice(1).map(inShort), ["started hang", "ended hang cancelled"]);
    }
    assert.equal(code, 0, server.log());
    assert(tookMs < 15_000, `${tookMs} ms`);
    assert.doesNotMatch(server.log(), /internal error|Uncaught/);
  },
);
