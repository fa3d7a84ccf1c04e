/** The prober's worker, with real connections. */
import assert from "node:assert/strict";
import { type Probed, Prober } from "../../src/confinement/prober.ts";
import type { Service } from "../../src/confinement/prober_protocol.ts";
import { serviceOf } from "../../src/confinement/services.ts";
import { hasIpv6 } from "../integration/support/programs.ts";
import { FEW } from "../support/few.ts";
import {
  answering,
  type Behaviour,
  closedPort,
  closeQuietly,
  dribbling,
  flooding,
  service,
  silent,
  type TestService,
} from "./service_behaviours.ts";

/** A prober that is closed when the test ends. */
async function proberOf(...services: Service[]) {
  const prober = new Prober(services);
  await prober.upright;
  return {
    prober,
    /** Asks, for at most this long. */
    ask: (index = 0, withinMs = 5000) => prober.probe(index, AbortSignal.timeout(withinMs)),
    async [Symbol.asyncDispose]() {
      prober.close();
      // What a worker still had open is closed when it is gone.
      await new Promise((resolve) => setTimeout(resolve, 0));
    },
  };
}

const tcp = ({ port }: { port: number }) => serviceOf({ tcp: `127.0.0.1:${port}` });
const http = ({ port }: { port: number }, path = "/") =>
  serviceOf({ http: `http://127.0.0.1:${port}${path}` });

function reasonIn(probed: Probed): string {
  assert(!probed.ok, `it is there: ${JSON.stringify(probed)}`);
  return probed.reason;
}

/** Asks a service that behaves so, over HTTP. */
async function askHttp(behaviour: Behaviour, withinMs?: number): Promise<Probed> {
  using there = service(behaviour);
  await using test = await proberOf(http(there));
  return await test.ask(0, withinMs);
}

Deno.test("prober: a service that accepts a connection is there, and one that refuses it is not", async () => {
  using there = service(silent);
  await using test = await proberOf(tcp(there), tcp({ port: closedPort() }));
  const up = await test.ask(0);
  assert(up.ok);
  assert.deepEqual([up.status, up.durationMs >= 0 && up.durationMs < 5000], [null, true]);
  assert.match(reasonIn(await test.ask(1)), /^no connection: Connection refused/);
  assert.equal(there.received(), "");
});

Deno.test("prober: names and IPv6 addresses are reached", { ignore: !hasIpv6() }, async () => {
  using four = service(silent);
  using six = service(answering("HTTP/1.1 204 No Content\r\n\r\n"), "::1");
  await using test = await proberOf(
    serviceOf({ tcp: `localhost:${four.port}` }),
    serviceOf({ tcp: `[::1]:${six.port}` }),
    serviceOf({ http: `http://[::1]:${six.port}/` }),
  );
  for (const index of [0, 1]) assert.equal((await test.ask(index)).ok, true);
  const answer = await test.ask(2);
  assert(answer.ok);
  assert.equal(answer.status, 204);
});

Deno.test("prober: a name that there is not is not there, with the system's reason", async () => {
  // The permission to ask for it is not among a test's: the worker is made with what this thread has.
  const services = [serviceOf({ tcp: "nowhere.invalid:1" })];
  const prober = new Prober(services);
  await prober.upright;
  assert.equal(prober.mayReach(0), false);
  assert.match(reasonIn(await prober.probe(0, AbortSignal.timeout(1000))), /may not connect there.*--config/);
  prober.close();
});

Deno.test("prober: the request is one GET, as plain as it can be", async () => {
  using there = service(answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  await using test = await proberOf(http(there, "/health?probe=a%0d%0ab"));
  assert.equal((await test.ask()).ok, true);
  assert.equal(
    there.received(),
    `GET /health?probe=a%0d%0ab HTTP/1.1\r\nHost: 127.0.0.1:${there.port}\r\nUser-Agent: bulkhead\r\n` +
      "Accept: */*\r\nConnection: close\r\n\r\n",
  );
});

for (const status of [200, 204, 301, 302, 307, 399, 400, 404, 418, 500, 503, 599]) {
  Deno.test(`prober: status ${status} is told as it is`, async () => {
    const answer = await askHttp(answering(`HTTP/1.1 ${status} \x1b[31mred\r\nX: y\r\n\r\nsecret`));
    assert(answer.ok);
    assert.equal(answer.status, status);
  });
}

Deno.test("prober: a redirect leads nowhere, whoever is there", async () => {
  using elsewhere = service(answering("HTTP/1.1 200 OK\r\n\r\n"));
  using there = service(
    answering(`HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${elsewhere.port}/\r\n\r\n`),
  );
  // It might be reached: it is a dependency, too.
  await using test = await proberOf(http(there), http(elsewhere));
  const answer = await test.ask(0);
  assert(answer.ok);
  assert.equal(answer.status, 302);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(elsewhere.accepted(), 0);
});

Deno.test("prober: interim answers are passed over, and split lines put together", async () => {
  const answer = await askHttp(
    answering("HTTP/1.1 1", "03 Early Hints\r\nLink: <x>", "\r\n\r\nHTTP/1.1 20", "1 C\r\n"),
  );
  assert(answer.ok);
  assert.equal(answer.status, 201);
});

const NO_HTTP: Readonly<Record<string, string>> = {
  "another protocol": "SSH-2.0-OpenSSH_9.6\r\n",
  "bytes": "\x00\x01\x02\xff\xff",
  "a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
  "a status of four": "HTTP/1.1 2000 OK\r\n\r\n",
  "HTTP/2 in plain": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "another protocol by status": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  "a line without a status": "HTTP/1.1\r\n\r\n",
  "HTTP/0.9": "<html>HTTP/1.1 200 OK\r\n",
};

for (const [what, text] of Object.entries(NO_HTTP)) {
  Deno.test(`prober: ${what} is no answer, and none of it is shown`, async () => {
    const reason = reasonIn(await askHttp(answering(text)));
    assert.equal(reason, "no answer: what it sends is not HTTP/1.1");
  });
}

Deno.test("prober: a connection that is closed, and a head without end, are no answers", async () => {
  assert.equal(
    reasonIn(await askHttp(answering("HTTP/1.1 20"))),
    "no answer: it closed the connection before there was a status",
  );
  const long = `HTTP/1.1 200 ${"a".repeat(20_000)}\r\n\r\n`;
  assert.match(reasonIn(await askHttp(answering(long))), /no status in the first 16384 bytes/);
});

Deno.test("prober: of a body without end no more is taken than fits on the way", async () => {
  const sent = { bytes: 0 };
  using there = service(flooding("HTTP/1.1 200 OK\r\n\r\n", sent));
  await using test = await proberOf(http(there));
  for (let round = 0; round < 5; round++) {
    const answer = await test.ask();
    assert.equal(answer.ok, true);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = sent.bytes;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(sent.bytes, before, "it is still sending");
});

Deno.test("prober: whoever never answers, or too slowly, is given up, and its connection closed", async () => {
  for (
    const [what, behaviour] of [
      ["silent", silent],
      ["slow", dribbling("HTTP/1.1 200 OK\r\n\r\n", 100)],
      ["interim for ever", dribbling("HTTP/1.1 100 Continue\r\n\r\n".repeat(50), 20)],
    ] as const
  ) {
    const closed = Promise.withResolvers<void>();
    using there = service(async (connection, pause) => {
      void Promise.resolve(behaviour(connection, pause)).catch(() => {});
      if (behaviour !== silent) return closed.resolve();
      while (await connection.read(new Uint8Array(4096)).catch(() => null) !== null) {
        /* until it is closed */
      }
      closed.resolve();
    });
    await using test = await proberOf(http(there));
    const startedMs = performance.now();
    const reason = reasonIn(await test.ask(0, 300));
    assert.match(reason, /^there was no answer in the time/, what);
    assert(performance.now() - startedMs < 3000);
    await closed.promise;
    // It may be asked again: the worker has answered, too.
    const again = await asked(test, 0);
    assert.match(again, /^there was no answer in the time/, what);
  }
});

/** The reason of the next check that is begun. */
async function asked(test: { ask(index: number, withinMs: number): Promise<Probed> }, index: number) {
  for (;;) {
    const reason = reasonIn(await test.ask(index, 200));
    if (!/has not ended yet/.test(reason)) return reason;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("prober: a connection that is never made is given up", async () => {
  // A queue of two, which nobody takes from: of what comes after, the kernel hears nothing.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr as Deno.NetAddr;
  const waiting: Promise<Deno.TcpConn | null>[] = [];
  const over = new AbortController();
  for (let count = 0; count < 4; count++) {
    waiting.push(Deno.connect({ hostname: "127.0.0.1", port, signal: over.signal }).catch(() => null));
  }
  try {
    await new Promise((resolve) => setTimeout(resolve, 50));
    await using test = await proberOf(tcp({ port }));
    for (let round = 0; round < 3; round++) {
      assert.match(await asked(test, 0), /^there was no answer in the time/);
    }
  } finally {
    over.abort();
    listener.close();
    for (const connection of await Promise.all(waiting)) if (connection !== null) closeQuietly(connection);
  }
});

Deno.test("prober: a TLS handshake that never comes is given up, and what is not TLS is none", async () => {
  using mute = service(silent);
  using plain = service(answering("HTTP/1.1 200 OK\r\n\r\n"));
  const secure = ({ port }: TestService) => serviceOf({ http: `https://127.0.0.1:${port}/` });
  await using test = await proberOf(secure(mute), secure(plain));
  assert.match(reasonIn(await test.ask(0, 200)), /^there was no answer in the time/);
  assert.match(await asked(test, 0), /^there was no answer in the time/);
  assert.match(reasonIn(await test.ask(1)), /^no TLS: /);
});

Deno.test("prober: many are asked at once, each by itself", async () => {
  using good = service(answering("HTTP/1.1 200 OK\r\n\r\n"));
  using mute = service(silent);
  const services = Array.from({ length: 64 }, (_, index) => http(index % 2 === 0 ? good : mute, `/${index}`));
  await using test = await proberOf(...services);
  const answers = await Promise.all(services.map((_, index) => test.ask(index, 1500)));
  assert.deepEqual(answers.map(({ ok }) => ok), services.map((_, index) => index % 2 === 0));
});

Deno.test("prober: the check before must have ended", async () => {
  using mute = service(silent);
  await using test = await proberOf(http(mute));
  const first = test.ask(0, 400);
  assert.match(reasonIn(await test.ask(0)), /the check before this one has not ended yet/);
  assert.match(reasonIn(await first), /^there was no answer in the time/);
  assert.equal(
    reasonIn(await test.prober.probe(0, AbortSignal.abort())),
    "there was no answer in the time that a check may take",
  );
});

Deno.test("prober: once it is closed nothing is asked", async () => {
  using mute = service(silent);
  const prober = new Prober([http(mute)]);
  await prober.upright;
  const going = prober.probe(0, AbortSignal.timeout(5000));
  prober.close();
  assert.equal(reasonIn(await going), "it was closed");
  assert.equal(reasonIn(await prober.probe(0, AbortSignal.timeout(5000))), "it was closed");
  prober.close();
});

Deno.test("prober: rounds leave nothing behind", async () => {
  using good = service(answering("HTTP/1.1 200 OK\r\n\r\n"));
  using hanging = service(async (connection) => {
    while (await connection.read(new Uint8Array(4096)) !== null) { /* until it is closed */ }
    closeQuietly(connection);
  });
  await using test = await proberOf(http(good), tcp(good), tcp({ port: closedPort() }), http(hanging));
  const round = async () => {
    const answers = await Promise.all([test.ask(0), test.ask(1), test.ask(2)]);
    assert.deepEqual(answers.map(({ ok }) => ok), [true, true, false]);
  };
  const rounds = FEW ? 100 : 1000;
  for (let count = 0; count < 50; count++) await round();
  const before = descriptors();
  for (let count = 0; count < rounds; count++) {
    await round();
    if (count % 20 === 0) await test.ask(3, 5);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  const after = descriptors();
  assert(after <= before + 5, `${before} descriptors before, ${after} after`);
  assert.equal(test.prober.death, null);
});

/** Open files of this process; Deno keeps /proc shut, so a child looks. */
function descriptors(): number {
  const { stdout } = new Deno.Command("ls", { args: [`/proc/${Deno.pid}/fd`] }).outputSync();
  return new TextDecoder().decode(stdout).split("\n").length;
}
