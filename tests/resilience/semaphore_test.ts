import assert from "node:assert/strict";
import {
  type Acquired,
  type AcquireOptions,
  type Permit,
  Semaphore,
} from "../../src/resilience/semaphore.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { CountedAbortController } from "./counted_signal.ts";

function setUp(permits: number, maxQueue: number) {
  const clock = new FakeClock();
  const semaphore = new Semaphore({ permits, maxQueue, clock });
  /** Names of the callers that got a permit, in the order in which they got it. */
  const order: string[] = [];
  const take = async (name: string, options?: AcquireOptions): Promise<Permit> => {
    const permit = permitOf(await semaphore.acquire(options));
    order.push(name);
    return permit;
  };
  return { clock, semaphore, order, take };
}

function permitOf(acquired: Acquired): Permit {
  assert(acquired.ok, "a permit was expected");
  return acquired.permit;
}

/** Lets everything run that waits for nothing but its turn. */
function flush(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("semaphore: grants up to its permits at once and then makes callers wait", async () => {
  const { semaphore, order, take } = setUp(2, 5);
  const [a] = await Promise.all([take("a"), take("b")]);
  const c = take("c");
  await flush();
  assert.deepEqual(order, ["a", "b"]);
  assert.deepEqual([semaphore.running, semaphore.queued], [2, 1]);
  a.release();
  await c;
  assert.deepEqual([semaphore.running, semaphore.queued], [2, 0]);
});

Deno.test("semaphore: serves waiters in the order in which they came", async () => {
  const { order, take } = setUp(1, 5);
  const names = ["a", "b", "c", "d"];
  await Promise.all(names.map(async (name) => (await take(name)).release()));
  assert.deepEqual(order, names);
});

Deno.test("semaphore: a newcomer never takes the freed place while someone waits", async () => {
  const { semaphore, order, take } = setUp(1, 5);
  const a = await take("a");
  const waiter = take("waiter");
  a.release();
  // The waiter's promise has not yet run, but the permit is its own already.
  assert.deepEqual([semaphore.running, semaphore.queued], [1, 0]);
  const newcomer = take("newcomer");
  (await waiter).release();
  await newcomer;
  assert.deepEqual(order, ["a", "waiter", "newcomer"]);
});

Deno.test("semaphore: a permit goes back once, by release() or by dispose", async () => {
  const { semaphore, take } = setUp(2, 5);
  const [a] = await Promise.all([take("a"), take("b")]);
  a.release();
  a.release();
  a[Symbol.dispose]();
  assert.equal(semaphore.running, 1);
  {
    using _c = await take("c");
    assert.equal(semaphore.running, 2);
  }
  assert.equal(semaphore.running, 1);
});

Deno.test("semaphore: a full queue refuses at once instead of growing (D27)", async () => {
  const { semaphore, take } = setUp(1, 2);
  await take("a");
  void take("b");
  void take("c");
  const refused = await semaphore.acquire();
  assert.deepEqual(refused, { ok: false, code: "queue_full", retryAfterMs: 3_000 });
  assert.equal(semaphore.queued, 2);
});

Deno.test("semaphore: a queue without bound cannot be asked for (D27)", () => {
  const clock = new FakeClock();
  assert.throws(() => new Semaphore({ permits: 1, maxQueue: Infinity, clock }), RangeError);
});

Deno.test("semaphore: with maxQueue 0 a caller runs at once or is refused at once", async () => {
  const { semaphore, take } = setUp(1, 0);
  const a = await take("a");
  assert.deepEqual(await semaphore.acquire(), { ok: false, code: "queue_full", retryAfterMs: 1_000 });
  a.release();
  await take("b");
});

Deno.test("semaphore: a signal that is aborted already is refused at once, even with a permit free", async () => {
  const { semaphore } = setUp(1, 5);
  assert.deepEqual(await semaphore.acquire({ signal: AbortSignal.abort() }), { ok: false, code: "aborted" });
  assert.equal(semaphore.running, 0);
});

Deno.test("semaphore: an aborted waiter leaves at once, without listener or timer, and keeps its place free", async () => {
  const { clock, semaphore, order, take } = setUp(1, 5);
  const a = await take("a");
  const controller = new CountedAbortController();
  const aborted = semaphore.acquire({ signal: controller.signal, maxWaitMs: 100 });
  const c = take("c");
  assert.deepEqual([semaphore.queued, controller.listeners, clock.pending], [2, 1, 1]);
  controller.abort();
  assert.deepEqual([semaphore.queued, controller.listeners, clock.pending], [1, 0, 0]);
  assert.deepEqual(await aborted, { ok: false, code: "aborted" });
  a.release();
  await c;
  assert.deepEqual(order, ["a", "c"]);
});

Deno.test("semaphore: one signal ends the wait of all who share it", async () => {
  const { semaphore, take } = setUp(1, 5);
  await take("a");
  const controller = new CountedAbortController();
  const waits = [1, 2, 3].map(() => semaphore.acquire({ signal: controller.signal }));
  assert.equal(controller.listeners, 3);
  controller.abort();
  assert.deepEqual([semaphore.queued, controller.listeners], [0, 0]);
  for (const wait of waits) assert.equal((await wait).ok, false);
});

Deno.test("semaphore: an abort after the grant, in the same tick, leaves the permit with the caller", async () => {
  const { semaphore, take } = setUp(1, 5);
  const a = await take("a");
  const controller = new CountedAbortController();
  const b = semaphore.acquire({ signal: controller.signal });
  a.release();
  controller.abort();
  const permit = permitOf(await b);
  assert.deepEqual([semaphore.running, controller.listeners], [1, 0]);
  permit.release();
  assert.equal(semaphore.running, 0);
});

Deno.test("semaphore: an abort before the release, in the same tick, passes the permit to the next", async () => {
  const { semaphore, take } = setUp(1, 5);
  const a = await take("a");
  const controller = new AbortController();
  const b = semaphore.acquire({ signal: controller.signal });
  const c = take("c");
  controller.abort();
  a.release();
  assert.deepEqual(await b, { ok: false, code: "aborted" });
  await c;
  assert.equal(semaphore.running, 1);
});

Deno.test("semaphore: a permit that the abort itself sets free goes past those who share the signal", async () => {
  const { semaphore, take } = setUp(1, 5);
  const a = await take("a");
  const controller = new CountedAbortController();
  // This listener comes before the semaphore's own, as that of a running call does.
  controller.signal.addEventListener("abort", () => a.release(), { once: true });
  const b = semaphore.acquire({ signal: controller.signal });
  const c = take("c");
  controller.abort();
  assert.deepEqual([semaphore.running, semaphore.queued], [1, 0]);
  assert.deepEqual(await b, { ok: false, code: "aborted" });
  (await c).release();
  assert.equal(semaphore.running, 0);
});

Deno.test("semaphore: a wait ends at its deadline and not before", async () => {
  const { clock, semaphore, take } = setUp(1, 5);
  await take("a");
  const controller = new CountedAbortController();
  const b = semaphore.acquire({ signal: controller.signal, maxWaitMs: 100 });
  clock.advance(99);
  assert.equal(semaphore.queued, 1);
  clock.advance(1);
  assert.deepEqual([semaphore.queued, controller.listeners, clock.pending], [0, 0, 0]);
  assert.deepEqual(await b, { ok: false, code: "wait_timeout", retryAfterMs: 1_000 });
});

Deno.test("semaphore: with maxWaitMs 0 a caller never waits", async () => {
  const { semaphore, take } = setUp(1, 5);
  const a = await take("a", { maxWaitMs: 0 });
  const refused = await semaphore.acquire({ maxWaitMs: 0 });
  assert.deepEqual(refused, { ok: false, code: "wait_timeout", retryAfterMs: 1_000 });
  a.release();
});

Deno.test("semaphore: a grant takes away the listener and the timer of the wait", async () => {
  const { clock, take } = setUp(1, 5);
  const a = await take("a");
  const controller = new CountedAbortController();
  const b = take("b", { signal: controller.signal, maxWaitMs: 100 });
  a.release();
  assert.deepEqual([controller.listeners, clock.pending], [0, 0]);
  await b;
});

Deno.test("semaphore: a caller that need not wait leaves no listener and no timer", async () => {
  const { clock, take } = setUp(1, 5);
  const controller = new CountedAbortController();
  await take("a", { signal: controller.signal, maxWaitMs: 100 });
  assert.deepEqual([controller.listeners, clock.pending], [0, 0]);
});

Deno.test("semaphore: permit.waitedMs is the time in the queue", async () => {
  const { clock, take } = setUp(1, 5);
  const a = await take("a");
  const b = take("b");
  clock.advance(30);
  a.release();
  clock.advance(5);
  assert.deepEqual([a.waitedMs, (await b).waitedMs], [0, 30]);
});

Deno.test("semaphore: retryAfterMs follows the recent hold times, the queue and the permits", async () => {
  const { clock, semaphore, take } = setUp(2, 1);
  for (const holdMs of [100, 300]) {
    const permit = await take("warm-up");
    clock.advance(holdMs);
    permit.release();
  }
  await Promise.all([take("a"), take("b")]);
  void take("c");
  // Two turns (the one in the queue and the caller's own) of 200 ms each, two at a time.
  assert.deepEqual(await semaphore.acquire(), { ok: false, code: "queue_full", retryAfterMs: 200 });
  // One turn more for each that runs beyond the new limit, and now one at a time.
  semaphore.setLimits({ permits: 1 });
  assert.deepEqual(await semaphore.acquire(), { ok: false, code: "queue_full", retryAfterMs: 600 });
});

Deno.test("semaphore: retryAfterMs forgets hold times after 16 newer ones and is never below 1", async () => {
  const { clock, semaphore, take } = setUp(1, 0);
  const hold = async (holdMs: number) => {
    const permit = await take("hold");
    clock.advance(holdMs);
    permit.release();
  };
  await hold(16_000);
  for (let i = 0; i < 15; i++) await hold(0);
  const permit = await take("a");
  assert.deepEqual(await semaphore.acquire(), { ok: false, code: "queue_full", retryAfterMs: 1_000 });
  permit.release();
  await take("b");
  assert.deepEqual(await semaphore.acquire(), { ok: false, code: "queue_full", retryAfterMs: 1 });
});

Deno.test("semaphore: raising the permits wakes waiters at once, in order", async () => {
  const { semaphore, order, take } = setUp(1, 5);
  await take("a");
  const waits = ["b", "c", "d"].map((name) => take(name));
  semaphore.setLimits({ permits: 3 });
  assert.deepEqual([semaphore.running, semaphore.queued, semaphore.permits], [3, 1, 3]);
  await Promise.all(waits.slice(0, 2));
  assert.deepEqual(order, ["a", "b", "c"]);
});

Deno.test("semaphore: lowering the permits hands on only below the new limit and loses none", async () => {
  const { semaphore, take } = setUp(3, 5);
  const [a, b, c] = await Promise.all([take("a"), take("b"), take("c")]);
  const d = take("d");
  semaphore.setLimits({ permits: 1 });
  assert.equal(semaphore.running, 3);
  a.release();
  b.release();
  assert.deepEqual([semaphore.running, semaphore.queued], [1, 1]);
  c.release();
  await d;
  assert.deepEqual([semaphore.running, semaphore.queued], [1, 0]);
  semaphore.setLimits({ permits: 3 });
  await Promise.all([take("e"), take("f")]);
  assert.equal(semaphore.running, 3);
});

Deno.test("semaphore: lowering maxQueue keeps those who wait and refuses the next", async () => {
  const { semaphore, take } = setUp(1, 3);
  const a = await take("a");
  const b = take("b");
  const c = take("c");
  semaphore.setLimits({ maxQueue: 1 });
  assert.deepEqual([semaphore.queued, semaphore.maxQueue, semaphore.permits], [2, 1, 1]);
  assert.equal((await semaphore.acquire()).ok, false);
  a.release();
  assert.equal((await semaphore.acquire()).ok, false);
  (await b).release();
  (await c).release();
  assert.deepEqual([semaphore.running, semaphore.queued], [0, 0]);
});

Deno.test("semaphore: refuses limits and waits that are out of range, and changes nothing then", async () => {
  const clock = new FakeClock();
  for (const permits of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => new Semaphore({ permits, maxQueue: 0, clock }), RangeError);
  }
  for (const maxQueue of [-1, 0.5, NaN]) {
    assert.throws(() => new Semaphore({ permits: 1, maxQueue, clock }), RangeError);
  }
  const semaphore = new Semaphore({ permits: 1, maxQueue: 1, clock });
  assert.throws(
    () => semaphore.setLimits({ permits: 2, maxQueue: -1 }),
    /maxQueue must be an integer of at least 0/,
  );
  assert.throws(
    () => semaphore.setLimits({ permits: 0, maxQueue: 2 }),
    /permits must be an integer of at least 1/,
  );
  assert.deepEqual([semaphore.permits, semaphore.maxQueue], [1, 1]);
  for (const maxWaitMs of [-1, NaN, Infinity, 2 ** 31]) {
    await assert.rejects(semaphore.acquire({ maxWaitMs }), RangeError);
  }
  assert.deepEqual([semaphore.running, semaphore.queued], [0, 0]);
});

Deno.test("semaphore: a long queue whose waiters leave from the middle stays quick", async () => {
  const { semaphore, take } = setUp(1, 20_000);
  const a = await take("a");
  const controllers = Array.from({ length: 20_000 }, () => new AbortController());
  const waits = controllers.map(({ signal }) => semaphore.acquire({ signal }));
  const startMs = performance.now();
  for (const controller of controllers.slice(1).reverse()) controller.abort();
  assert(performance.now() - startMs < 5_000);
  assert.equal(semaphore.queued, 1);
  a.release();
  await Promise.all(waits);
});

Deno.test("semaphore: who waited goes on before a newcomer that finds a permit in the same moment", async () => {
  const { semaphore, order, take } = setUp(2, 5);
  const [a, b] = await Promise.all([take("a"), take("b")]);
  const waiter = take("waiter");
  a.release();
  b.release();
  const newcomer = take("newcomer");
  await Promise.all([waiter, newcomer]);
  assert.deepEqual(order, ["a", "b", "waiter", "newcomer"]);
  assert.equal(semaphore.running, 2);
});
