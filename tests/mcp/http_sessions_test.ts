import assert from "node:assert/strict";
import { HttpSessions } from "../../src/mcp/http_sessions.ts";
import { McpService } from "../../src/mcp/service.ts";
import { FairPlaces } from "../../src/resilience/fair_places.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { flush, makeEngine } from "../support/engine.ts";

const IDLE_MS = 10_000;

/** Sessions that idle by a fake clock; the requests need no socket. */
function makeSessions() {
  const clock = new FakeClock();
  const engine = makeEngine();
  const service = new McpService({ ...engine, policy: () => engine.policy, maxTextBytes: () => 1024 });
  const places = new FairPlaces(() => 3);
  const sessions = new HttpSessions(service, () => ({ maxSessions: 4, idleMs: IDLE_MS }), clock, places);
  const send = (method: string, headers: Record<string, string>, body?: unknown, client = "token:alice") =>
    sessions.handle(
      new Request("http://127.0.0.1/mcp", {
        method,
        headers: {
          "content-type": "application/json",
          // A GET that accepts anything else is refused.
          accept: method === "GET" ? "text/event-stream" : "application/json, text/event-stream",
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
      body,
      { client, mayIntrude: false },
    );
  const open = async (client?: string) => {
    const clientInfo = { name: "test", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const response = await send("POST", {}, { jsonrpc: "2.0", id: 0, method: "initialize", params }, client);
    await response.text();
    return { "mcp-session-id": response.headers.get("mcp-session-id") ?? "none" };
  };
  return { clock, engine, service, sessions, send, open };
}

Deno.test("a session that is not used is dropped after its idle time, and not before", async () => {
  const { clock, sessions, send, open } = makeSessions();
  const session = await open();
  clock.advance(IDLE_MS);
  assert.equal(
    (await send("POST", session, { jsonrpc: "2.0", method: "notifications/initialized" })).status,
    202,
  );
  clock.advance(IDLE_MS + 1);
  assert.equal(
    (await send("POST", session, { jsonrpc: "2.0", method: "notifications/initialized" })).status,
    404,
  );
  assert.equal(sessions.size, 0);
});

Deno.test("an open stream keeps its session; a stream that its client dropped does not", async () => {
  const { clock, sessions, send, open } = makeSessions();
  const session = await open();
  const stream = await send("GET", session);
  assert.equal(stream.status, 200);
  // A read under way when the client leaves: the end is then seen from both sides, and counts once.
  const reader = stream.body!.getReader();
  const pending = reader.read();
  clock.advance(10 * IDLE_MS);
  await (await send("GET", {})).text();
  assert.equal(sessions.size, 1);
  await reader.cancel();
  await pending;
  clock.advance(IDLE_MS + 1);
  await (await send("GET", {})).text();
  assert.equal(sessions.size, 0);
});

Deno.test("a session is there for the caller who opened it, and for nobody else", async () => {
  const { sessions, send, open } = makeSessions();
  const session = await open();
  const ping = { jsonrpc: "2.0", id: 7, method: "ping" };
  const unknown = { "mcp-session-id": crypto.randomUUID() };
  for (const client of ["token:bob", "token:alic", "127.0.0.1", ""]) {
    for (const [method, body] of [["POST", ping], ["GET", undefined], ["DELETE", undefined]] as const) {
      const stranger = await send(method, session, body, client);
      const nowhere = await send(method, unknown, body, client);
      assert.equal(stranger.status, 404, `${method} by ${client}`);
      assert.deepEqual(await stranger.json(), await nowhere.json());
      assert.deepEqual([...stranger.headers], [...nowhere.headers]);
    }
  }
  assert.equal(sessions.size, 1);
  const own = await send("POST", session, ping);
  assert.equal(own.status, 200);
  await own.text();
  assert.equal((await send("DELETE", session)).status, 200);
  assert.equal(sessions.size, 0);
});

Deno.test("a client that has taken all sessions gives up those that it uses least to others, down to as many as they have", async () => {
  const { clock, sessions, send, open } = makeSessions();
  const ping = { jsonrpc: "2.0", id: 7, method: "ping" };
  const isThere = async (session: Record<string, string>, client?: string) => {
    const response = await send("POST", session, ping, client);
    await response.text();
    return response.status === 200;
  };
  const alices: Record<string, string>[] = [];
  for (let count = 0; count < 4; count++) {
    alices.push(await open());
    clock.advance(1);
  }
  // The oldest is in use, the second was used last.
  const stream = await send("GET", alices[0]!);
  assert(await isThere(alices[1]!));
  assert.deepEqual(await open(), { "mcp-session-id": "none" }, "not for itself");
  const bobs = [await open("token:bob"), await open("token:bob")];
  assert.deepEqual(await open("token:bob"), { "mcp-session-id": "none" }, "not for more than the other has");
  assert.equal(sessions.size, 4);
  for (const session of bobs) assert(await isThere(session, "token:bob"));
  const left = [];
  for (const session of alices) left.push(await isThere(session));
  assert.deepEqual(left, [true, true, false, false]);
  await stream.body!.cancel();
});

Deno.test("a session that the transport refuses to initialise leaves nothing behind", async () => {
  const { service, sessions, send, open } = makeSessions();
  let told = 0;
  const onListChanged = service.onListChanged.bind(service);
  service.onListChanged = (listener) => {
    told++;
    const end = onListChanged(listener);
    return () => {
      told--;
      end();
    };
  };
  const clientInfo = { name: "test", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  const initialize = { jsonrpc: "2.0", id: 0, method: "initialize", params };
  const refusals: [Record<string, string>, unknown][] = [
    [{ accept: "application/json" }, initialize],
    [{}, [initialize, { ...initialize, id: 1 }]],
    [{}, [initialize, "nonsense"]],
    [{}, [initialize, initialize]],
  ];
  for (const [headers, body] of refusals) {
    const response = await send("POST", headers, body);
    assert.ok(response.status === 400 || response.status === 406, `${response.status}`);
    await response.text();
  }
  assert.deepEqual([told, sessions.size], [0, 0]);
  await open();
  assert.deepEqual([told, sessions.size], [1, 1]);
});

const CALL = {
  jsonrpc: "2.0",
  method: "tools/call",
  params: { name: "probe", arguments: { target: "10.0.0.5" } },
};

Deno.test("closing: calls that were cancelled a moment ago are answered before their streams end", async () => {
  const { engine, sessions, send, open } = makeSessions();
  const session = await open();
  const stream = await send("GET", session);
  // One that runs, and one that waits for it.
  const calls = [
    await send("POST", session, { ...CALL, id: 1 }),
    await send("POST", session, { ...CALL, id: 2 }),
  ];
  await flush();
  assert.equal(engine.executor.pending.length, 1);
  await engine.pipeline.shutDown(30_000, AbortSignal.abort());
  await sessions.closeAll();
  const [cancelled, refused] = await Promise.all(calls.map((call) => call.text()));
  assert.match(cancelled!, /"outcome":"cancelled".*"isError":true.*"id":1\}/);
  assert.match(refused!, /shutting down.*"isError":true.*"id":2\}/);
  assert.equal(await stream.text(), "");
  assert.equal(sessions.size, 0);
});

Deno.test("closing: no session is opened, or found, any more", async () => {
  const { sessions, send, open } = makeSessions();
  const session = await open();
  const closing = sessions.closeAll();
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  };
  const initialize = { jsonrpc: "2.0", id: 0, method: "initialize", params };
  const late = await send("POST", {}, initialize);
  assert.equal(late.status, 503);
  assert.match(await late.text(), /shutting down/);
  await closing;
  assert.equal((await send("GET", session)).status, 404);
  assert.equal(sessions.size, 0);
});

Deno.test("streams have places that are bounded, given back, and shared between callers", async () => {
  const { sessions, send, open } = makeSessions();
  const alices = [await open(), await open(), await open()];
  const streams = [];
  for (const session of alices) streams.push(await send("GET", session));
  assert.deepEqual(streams.map(({ status }) => status), [200, 200, 200]);
  // A second stream of a session is refused by the transport, and takes no place.
  await streams[2]!.body!.cancel();
  assert.equal((await send("GET", alices[1]!)).status, 409);
  streams[2] = await send("GET", alices[2]!);
  assert.equal(streams[2].status, 200);
  const bob = await open("token:bob");
  const bobs = await send("GET", bob, undefined, "token:bob");
  assert.equal(bobs.status, 200);
  assert.equal(await streams[0]!.text(), "", "the oldest has ended in order");
  const again = await send("GET", alices[0]!);
  assert.equal(again.status, 503);
  assert.match(again.headers.get("retry-after")!, /^[1-9]\d*$/);
  assert.match((await again.json()).error.message, /As many streams are open/);
  // The session is as good as before.
  const ping = await send("POST", alices[0]!, { jsonrpc: "2.0", id: 7, method: "ping" });
  assert.equal(ping.status, 200);
  await ping.text();
  await bobs.body!.cancel();
  const [now] = [await send("GET", alices[0]!)];
  assert.equal(now.status, 200);
  await sessions.closeAll();
  assert.deepEqual(await Promise.all([streams[1]!, streams[2]!, now].map((one) => one.text())), ["", "", ""]);
});
