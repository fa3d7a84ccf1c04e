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

/** A server whose connections a test plays. */
function setUp(max = 10) {
  const clock = new FakeClock();
  const events: string[] = [];
  const keeper = new ConnectionKeeper(clock, () => max, {
    closed: (reason) => void events.push(reason),
    refused: () => void events.push("refused"),
  });
  const played = playedListener();
  const served: {
    readonly ask: (request: Request) => Promise<Response>;
    readonly answered: () => void;
    readonly finish: () => void;
    readonly calls: string[];
  }[] = [];
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
        finish: finished.resolve,
        calls,
      });
      return {
        finished: finished.promise,
        close: () => end("close"),
        shutdown: () => Promise.resolve(end("shutdown")),
      };
    },
    handler: (_request, connection) => {
      seen.push(connection);
      return Promise.resolve(new Response("ok"));
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
  clock.advance(1_000);
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
  const { ask, answered, calls } = served[0]!;
  for (let count = 0; count < 4; count++) assert.equal((await ask(REQUEST())).status, 200);
  assert.equal((await ask(REQUEST())).status, 503);
  clock.advance(200_000);
  assert.deepEqual(calls, []);
  answered();
  await flush();
  clock.advance(76_000);
  assert.deepEqual([calls, events], [["close"], ["idle_timeout"]]);
});

Deno.test("http server: at its end it accepts no more and has every connection end in good order", async () => {
  const { come, served, server, isAccepting } = setUp();
  for (let count = 0; count < 3; count++) {
    come(playedConnection().connection);
    await flush();
  }
  await server.shutdown();
  await server.finished;
  assert.equal(isAccepting(), false);
  assert.deepEqual(served.map(({ calls }) => calls), [["shutdown"], ["shutdown"], ["shutdown"]]);
});

Deno.test("http server: a connection that was accepted and waits to be taken is closed at the end", async () => {
  const { come, served, server, clock } = setUp(1);
  come(playedConnection().connection);
  await flush();
  // The one before has only just come, so this one waits a moment for its place.
  const late = playedConnection();
  come(late.connection);
  await flush();
  await server.shutdown();
  clock.advance(1_000);
  await server.finished;
  assert.deepEqual([late.done, served.length], [["closed"], 1]);
});
