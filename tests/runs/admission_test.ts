import assert from "node:assert/strict";
import { Gate, type RateLimiting } from "../../src/runs/admission.ts";
import type { Classification } from "../../src/runs/classify.ts";
import { flush, makeEngine, toolOf } from "../support/engine.ts";

const failed: Classification = {
  outcome: "failure",
  error: "x",
  errorType: "execution_error",
  breaker: "failure",
};

function setUp(maxConcurrency = 4) {
  const { toolbox, clock } = makeEngine({ tools: [toolOf({ concurrency: 2, max_queue: 4 })] });
  const entry = toolbox.get("probe")!;
  const settings: { maxConcurrency: number; rateLimiter: RateLimiting | null } = {
    maxConcurrency,
    rateLimiter: null,
  };
  const gate = new Gate(() => settings, clock);
  const admit = async () => {
    const step = await gate.admit(entry, "client", new AbortController().signal);
    assert(step.ok, step.ok ? "" : step.refusal.error);
    return step.value;
  };
  return { gate, entry, admit, clock, settings };
}

Deno.test("admission: what was recorded counts, and releasing afterwards adds nothing", async () => {
  const { entry, admit } = setUp();
  const admission = await admit();
  admission.record(failed);
  admission.release();
  const { failures, excluded, failureReasons } = entry.breaker.statistics();
  assert.deepEqual([failures, excluded, failureReasons], [1, 0, { execution_error: 1 }]);
  assert.equal(entry.semaphore.running, 0);
});

Deno.test("admission: what was never recorded says nothing about the tool", async () => {
  const { entry, admit } = setUp();
  (await admit()).release();
  assert.equal(entry.breaker.statistics().excluded, 1);
});

Deno.test("admission: giving a place back twice gives it back once", async () => {
  const { entry, admit } = setUp();
  const first = await admit();
  const second = await admit();
  first.release();
  first.release();
  assert.equal(entry.semaphore.running, 1);
  second.release();
});

Deno.test("admission: a long wait never holds the half-open probe", async () => {
  const { entry, gate, clock } = setUp(1);
  const { signal } = new AbortController();
  const first = await gate.admit(entry, "client", signal);
  const waiting = gate.admit(entry, "client", signal);
  await flush();
  entry.breaker.forceOpen();
  entry.breaker.reset();
  // Nobody but the running one has a ticket: the waiter takes its own only at its turn.
  assert.equal(entry.breaker.statistics().calls, 1);
  clock.advance(700);
  assert(first.ok);
  first.value.release();
  const second = await waiting;
  assert(second.ok);
  assert.equal(second.value.waitedMs, 700);
  second.value.release();
});

Deno.test("admission: whoever waits when the gate closes is refused at its turn", async () => {
  const { entry, gate } = setUp(1);
  const { signal } = new AbortController();
  const first = await gate.admit(entry, "client", signal);
  const waiting = gate.admit(entry, "client", signal);
  await flush();
  gate.close();
  assert(first.ok);
  first.value.release();
  const second = await waiting;
  assert.equal(!second.ok && second.refusal.condition, "shutting_down");
  assert.equal(entry.semaphore.running, 0);
});

Deno.test("admission: an abort while waiting for the whole gives the tool's own permit back", async () => {
  const { entry, gate } = setUp(1);
  const client = new AbortController();
  const first = await gate.admit(entry, "client", new AbortController().signal);
  const waiting = gate.admit(entry, "client", client.signal);
  await flush();
  assert.equal(entry.semaphore.running, 2);
  client.abort();
  const second = await waiting;
  assert.equal(!second.ok && second.refusal.condition, "cancelled");
  assert.equal(entry.semaphore.running, 1);
  assert(first.ok);
  first.value.release();
});

Deno.test("admission: a limit that is raised lets those in that wait for all tools together", async () => {
  const { entry, gate, clock, settings } = setUp(1);
  const { signal } = new AbortController();
  const first = await gate.admit(entry, "client", signal);
  const second = gate.admit(entry, "client", signal);
  await flush();
  clock.advance(700);
  settings.maxConcurrency = 2;
  gate.refresh();
  const step = await second;
  assert(step.ok && step.value.waitedMs === 700);
  assert(first.ok);
});

Deno.test("admission: closing refuses those that wait at once, whatever they wait for", async () => {
  const { entry, gate } = setUp(1);
  const { signal } = new AbortController();
  const first = await gate.admit(entry, "client", signal);
  // The second waits for the whole, the third and the fourth for the tool.
  const waiting = [1, 2, 3].map(() => gate.admit(entry, "client", signal));
  await flush();
  gate.close();
  for (const step of await Promise.all(waiting)) {
    assert(!step.ok && step.refusal.condition === "shutting_down");
  }
  assert(first.ok);
  first.value.release();
  assert.deepEqual([entry.semaphore.running, entry.semaphore.queued], [0, 0]);
});

Deno.test("admission: a client's rate is its own, for each tool, and comes before everything else", async () => {
  const { entry, gate, settings } = setUp();
  const keys: string[] = [];
  settings.rateLimiter = {
    take(key) {
      keys.push(key);
      return key.endsWith("greedy") ? { ok: false, retryAfterMs: 1200 } : { ok: true };
    },
  };
  const { signal } = new AbortController();
  const refused = await gate.admit(entry, "greedy", signal);
  assert(!refused.ok);
  assert.deepEqual([refused.refusal.condition, refused.refusal.retryAfterSec], ["rate_limited", 2]);
  assert.deepEqual([entry.semaphore.running, entry.breaker.statistics().rejections], [0, 0]);
  const step = await gate.admit(entry, "modest", signal);
  assert(step.ok);
  step.value.release();
  assert.deepEqual(keys, ["probe greedy", "probe modest"]);
});
