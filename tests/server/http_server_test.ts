import assert from "node:assert/strict";
import { ConnectionKeeper } from "../../src/http/connections.ts";
import type { Connection } from "../../src/http/parts.ts";
import { HttpServer } from "../../src/server/http_server.ts";
import type { RequestInfo } from "../../src/server/serve_connection.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A listener that a test plays by hand: `come` is a connection or an error. */
function playedListener() {
  const waiting: PromiseWithResolvers<Deno.TcpConn>[] = [];
  const listener = {
    accept() {
      const next = Promise.withResolvers<Deno.TcpConn>();
      waiting.push(next);
      return next.promise;
    },
    close: () => waiting.shift()?.reject(new Deno.errors.BadResource("closed")),
  };
  return {
    listener: listener as unknown as Deno.TcpListener,
    isAccepting: () => waiting.length > 0,
    come(what: Deno.TcpConn | Error) {
      const next = waiting.shift();
      assert(next !== undefined, "nobody accepts");
      if (what instanceof Error) next.reject(what);
      else next.resolve(what);
    },
  };
}

/** A connection that notes what is done with it, and whose client says nothing. */
function playedConnection() {
  const done: string[] = [];
  const eof = Promise.withResolvers<null>();
  const connection = {
    remoteAddr: { transport: "tcp", hostname: "127.0.0.2", port: 1 },
    write(bytes: Uint8Array) {
      done.push(new TextDecoder().decode(bytes).split("\r\n")[0]!);
      return Promise.resolve(bytes.length);
    },
    closeWrite: () => Promise.resolve(),
    read: () => eof.promise,
    close() {
      done.push("closed");
      eof.resolve(null);
    },
  };
  return { connection: connection as unknown as Deno.TcpConn, done, leave: () => eof.resolve(null) };
}

/** A connection that is served, played by a test. */
interface Served {
  readonly ask: (request: Request) => Promise<Response>;
  /** The answer was not taken whole. */
  readonly failed: () => void;
  /** The answer was handed over. */
  readonly answered: () => void;
  readonly finish: () => void;
  readonly calls: string[];
}

/** A server whose connections a test plays. */
function setUp(max = 10) {
  const clock = new FakeClock();
  const events: string[] = [];
  const keeper = new ConnectionKeeper(clock, () => max, {
    closed: (reason) => void events.push(reason),
    refused: () => void events.push("refused"),
  });
  const played = playedListener();
  const served: Served[] = [];
  const seen: Connection[] = [];
  const server = new HttpServer({
    listener: played.listener,
    keeper,
    clock,
    serveConnection: (_connection, handler) => {
      const finished = Promise.withResolvers<void>();
      const completed = Promise.withResolvers<void>();
      const calls: string[] = [];
      const end = (call: string) => {
        calls.push(call);
        finished.resolve();
      };
      const info: RequestInfo = { completed: completed.promise };
      served.push({
        ask: (request) => handler(request, info),
        answered: completed.resolve,
        failed: () => completed.reject(new Error("the client has gone")),
        finish: finished.resolve,
        calls,
      });
      return {
        finished: finished.promise,
        close: () => end("close"),
      };
    },
    handler: ({ url }, connection) => {
      seen.push(connection);
      const headers: HeadersInit = url.endsWith("/last") ? { connection: "close" } : {};
      return Promise.resolve(new Response("ok", { headers }));
    },
    tooManyAtOnce: () => new Response("too many", { status: 503 }),
    onError: () => new Response(null, { status: 500 }),
  });
  return { ...played, clock, keeper, events, served, seen, server };
}

const REQUEST = () => new Request("http://127.0.0.1/");

Deno.test("http server: running out of files is no end; it makes room, pauses ever longer, and goes on", async () => {
  const { come, isAccepting, clock, events, keeper } = setUp();
  come(playedConnection().connection);
  await flush();
  for (let past = 0; past < 260; past += 20) {
    clock.advance(20);
    void keeper.roomInMs("10.0.0.1");
  }
  for (const [index, pauseMs] of [50, 100, 200, 400, 800, 1_000, 1_000].entries()) {
    const error = index % 2 === 0
      ? Object.assign(new Error("Too many open files"), { code: "EMFILE" })
      : new Error("Too many open files in system (os error 23)");
    come(error);
    await flush();
    clock.advance(pauseMs - 1);
    await flush();
    assert.equal(isAccepting(), false, `after ${pauseMs} ms`);
    clock.advance(1);
    await flush();
    assert.equal(isAccepting(), true, `after ${pauseMs} ms`);
  }
  assert.deepEqual([events, keeper.open], [["shortage"], 0]);
  come(playedConnection().connection);
  await flush();
  assert.equal(keeper.open, 1);
  // One that was accepted ends the row.
  come(new Error("ECONNABORTED"));
  await flush();
  clock.advance(50);
  await flush();
  assert.equal(isAccepting(), true);
});

Deno.test("http server: clients that are gone before they are accepted hold nobody up", async () => {
  const { come, isAccepting, clock } = setUp();
  const before = clock.pending;
  const { ConnectionAborted, ConnectionReset, NotConnected } = Deno.errors;
  for (const kind of [ConnectionAborted, ConnectionReset, NotConnected]) {
    come(new kind("gone"));
    await flush();
    assert.deepEqual([isAccepting(), clock.pending], [true, before], kind.name);
  }
});

Deno.test("http server: one that is refused is told, and closed after a second at the latest", async () => {
  const { come, served, clock, events } = setUp(1);
  come(playedConnection().connection);
  await flush();
  await served[0]!.ask(REQUEST());
  const slow = playedConnection();
  come(slow.connection);
  await flush();
  assert.deepEqual([slow.done, events], [["HTTP/1.1 503 Service Unavailable"], ["refused"]]);
  clock.advance(1_000);
  await flush();
  assert.deepEqual(slow.done, ["HTTP/1.1 503 Service Unavailable", "closed"]);
  const quick = playedConnection();
  come(quick.connection);
  await flush();
  quick.leave();
  await flush();
  assert.deepEqual(quick.done, ["HTTP/1.1 503 Service Unavailable", "closed"]);
  assert.equal(served.length, 1);
});

Deno.test("http server: of many that are refused at once, most are closed without a word", async () => {
  const { come, served } = setUp(1);
  come(playedConnection().connection);
  await flush();
  await served[0]!.ask(REQUEST());
  const refused = Array.from({ length: 20 }, () => playedConnection());
  for (const { connection } of refused) {
    come(connection);
    await flush();
  }
  assert.deepEqual(refused.map(({ done }) => done[0]), [
    ...Array(16).fill("HTTP/1.1 503 Service Unavailable"),
    ...Array(4).fill("closed"),
  ]);
  for (const { leave } of refused) leave();
  await flush();
  const next = playedConnection();
  come(next.connection);
  await flush();
  assert.deepEqual(next.done, ["HTTP/1.1 503 Service Unavailable"]);
});

Deno.test("http server: one more waits until another may make room for it", async () => {
  const { come, served, clock, events } = setUp(1);
  come(playedConnection().connection);
  await flush();
  const next = playedConnection();
  come(next.connection);
  await flush();
  for (let past = 0; past < 240; past += 20) {
    clock.advance(20);
    await flush();
    assert.deepEqual([served.length, next.done, events], [1, [], []]);
  }
  clock.advance(20);
  await flush();
  assert.deepEqual([served.length, served[0]!.calls, events], [2, ["close"], ["room"]]);
});

Deno.test("http server: a connection is forgotten when it ends, and a request knows where it comes from", async () => {
  const { come, served, seen, keeper } = setUp();
  come(playedConnection().connection);
  await flush();
  assert.equal(keeper.open, 1);
  await served[0]!.ask(REQUEST());
  assert.equal(seen[0]!.peer, "127.0.0.2");
  served[0]!.finish();
  await flush();
  assert.equal(keeper.open, 0);
});

Deno.test("http server: an answer that was handed over leaves the connection waiting; too many at once are refused", async () => {
  const { come, served, clock, events } = setUp();
  come(playedConnection().connection);
  await flush();
  const { ask, failed, calls } = served[0]!;
  for (let count = 0; count < 4; count++) assert.equal((await ask(REQUEST())).status, 200);
  assert.equal((await ask(REQUEST())).status, 503);
  clock.advance(200_000);
  assert.deepEqual(calls, []);
  failed();
  await flush();
  clock.advance(76_000);
  assert.deepEqual([calls, events], [["close"], ["idle_timeout"]]);
});

Deno.test("http server: at its end it closes what is quiet, and waits for answers and for those who take them", async () => {
  const { come, served, server, isAccepting, clock, keeper } = setUp();
  for (let count = 0; count < 4; count++) {
    come(playedConnection().connection);
    await flush();
  }
  const [quiet, answering, last, recent] = served as [Served, Served, Served, Served];
  clock.advance(1_000);
  await answering.ask(REQUEST());
  await last.ask(new Request("http://127.0.0.1/last"));
  last.answered();
  await recent.ask(REQUEST());
  recent.answered();
  await flush();
  let isOver = false;
  void server.shutdown().then(() => isOver = true);
  await server.finished;
  assert.equal(isAccepting(), false);
  assert.deepEqual(served.map(({ calls }) => calls.length), [1, 0, 0, 0]);
  const wait = async (ms: number) => {
    for (let past = 0; past < ms; past += 10) {
      clock.advance(10);
      await flush();
    }
  };
  await wait(290);
  assert.deepEqual(served.map(({ calls }) => calls.length), [1, 0, 0, 0]);
  await wait(40);
  assert.deepEqual(served.map(({ calls }) => calls.length), [1, 0, 0, 1]);
  await wait(5_000);
  assert.deepEqual(served.map(({ calls }) => calls.length), [1, 0, 0, 1]);
  answering.answered();
  await wait(400);
  assert.deepEqual([answering.calls, isOver], [["close"], false]);
  last.finish();
  await wait(40);
  assert.deepEqual([quiet.calls, last.calls, isOver, keeper.open], [["close"], [], true, 0]);
});

Deno.test("http server: a connection that was accepted and waits to be taken is closed at the end", async () => {
  const { come, served, server, clock } = setUp(1);
  come(playedConnection().connection);
  await flush();
  // The one before has only just come, so this one waits a moment for its place.
  const late = playedConnection();
  come(late.connection);
  await flush();
  void server.shutdown();
  for (let step = 0; step < 20; step++) {
    clock.advance(100);
    await flush();
  }
  await server.finished;
  assert.deepEqual([late.done, served.length], [["closed"], 1]);
});
