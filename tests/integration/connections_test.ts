/** Clients that hold connections without using them, or are slow, or leave: they keep nobody else out. */
import assert from "node:assert/strict";
import { BINARY, type HttpServer, startHttp } from "./support/bulkhead.ts";
import { OtherReader } from "./support/event_client.ts";
import { ForkingTools, until } from "./support/forking_tools.ts";
import { close, connect, exchange, latin1, listen, residentMib, say, statusOf } from "./support/raw_http.ts";

// A compiled executable can start the catalog's own programs only; connections may outlive the server by a moment.
const options = { ignore: BINARY !== null, sanitizeOps: false, sanitizeResources: false };

/** A server with the tools of {@link ForkingTools} and these lines of configuration. */
function toolsWith(server: string): ForkingTools {
  return new ForkingTools({ graceSec: 0.1, server });
}

/** The value of a metric, all labels together. */
async function metric({ url }: HttpServer, name: string): Promise<number> {
  // On a connection of its own: one that is kept may be closed for room while the request is on its way.
  const text = await exchange(url, "GET /metrics HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
  const lines = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/**
 * Opens connections, each of which sends the text, until it is disposed of; closed ones are opened anew.
 *
 * @param dripMs sends a byte more each so many milliseconds; nothing more where it is 0
 * @param pauseMs at least so many milliseconds go by before a closed one is opened anew
 */
function holding(url: string, count: number, text: string, dripMs = 0, pauseMs = 500): Disposable {
  let isOver = false;
  const open = new Set<Deno.TcpConn>();
  const hold = async () => {
    while (!isOver) {
      try {
        const connection = await say(url, text);
        open.add(connection);
        const drip = dripMs > 0 &&
          setInterval(() => void connection.write(latin1("x")).catch(() => {}), dripMs);
        await listen(connection, 60_000);
        if (drip) clearInterval(drip);
        open.delete(connection);
      } catch {
        // The server need not take it.
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs + 2_000 * Math.random()));
    }
  };
  for (let index = 0; index < count; index++) void hold();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
      for (const connection of open) close(connection);
    },
  };
}

for (
  const [what, text] of [
    ["silent", ""],
    ["half headers", "GET /livez HTTP/1.1\r\nHost: HOST\r\nX: "],
    ["answered once", "GET /livez HTTP/1.1\r\nHost: HOST\r\n\r\n"],
  ] as const
) {
  Deno.test(`500 connections that are held (${what}) keep no call out`, options, async () => {
    using tools = toolsWith("max_connections: 100");
    await using server = await startHttp(tools.args);
    using _held = holding(server.url, 500, text);
    await until(
      "all connections are in use",
      async () => await metric(server, "bulkhead_http_connections") >= 99,
    );
    for (let call = 0; call < 20; call++) {
      // Each on a connection of its own, as from a client that has just started.
      const answer = await exchange(
        server.url,
        "POST /tools/quick/execute HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n" +
          "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
      );
      assert.match(
        answer,
        /^HTTP\/1\.1 200 [\s\S]*"outcome":"success"/,
        `call ${call}: <<${answer}>> ${server.log()}`,
      );
    }
    assert.ok(await metric(server, "bulkhead_http_connections") <= 100);
    assert.ok(await metric(server, "bulkhead_http_connections_closed_total") > 0);
    assert.equal(await server.stop(), 0, server.log());
  });
}

Deno.test(
  "slow headers, 500 idle connections and 100 readers of events, all at once: calls go on, and are told of",
  options,
  async () => {
    const CALLS = 20;
    using tools = toolsWith("max_connections: 256");
    await using server = await startHttp(tools.args);
    const readers = () =>
      Promise.all(Array.from({ length: 50 }, () => OtherReader.open(`${server.url}/events?types=run`)));
    const early = await readers();
    using _slow = holding(server.url, 100, "GET /livez HTTP/1.1\r\nHost: HOST\r\nX: ", 500, 5_000);
    // Whoever comes anew takes the place of the one that has waited longest: they come in less haste than calls are served.
    using _idle = holding(server.url, 500, "", 0, 5_000);
    await until(
      "all connections are in use",
      async () => await metric(server, "bulkhead_http_connections") >= 255,
    );
    const all = [...early, ...await readers()];
    assert.equal(await metric(server, "bulkhead_event_readers"), 100);
    for (let call = 0; call < CALLS; call++) {
      const answer = await exchange(
        server.url,
        "POST /tools/quick/execute HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n" +
          "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
      );
      assert.match(
        answer,
        /^HTTP\/1\.1 200 [\s\S]*"outcome":"success"/,
        `call ${call}: ${answer.slice(0, 300)}`,
      );
    }
    // Each reader is told where it begins, and of every run's start and end.
    await until("the events", () => all.every(({ events }) => events.length === 1 + 2 * CALLS));
    assert.equal(await metric(server, "bulkhead_event_readers"), 100);
    assert.equal(await metric(server, "bulkhead_event_readers_dropped_total"), 0);
    assert.ok(await metric(server, "bulkhead_http_connections") <= 256);
    await Promise.all(all.map((reader) => reader.leave()));
    assert.equal(await server.stop(), 0);
  },
);

Deno.test("when all connections are busy, one more is told to come again", options, async () => {
  using tools = toolsWith("max_connections: 3");
  await using server = await startHttp(tools.args);
  const busy = Array.from({ length: 3 }, () =>
    say(
      server.url,
      "POST /tools/linger/execute HTTP/1.1\r\nHost: HOST\r\n" +
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    ));
  await until("the runs", async () => (await tools.processes()).length >= 12);
  const refused = await exchange(server.url, "GET /livez HTTP/1.1\r\nHost: HOST\r\n\r\n");
  assert.match(refused, /^HTTP\/1\.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n/);
  await exchange(server.url, "GET /livez HTTP/1.1\r\nHost: HOST\r\n\r\n");
  const said = () => server.log().split("\n").filter((line) => line.includes("all connections are in use"));
  await until("the warning", () => said().length > 0);
  close(await busy[0]!);
  await until("a free place", async () => {
    const answer = await exchange(
      server.url,
      "GET /livez HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    );
    return statusOf(answer) === 200;
  });
  assert.equal(said().length, 1);
  for (const connection of busy) close(await connection);
  assert.equal(await server.stop(), 0, server.log());
});

Deno.test(
  "fewer connections are taken than are wanted where the files would run out, and runs go on",
  options,
  async () => {
    using tools = toolsWith("max_connections: 5000");
    // Of these, 272 are kept for what is no connection.
    const wrapper = ["/bin/sh", "-c", 'ulimit -n 360 && exec "$@"', "sh"];
    await using server = await startHttp(tools.args, wrapper);
    const hasKernel = !server.log().includes("tier basic");
    using _held = holding(server.url, 500, "");
    const wanted = hasKernel ? 80 : 200;
    await until("many connections", async () => await metric(server, "bulkhead_http_connections") >= wanted);
    for (let call = 0; call < 20; call++) {
      const answer = await exchange(
        server.url,
        "POST /tools/quick/execute HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n" +
          "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
      );
      if (hasKernel) {
        assert.match(
          answer,
          /^HTTP\/1\.1 200 [\s\S]*"outcome":"success"/,
          `call ${call}: <<${answer}>> ${server.log()}`,
        );
      }
    }
    if (hasKernel) {
      assert.match(server.log(), /fewer connections than server.max_connections are taken/);
      assert.ok(await metric(server, "bulkhead_http_connections") <= 100);
    } else await until("the shortage", () => server.log().includes("cannot accept connections"));
    assert.equal(await server.stop(), 0, server.log());
  },
);

Deno.test("slow clients: headers are waited for 10 s, bodies 30 s, in bounded memory", options, async () => {
  const MIB = 1_048_576;
  const BODIES = 120;
  using tools = toolsWith("max_connections: 200");
  await using server = await startHttp(tools.args);
  const beganMs = performance.now();
  const afterSec = () => (performance.now() - beganMs) / 1000;
  const half = await say(server.url, "GET /livez HTTP/1.1\r\nHost: HOST\r\nX: ");
  const drip = setInterval(() => void half.write(latin1("x")).catch(() => {}), 500);
  const halfEnded = listen(half, 60_000).then(() => afterSec());
  const before = await residentMib(server.pid);
  const head = "POST /tools/quick/execute HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n";
  const bodies = await Promise.all(Array.from({ length: BODIES }, async (_, index) => {
    const connection = await say(server.url, `${head}Content-Length: ${MIB}\r\n\r\n{"a":"`);
    const rest = new Uint8Array(MIB - 100).fill(0x61);
    for (let sent = 0; sent < rest.length;) {
      sent += await connection.write(rest.subarray(sent, sent + 65_536));
    }
    // Slow bodies of pieces of a byte each.
    const more = index < 20 ? setInterval(() => void connection.write(latin1("b")).catch(() => {}), 1000) : 0;
    const answer = listen(connection, 60_000).then((text) => ({ text, sec: afterSec() }));
    return { answer, more };
  }));
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const growth = await residentMib(server.pid) - before;
  // Every body is in memory once, and what transports them need not be there twice.
  assert.ok(growth < BODIES * 2 + 60, `${growth} MiB for ${BODIES} bodies of 1 MiB`);
  const halfSec = await halfEnded;
  clearInterval(drip);
  assert.ok(halfSec > 9 && halfSec < 16, `half a header was closed after ${halfSec} s`);
  // Others are answered meanwhile.
  assert.equal(
    statusOf(await exchange(server.url, "GET /livez HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")),
    200,
  );
  for (const { answer, more } of bodies) {
    const { text, sec } = await answer;
    clearInterval(more);
    assert.match(text, /^HTTP\/1\.1 408 [\s\S]*application\/problem\+json[\s\S]*"status":408/);
    assert.ok(sec > 29 && sec < 40, `${sec} s`);
  }
  assert.equal(await server.stop(), 0, server.log());
});

for (const bytes of [10, 600, 5_000]) {
  Deno.test(
    `a client that leaves takes its run along within a second, body of ${bytes} bytes`,
    options,
    async () => {
      using tools = toolsWith("max_connections: 16");
      await using server = await startHttp(tools.args);
      const head = (path: string, more = "") =>
        `POST ${path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n${more}Content-Length: `;
      const run = "{}".padEnd(bytes);
      const left = async (connection: Deno.TcpConn, leave: () => void = () => close(connection)) => {
        await until("the run", async () => (await tools.processes()).length === 4);
        // Well after the program has started, and then at once.
        await new Promise((resolve) => setTimeout(resolve, 700));
        const leftMs = performance.now();
        leave();
        await until("its end", async () => (await tools.processes()).length === 0);
        return performance.now() - leftMs;
      };
      const overHttp = await left(
        await say(server.url, `${head("/tools/linger/execute")}${bytes}\r\n\r\n${run}`),
      );
      // To close the sending side alone is to leave, too.
      const halfClosed = await say(server.url, `${head("/tools/linger/execute")}${bytes}\r\n\r\n${run}`);
      const byHalf = await left(halfClosed, () => void halfClosed.closeWrite());
      close(halfClosed);
      const accept = "Accept: application/json, text/event-stream\r\n";
      const post = (message: object, more = "") => {
        const body = JSON.stringify({ jsonrpc: "2.0", ...message }).padEnd(bytes);
        return say(server.url, `${head("/mcp", accept + more)}${body.length}\r\n\r\n${body}`);
      };
      const params = {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "test", version: "1" },
      };
      const opened = await listen(await post({ id: 0, method: "initialize", params }), 500);
      const session = `Mcp-Session-Id: ${/mcp-session-id: (\S+)/i.exec(opened)![1]}\r\n`;
      const call = { id: 1, method: "tools/call", params: { name: "linger", arguments: {} } };
      const overMcp = await left(await post(call, session));
      // A second to notice, and room for a busy machine to look.
      for (const ms of [overHttp, byHalf, overMcp]) {
        assert.ok(ms < 1_800, `over HTTP ${overHttp} ms, by half ${byHalf} ms, over MCP ${overMcp} ms`);
      }
      assert.equal(await server.stop(), 0, server.log());
    },
  );
}

Deno.test(
  "a slow run is answered with JSON all the same, and a quick one in one piece",
  options,
  async () => {
    using tools = new ForkingTools({ graceSec: 0.1, own: { script: "sleep $mark & sleep 1.2; echo done" } });
    await using server = await startHttp(tools.args);
    const ask = (tool: string) =>
      exchange(
        server.url,
        `POST /tools/${tool}/execute HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n` +
          "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
      );
    assert.match(await ask("quick"), /^HTTP\/1\.1 200 [\s\S]*content-length: \d+[\s\S]*\r\n\r\n\{/i);
    assert.match(
      await ask("own"),
      /^HTTP\/1\.1 200 [\s\S]*transfer-encoding: chunked\r\n[\s\S]*\r\n\r\n1\r\n\n\r\n/i,
    );
    const { status, body } = await server.execute("own", {});
    assert.deepEqual([status, body.outcome, body.stdout], [200, "success", "done\n"]);
  },
);

Deno.test(
  "a connection is kept for the next request, and closed where the client asks for it",
  options,
  async () => {
    await using server = await startHttp([]);
    const connection = await connect(server.url);
    const buffer = new Uint8Array(4096);
    for (let request = 0; request < 3; request++) {
      await connection.write(latin1(`GET /livez HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\n\r\n`));
      const length = await connection.read(buffer);
      assert.equal(statusOf(new TextDecoder().decode(buffer.subarray(0, length!))), 200);
    }
    close(connection);
  },
);
