import assert from "node:assert/strict";
import { Warden } from "../../src/confinement/warden.ts";
import type { ToWarden } from "../../src/confinement/warden_protocol.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { orderOf, TERMS } from "./fake_inside.ts";
import { isAlive, LiveWarden } from "./live_warden.ts";

const NONCE = "00000000aa";
const never = new AbortController().signal;

/** Ports that a fake worker was given stay with it, and Deno 2.6 counts them. */
function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, sanitizeResources: false, fn });
}

/** A worker that a test plays: what it is told is noted, what it says is the test's. */
class FakeWorker {
  static last: FakeWorker;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onmessageerror: (() => void) | null = null;
  onerror: ((event: { readonly message: string; preventDefault(): void }) => void) | null = null;
  readonly told: ToWarden[] = [];
  terminations = 0;
  /** Whether pings are answered. */
  answers = true;

  constructor() {
    FakeWorker.last = this;
  }

  postMessage(message: ToWarden): void {
    this.told.push(message);
    if (message.type === "ping" && this.answers) this.say({ type: "pong", count: message.count });
  }

  say(data: unknown): void {
    this.onmessage?.({ data });
  }

  terminate(): void {
    this.terminations++;
  }

  get kinds(): string[] {
    return this.told.map(({ type }) => type).filter((type) => type !== "ping");
  }
}

/** A warden whose worker is the test's, and the port that leads to its undertaker. */
function open(tier: "kernel" | "basic" = "kernel") {
  const clock = new FakeClock();
  const gone: string[] = [];
  const real = globalThis.Worker;
  globalThis.Worker = FakeWorker as unknown as typeof Worker;
  const warden = new Warden({}, clock, ({ run, killed }) => gone.push(`${run} ${killed}`));
  globalThis.Worker = real;
  const worker = FakeWorker.last;
  const opened = warden.open(tier, NONCE);
  const [order] = worker.told;
  assert(order?.type === "open");
  const lost: string[] = [];
  void warden.lost.then((reason) => lost.push(reason));
  return {
    clock,
    warden,
    worker,
    opened,
    gone,
    lost,
    undertaker: order.undertaker,
    [Symbol.dispose]: () => order.undertaker.close(),
  };
}

test("warden: what it was opened for, and what it answers", async () => {
  using kernel = open("kernel");
  const report = {
    libc: "/lib64/libc.so.6",
    architecture: "x86_64",
    landlockAbi: 6,
    capabilities: [],
    cgroup: [],
    cgroupReason: "none",
  };
  const { type, undertaker: _, ...rest } = kernel.worker.told[0] as Extract<ToWarden, { type: "open" }>;
  assert.deepEqual([type, rest], ["open", { tier: "kernel", nonce: NONCE }]);
  kernel.worker.say({ type: "opened", kernel: report });
  assert.deepEqual(await kernel.opened, report);

  using basic = open("basic");
  basic.worker.say({ type: "opened", kernel: null });
  assert.equal(await basic.opened, null);

  using refused = open("kernel");
  refused.worker.say({ type: "not_opened", reason: "no glibc" });
  await assert.rejects(refused.opened, /no glibc/);
  assert.deepEqual(refused.lost, [], "it lives");
});

test("warden: as long as it answers, it is asked each second and never lost", async () => {
  using parts = open();
  const { clock, worker, lost } = parts;
  clock.advance(100_000);
  assert.deepEqual(worker.kinds, ["open"], "it is not asked before it has answered");
  worker.say({ type: "opened", kernel: null });
  clock.advance(100_000);
  await flush();
  assert.equal(worker.told.filter(({ type }) => type === "ping").length, 101);
  assert.deepEqual([lost, worker.terminations, clock.pending], [[], 0, 1]);
});

test("warden: its heartbeat tells how long its answers take, how long it owes one, and why it is gone", () => {
  using parts = open();
  const { clock, warden, worker } = parts;
  const heartbeat = () => warden.heartbeat;
  assert.deepEqual(heartbeat(), { death: null, silentMs: 0, answeredAfterMs: null });
  clock.advance(5000);
  assert.equal(heartbeat().silentMs, 0, "it was not asked yet");
  worker.answers = false;
  worker.say({ type: "opened", kernel: null });
  clock.advance(300);
  assert.deepEqual(heartbeat(), { death: null, silentMs: 300, answeredAfterMs: null });
  worker.say({ type: "pong", count: 1 });
  assert.deepEqual(heartbeat(), { death: null, silentMs: 0, answeredAfterMs: 300 });
  clock.advance(700);
  assert.deepEqual(heartbeat(), { death: null, silentMs: 0, answeredAfterMs: 300 });
  clock.advance(9000);
  // An answer to what was asked before is no answer to this.
  worker.say({ type: "pong", count: 1 });
  assert.deepEqual(heartbeat(), { death: null, silentMs: 9000, answeredAfterMs: 300 });
  clock.advance(1000);
  assert.match(heartbeat().death!, /has not answered for 10 s/);
  assert.equal(heartbeat().death, warden.death);
});

test("warden: ten seconds of silence lose it, once, and its compartments are abandoned", async () => {
  using parts = open();
  const { clock, warden, worker, lost, undertaker } = parts;
  worker.say({ type: "opened", kernel: null });
  const heard: unknown[] = [];
  undertaker.onmessage = ({ data }) => {
    heard.push(data);
    undertaker.postMessage({ killed: 1, survivors: 0 });
  };
  const compartment = warden.compartment(TERMS);
  worker.say({ type: "made", compartment: TERMS.compartment });
  const running = compartment.run(orderOf(), "/", never);
  await flush();
  worker.answers = false;
  clock.advance(1000);
  clock.advance(9999);
  assert.equal(compartment.death, null);
  clock.advance(1);
  assert.match(compartment.death!, /has not answered for 10 s/);
  assert.equal((await running).status, "lost");
  assert.match(await warden.lost, /has not answered for 10 s/);
  assert.deepEqual([heard, worker.terminations, lost.length], [[null], 1, 1]);

  worker.say("nonsense");
  worker.onerror?.({ message: "late", preventDefault() {} });
  clock.advance(60_000);
  await flush();
  assert.deepEqual([lost.length, worker.terminations, clock.pending], [1, 1, 0]);
  const count = worker.told.length;
  warden.begin({
    run: "r",
    compartment: "t",
    ceilings: orderOf().ceilings,
    tree: orderOf().tree,
    killGraceMs: 0,
  });
  assert.equal(worker.told.length, count, "it is told nothing more");
});

test("warden: when the whole process was stopped, the answer that waits to be read gets its chance", () => {
  using parts = open();
  const { clock, worker, warden } = parts;
  void warden.lost.then(() => assert.fail("it was lost"));
  worker.say({ type: "opened", kernel: null });
  for (let times = 0; times < 5; times++) {
    worker.answers = false;
    // All timers that fell due meanwhile fire at once; the answer is read after the first ones.
    clock.advance(9000);
    const asked = worker.told.filter((message) => message.type === "ping").at(-1)!;
    worker.answers = true;
    worker.say({ type: "pong", count: asked.type === "ping" ? asked.count : 0 });
    clock.advance(1000);
    clock.advance(8000);
  }
  assert.equal(worker.terminations, 0);
});

test("warden: an answer to an earlier question is none to the last", () => {
  using parts = open();
  const { clock, worker, warden } = parts;
  worker.say({ type: "opened", kernel: null });
  const compartment = warden.compartment(TERMS);
  clock.advance(3000);
  worker.answers = false;
  clock.advance(1000);
  worker.say({ type: "pong", count: 1 });
  worker.say({ type: "pong", count: 3 });
  clock.advance(10_000);
  assert.match(compartment.death!, /has not answered/);
});

const FATAL: Readonly<Record<string, (worker: FakeWorker) => void>> = {
  "a message that is not in the table": (worker) => worker.say({ type: "opened", kernel: null, more: 1 }),
  "a message that cannot be read": (worker) => worker.onmessageerror?.(),
  "the warden failed: out of memory": (worker) => {
    let prevented = false;
    worker.onerror?.({ message: "out of memory", preventDefault: () => void (prevented = true) });
    assert.equal(prevented, true, "or this process would end too");
  },
};

for (const [reason, act] of Object.entries(FATAL)) {
  test(`warden: ${reason} loses it at once`, async () => {
    using parts = open();
    const { clock, warden, worker, undertaker, opened } = parts;
    undertaker.onmessage = () => undertaker.postMessage({ killed: 0, survivors: 0 });
    const compartment = warden.compartment(TERMS);
    act(worker);
    assert.ok(compartment.death!.includes(reason));
    assert.ok((await warden.lost).includes(reason));
    await assert.rejects(opened);
    assert.deepEqual([worker.terminations, clock.pending], [1, 0]);
  });
}

test("warden: an undertaker that does not answer is not waited for without end", async () => {
  for (
    const [act, withinMs] of [["a message that cannot be read", 6000], [
      "the warden failed: out of memory",
      500,
    ]] as const
  ) {
    using parts = open();
    const { clock, worker, lost } = parts;
    FATAL[act]!(worker);
    clock.advance(withinMs - 1);
    await flush();
    assert.deepEqual([lost.length, worker.terminations], [0, 0]);
    clock.advance(1);
    await flush();
    assert.deepEqual([lost.length, worker.terminations, clock.pending], [1, 1, 0]);
  }
});

test("warden: what it says of a compartment reaches that compartment alone", async () => {
  using parts = open();
  const { warden, worker } = parts;
  const [one, other] = ["one", "other"].map((name) => warden.compartment({ ...TERMS, compartment: name }));
  assert.deepEqual(worker.kinds, ["open", "make", "make"]);
  worker.say({ type: "made", compartment: "one" });
  await one!.ready;
  worker.say({ type: "not_made", compartment: "other", reason: "Landlock: EPERM", machine: false });
  assert.match(other!.death!, /Landlock: EPERM/);
  for (const type of ["made", "not_made", "died"]) {
    const more = type === "made" ? {} : type === "died" ? { reason: "" } : { reason: "", machine: false };
    worker.say({ type, compartment: "unknown", ...more });
  }
  worker.say({ type: "died", compartment: "one", reason: "it failed" });
  assert.deepEqual([one!.death, worker.kinds.at(-1)], [null, "make"]);
  one!.close();
});

test("warden: compartments of one tool are told apart by their own names", async () => {
  using parts = open();
  const { warden, worker } = parts;
  const first = warden.compartment({ ...TERMS, compartment: "nmap" });
  worker.say({ type: "made", compartment: "nmap" });
  const second = warden.compartment({ ...TERMS, compartment: "nmap.2" });
  const order = orderOf();
  void second.run(order, "/", never);
  worker.say({ type: "died", compartment: "nmap", reason: "it failed" });
  worker.say({ type: "made", compartment: "nmap.2" });
  await flush();
  const begun = worker.told.filter((message) => message.type === "begin").map(({ terms }) =>
    terms.compartment
  );
  assert.deepEqual(begun, ["nmap.2"]);
  first.close();
  assert.deepEqual(worker.told.at(-1), { type: "drop", compartment: "nmap" });
  // A name that is free again is another's.
  const third = warden.compartment({ ...TERMS, compartment: "nmap" });
  worker.say({ type: "made", compartment: "nmap" });
  await third.ready;
  assert.match(first.death!, /it was closed/);
  second.close();
  third.close();
});

test("warden: a compartment that is asked for while it closes, or after, is made and dropped, or not made at all", async () => {
  using parts = await running();
  const { warden, worker, order } = parts;
  const closing = parts.close();
  const late = warden.compartment({ ...TERMS, compartment: "late" });
  assert.match(late.death!, /it was closed/);
  assert.deepEqual(worker.told.slice(-2).map(({ type }) => type), ["make", "drop"]);
  worker.say({ type: "gone", run: order.id, killed: 0, survivors: 0, note: null });
  worker.say({ type: "closed" });
  await closing;
  const count = worker.told.length;
  assert.match(warden.compartment({ ...TERMS, compartment: "later" }).death!, /it was closed/);
  assert.equal(worker.told.length, count);
});

test("warden: word that comes again of a run's end does not close it twice", async () => {
  using parts = open();
  const { warden, worker } = parts;
  const closing = warden.close();
  worker.say({ type: "gone", run: "r", killed: 0, survivors: 0, note: null });
  assert.deepEqual(worker.kinds, ["open", "close"]);
  worker.say({ type: "closed" });
  await closing;
});

test("warden: what dead servers left is reaped, each answered for itself", async () => {
  using parts = open();
  const { warden, worker } = parts;
  assert.deepEqual(await warden.reap([]), []);
  assert.deepEqual(worker.kinds, ["open"]);
  const reaped = warden.reap(["00000000bb", "00000000cc"]);
  worker.say({ type: "reaped", nonce: "00000000cc", killed: 2, survivors: 0 });
  worker.say({ type: "reaped", nonce: "00000000dd", killed: 9, survivors: 9 });
  worker.say({ type: "reaped", nonce: "00000000bb", killed: 1, survivors: 1 });
  assert.deepEqual((await reaped).map(({ nonce, killed }) => [nonce, killed]), [["00000000bb", 1], [
    "00000000cc",
    2,
  ]]);
});

/** A warden with a run under way. */
async function running() {
  const parts = open();
  const compartment = parts.warden.compartment(TERMS);
  parts.worker.say({ type: "made", compartment: TERMS.compartment });
  const order = orderOf();
  const execution = compartment.run(order, "/", never);
  await flush();
  let closed = false;
  const close = () => parts.warden.close().then(() => closed = true);
  return { ...parts, order, execution, close, isClosed: () => closed };
}

test("warden: closing waits for word that nothing is left, then for the warden's own end", async () => {
  using parts = await running();
  const { worker, clock, order } = parts;
  const closing = parts.close();
  assert.equal((await parts.execution).status, "lost");
  assert.deepEqual(worker.kinds.slice(-2), ["drop", "end"]);
  await flush();
  assert.equal(parts.isClosed(), false);
  worker.say({ type: "gone", run: order.id, killed: 1, survivors: 0, note: null });
  await flush();
  assert.deepEqual([parts.isClosed(), worker.kinds.at(-1), worker.terminations], [false, "close", 0]);
  worker.say({ type: "closed" });
  await closing;
  assert.deepEqual([worker.terminations, clock.pending, parts.gone], [1, 0, [`${order.id} 1`]]);
  await parts.warden.close();
  assert.deepEqual([worker.terminations, parts.lost], [1, []]);
});

test("warden: closing does not wait for ever", async () => {
  using parts = await running();
  const closing = parts.close();
  await flush();
  parts.clock.advance(5999);
  await flush();
  assert.equal(parts.isClosed(), false);
  parts.clock.advance(1);
  await closing;
  assert.deepEqual([parts.worker.terminations, parts.clock.pending], [1, 0]);
});

test("warden: with nothing under way it closes at once", async () => {
  using parts = open();
  const { warden, worker, clock } = parts;
  const closing = warden.close();
  assert.deepEqual(worker.kinds, ["open", "close"]);
  worker.say({ type: "closed" });
  await closing;
  assert.deepEqual([worker.terminations, clock.pending], [1, 0]);
});

for (const tier of ["basic", "kernel"] as const) {
  test(`real warden, tier ${tier}: what is not in the table ends it, with all that runs`, async () => {
    if (tier === "kernel" && Deno.build.os !== "linux") return;
    const live = new LiveWarden(tier);
    await live.open();
    const compartment = live.compartment("sh");
    await compartment.ready;
    let pid = "";
    const begun = Promise.withResolvers<void>();
    const order = orderOf({ args: ["-c", "echo $$; exec sleep 20"] });
    const execution = compartment.run(order, live.folder, never, (_, bytes) => {
      pid = new TextDecoder().decode(bytes).trim();
      begun.resolve();
    });
    await begun.promise;
    assert.equal(isAlive(pid), true);
    // A nonce that is none, which no honest caller has.
    void live.warden.reap(["none"]);
    assert.match(await live.warden.lost, /warden failed: .*not in the table/);
    // Killed by the warden's last act, which the compartment may have seen before it was told.
    const { status } = await execution;
    assert.ok(status === "lost" || status === "ended", status);
    assert.match(compartment.death!, /not in the table/);
    if (tier === "kernel") assert.equal(isAlive(pid), false);
    await live[Symbol.asyncDispose]();
  });
}
