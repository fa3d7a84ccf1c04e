/** What the server makes of a prober that goes wrong, and the prober of a server that does. */
import assert from "node:assert/strict";
import { type Probed, Prober } from "../../src/confinement/prober.ts";
import type { FromProber } from "../../src/confinement/prober_protocol.ts";
import { serviceOf } from "../../src/confinement/services.ts";
import { PROBER_URL, proberPermissions } from "../../src/confinement/workers.ts";
import { service, silent } from "./service_behaviours.ts";

/** A worker that says what a test lets it say. */
class FakeWorker {
  static readonly made: FakeWorker[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onmessageerror: (() => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly orders: unknown[] = [];
  isTerminated = false;

  constructor() {
    FakeWorker.made.push(this);
  }

  postMessage(order: unknown): void {
    this.orders.push(order);
  }

  terminate(): void {
    this.isTerminated = true;
  }
}

/** Two: a TCP service, and one over HTTP. */
const SERVICES = [serviceOf({ tcp: "127.0.0.1:5" }), serviceOf({ http: "http://127.0.0.1:6/" })];

/** A prober of {@link SERVICES} with such a worker, which asks both. */
async function proberWithFake() {
  const real = globalThis.Worker;
  Object.assign(globalThis, { Worker: FakeWorker });
  try {
    const prober = new Prober(SERVICES);
    const worker = FakeWorker.made.at(-1)!;
    const say = (data: unknown) => worker.onmessage!({ data });
    say({ type: "opened" });
    await prober.upright;
    return { prober, worker, say };
  } finally {
    Object.assign(globalThis, { Worker: real });
  }
}

const never = new AbortController().signal;

for (
  const [what, message] of [
    ["what is in no table", { type: "opened", more: 1 }],
    ["nothing", null],
    ["that it is open, twice", { type: "opened" }],
    ["an answer of a service that is not asked", { type: "failed", service: 1, reason: "r" }],
    ["an answer of a service that there is not", { type: "failed", service: 2, reason: "r" }],
    ["a status where there is none", { type: "answered", service: 0, durationMs: 1, status: 200 }],
    ["a time that is none", { type: "answered", service: 0, durationMs: NaN, status: null }],
    ["that it is broken", { type: "broken", reason: "it was\nconfused" }],
  ] as const
) {
  Deno.test(`prober: one that says ${what} is ended, and comes back no more`, async () => {
    const { prober, worker, say } = await proberWithFake();
    const going = prober.probe(0, never);
    say(message);
    assert.equal(worker.isTerminated, true);
    assert.match(
      prober.death!,
      /^the prober is gone, and comes back only when the server is started again: it [ -~]+$/,
    );
    assert.deepEqual(await going, { ok: false, reason: prober.death });
    assert.deepEqual(await prober.probe(1, never), { ok: false, reason: prober.death });
    say({ type: "answered", service: 0, durationMs: 1, status: null });
    assert.equal(worker.orders.length, 2);
  });
}

Deno.test("prober: an answer over HTTP has a status", async () => {
  const { prober, say } = await proberWithFake();
  void prober.probe(1, never);
  say({ type: "answered", service: 1, durationMs: 1, status: null });
  assert.notEqual(prober.death, null);
});

Deno.test("prober: one that throws, or cannot be read, is ended", async () => {
  const thrown = await proberWithFake();
  let prevented = false;
  thrown.worker.onerror!({ message: "out of memory", preventDefault: () => prevented = true } as never);
  assert.match(thrown.prober.death!, /it failed: out of memory/);
  assert.equal(prevented, true);
  const garbled = await proberWithFake();
  garbled.worker.onmessageerror!();
  assert.match(garbled.prober.death!, /cannot be read/);
});

Deno.test("prober: a check that is given up is told so once, and its late answer is for nobody", async () => {
  const { prober, worker, say } = await proberWithFake();
  const controller = new AbortController();
  const first = prober.probe(0, controller.signal);
  controller.abort();
  controller.abort();
  assert.match(JSON.stringify(await first), /no answer in the time/);
  assert.match(JSON.stringify(await prober.probe(0, never)), /has not ended yet/);
  say({ type: "answered", service: 0, durationMs: 1, status: null });
  const second = prober.probe(0, never);
  say({ type: "failed", service: 0, reason: "no\x1b[2Jreason" });
  assert.deepEqual(await second, { ok: false, reason: "no\\u001b[2Jreason" } satisfies Probed);
  const orders = worker.orders.map((order) => (order as { type: string }).type);
  assert.deepEqual(orders, ["open", "check", "cancel", "check"]);
  assert.equal(prober.death, null);
});

Deno.test("prober: an answered check is let go of by its signal", async () => {
  const { prober, worker, say } = await proberWithFake();
  const controller = new AbortController();
  const going = prober.probe(0, controller.signal);
  say({ type: "answered", service: 0, durationMs: 1.5, status: null });
  assert.deepEqual(await going, { ok: true, durationMs: 1.5, status: null });
  controller.abort();
  assert.equal(worker.orders.length, 2);
  assert.throws(() => prober.probe(2, never), RangeError);
});

/** The worker itself, given these orders; what it says, until it is still. */
async function said(orders: readonly unknown[], places: readonly string[] = []): Promise<FromProber[]> {
  const permissions = proberPermissions(places);
  const worker = new Worker(PROBER_URL, { type: "module", deno: { permissions } });
  const answers: FromProber[] = [];
  try {
    for (const order of orders) worker.postMessage(order);
    return await new Promise((resolve, reject) => {
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.onmessage = ({ data }) => {
        answers.push(data);
        if (data.type === "broken") setTimeout(() => resolve(answers), 50);
      };
    });
  } finally {
    worker.terminate();
  }
}

const open = { type: "open", services: SERVICES };

for (
  const [what, orders, reason] of [
    ["what is in no table", [{ type: "connect", host: "127.0.0.1" }], /not in the table/],
    ["an address with a check", [open, { type: "check", service: 0, host: "127.0.0.2" }], /not in the table/],
    ["services twice", [open, open], /open twice/],
    ["a check before it knows any", [{ type: "check", service: 0 }], /does not know/],
    ["a service that there is not", [open, { type: "check", service: 2 }], /does not know/],
    ["to give up what there is not", [open, { type: "cancel", service: 2 }], /does not know/],
    ["a line end in a path", [{
      type: "open",
      services: [{ ...SERVICES[1], http: { ...SERVICES[1]!.http, path: "/ HTTP/1.1\r\nX: y" } }],
    }], /not in the table/],
  ] as const
) {
  Deno.test(`prober: a worker that is told ${what} says so, and does nothing more`, async () => {
    const answers = await said([...orders, open, { type: "check", service: 0 }]);
    const last = answers.at(-1)!;
    assert(last.type === "broken");
    assert.match(last.reason, reason);
    assert.deepEqual(answers.filter(({ type }) => type !== "opened" && type !== "broken"), []);
  });
}

Deno.test("prober: to give up what is over is nothing", async () => {
  const answers = await said([open, { type: "cancel", service: 0 }, { type: "cancel", service: 1 }, null]);
  assert.deepEqual(answers.map(({ type }) => type), ["opened", "broken"]);
});

Deno.test("prober: a worker that is told to ask what it asks says so, and answers no more", async () => {
  using there = service(silent);
  const services = [serviceOf({ http: `http://127.0.0.1:${there.port}/` })];
  const check = { type: "check", service: 0 };
  const answers = await said([{ type: "open", services }, check, check, check], [`127.0.0.1:${there.port}`]);
  assert.deepEqual(answers, [
    { type: "opened" },
    { type: "broken", reason: "it was told to ask a service that it is asking" },
  ]);
});
