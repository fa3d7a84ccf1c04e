import assert from "node:assert/strict";
import { Gate } from "../../src/runs/admission.ts";
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
  const gate = new Gate(toolbox, maxConcurrency, clock);
  const admit = async () => {
    const step = await gate.admit(entry, new AbortController().signal);
    assert(step.ok, step.ok ? "" : step.refusal.error);
    return step.value;
  };
  return { gate, entry, admit, clock };
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
  const first = await gate.admit(entry, signal);
  const waiting = gate.admit(entry, signal);
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
  const first = await gate.admit(entry, signal);
  const waiting = gate.admit(entry, signal);
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
  const first = await gate.admit(entry, new AbortController().signal);
  const waiting = gate.admit(entry, client.signal);
  await flush();
  assert.equal(entry.semaphore.running, 2);
  client.abort();
  const second = await waiting;
  assert.equal(!second.ok && second.refusal.condition, "cancelled");
  assert.equal(entry.semaphore.running, 1);
  assert(first.ok);
  first.value.release();
});
