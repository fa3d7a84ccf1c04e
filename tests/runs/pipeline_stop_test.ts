/** Cancellation, the end of the server, and the books at the end. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Execution } from "../../src/confinement/compartment.ts";
import type { NameFact } from "../../src/policy/facts.ts";
import {
  breakerOf,
  endedWith,
  flush,
  LOST,
  makeEngine,
  permitsOut,
  refusalIn,
  resultIn,
  toolOf,
} from "../support/engine.ts";

const aim = { target: "10.0.0.5" };

Deno.test("pipeline: a client that leaves while its run goes on cancels it", async () => {
  const engine = makeEngine();
  const client = new AbortController();
  const answer = engine.run(aim, { signal: client.signal });
  await flush();
  client.abort();
  assert.deepEqual([resultIn(await answer).outcome, resultIn(await answer).error_type], [
    "cancelled",
    "cancelled",
  ]);
  assert.equal(permitsOut(engine), 0);
});

Deno.test("pipeline: a client that leaves while it waits is refused, and the queue's place is free again", async () => {
  const engine = makeEngine();
  const client = new AbortController();
  const first = engine.run();
  const second = engine.run(aim, { signal: client.signal });
  await flush();
  client.abort();
  assert.equal(refusalIn(await second).condition, "cancelled");
  assert.equal(engine.toolbox.get("probe")!.semaphore.queued, 0);
  engine.executor.pending[0]!.end();
  resultIn(await first);
  assert.equal(engine.executor.orders.length, 1);
});

Deno.test("pipeline: a client that has left already starts nothing", async () => {
  const engine = makeEngine();
  assert.equal(refusalIn(await engine.run(aim, { signal: AbortSignal.abort() })).condition, "cancelled");
  assert.deepEqual(engine.executor.orders, []);
});

Deno.test("pipeline: output is passed on as it comes", async () => {
  const engine = makeEngine();
  const heard: string[] = [];
  const onOutput = (stream: string, bytes: Uint8Array) => heard.push(`${stream}:${bytes.length}`);
  const answer = engine.run(aim, { onOutput });
  await flush();
  engine.executor.pending[0]!.onOutput("stdout", new Uint8Array(3));
  engine.executor.pending[0]!.end();
  await answer;
  assert.deepEqual(heard, ["stdout:3"]);
});

Deno.test("pipeline: shutting down refuses new and waiting runs and lets running ones finish", async () => {
  const engine = makeEngine();
  const first = engine.run();
  const waiting = engine.run();
  await flush();
  assert.equal(engine.pipeline.admitting, true);
  const down = engine.pipeline.shutDown(30_000, new AbortController().signal);
  assert.equal(engine.pipeline.admitting, false);
  assert.equal(refusalIn(await engine.run()).condition, "shutting_down");
  engine.clock.advance(29_999);
  await flush();
  engine.executor.pending[0]!.end();
  assert.equal(resultIn(await first).outcome, "success");
  assert.equal(refusalIn(await waiting).condition, "shutting_down");
  await down;
  assert.equal(engine.clock.pending, 0);
  assert.equal(permitsOut(engine), 0);
});

Deno.test("pipeline: nothing is looked up any more for a run that is refused", async () => {
  const asked: string[] = [];
  const resolve = (name: string) => {
    asked.push(name);
    return Promise.resolve({ ok: false, reason: "it is asked too late", remedy: "" } as const);
  };
  const engine = makeEngine({ lookups: { resolve } });
  await engine.pipeline.shutDown(30_000, new AbortController().signal);
  for (const target of ["web.lab.internal", "8.8.8.8"]) {
    assert.equal(refusalIn(await engine.run({ target })).condition, "shutting_down");
  }
  assert.equal(refusalIn(await engine.run(aim, {}, "unknown")).condition, "shutting_down");
  assert.deepEqual(asked, []);
});

for (const leaves of [false, true]) {
  const title = leaves ? "a client that left is cancelled" : "a run is refused at once";
  Deno.test(`pipeline: shutting down while its name is looked up, ${title}`, async () => {
    let ended = false;
    const resolve = (_name: string, signal: AbortSignal) =>
      new Promise<NameFact>((resolve) =>
        signal.addEventListener("abort", () => {
          ended = true;
          resolve({ ok: false, reason: "it was cancelled", remedy: "" });
        })
      );
    const engine = makeEngine({ lookups: { resolve } });
    const client = new AbortController();
    const answer = engine.run({ target: "web.lab.internal" }, { signal: client.signal });
    await flush();
    if (leaves) client.abort();
    const down = engine.pipeline.shutDown(30_000, new AbortController().signal);
    assert.equal(refusalIn(await answer).condition, leaves ? "cancelled" : "shutting_down");
    assert.ok(ended);
    await down;
    assert.equal(engine.clock.pending, 0);
  });
}

Deno.test("pipeline: what still runs at the end of the grace is cancelled", async () => {
  const engine = makeEngine();
  const first = engine.run();
  await flush();
  const down = engine.pipeline.shutDown(30_000, new AbortController().signal);
  await flush();
  engine.clock.advance(30_000);
  assert.equal(resultIn(await first).outcome, "cancelled");
  await down;
  assert.equal(breakerOf(engine).excluded, 1);
});

for (const already of [false, true]) {
  Deno.test(`pipeline: a hurry ${already ? "from before" : "during"} the grace ends it at once`, async () => {
    const engine = makeEngine();
    const first = engine.run();
    await flush();
    const hurry = new AbortController();
    if (already) hurry.abort();
    const down = engine.pipeline.shutDown(30_000, hurry.signal);
    hurry.abort();
    assert.equal(resultIn(await first).outcome, "cancelled");
    await down;
    assert.equal(engine.clock.pending, 0);
  });
}

Deno.test("pipeline: with nothing going on, shutting down is done at once", async () => {
  const engine = makeEngine();
  await engine.pipeline.shutDown(30_000, new AbortController().signal);
  assert.equal(engine.clock.pending, 0);
});

Deno.test("pipeline: whatever happens, each run is answered and counted once and every permit comes back", async () => {
  const executions: readonly Execution[] = [
    endedWith(),
    endedWith({ code: 3 }),
    endedWith({ code: null, signal: "SIGKILL" }),
    endedWith({ code: null, cause: "timeout" }),
    endedWith({ code: null, cause: "cancelled" }),
    { status: "not_started", reason: "gone" },
    LOST,
  ];
  type Step = { kind: "start" | "end" | "abort" | "advance"; pick: number };
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom("start", "start", "end", "abort", "advance"),
    pick: fc.nat(1000),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, shared) => {
        const tools = ["probe", "other"].map((name) => toolOf({ name, concurrency: 2, max_queue: 1 }));
        const engine = makeEngine({ tools, settings: { maxConcurrency: shared } });
        const pending = () => [...engine.executors.values()].flatMap((executor) => executor.pending);
        const answers: Promise<unknown>[] = [];
        const clients: AbortController[] = [];
        for (const { kind, pick } of steps) {
          if (kind === "start") {
            const client = new AbortController();
            clients.push(client);
            const request = pick % 5 === 0 ? { target: "8.8.8.8" } : aim;
            answers.push(engine.run(request, { signal: client.signal }, tools[pick % 2]!.name));
          } else if (kind === "end") {
            pending()[pick % Math.max(1, pending().length)]?.end(executions[pick % executions.length]!);
          } else if (kind === "abort") clients[pick % Math.max(1, clients.length)]?.abort();
          else engine.clock.advance(pick * 20);
          await flush();
          assert(pending().length <= shared);
          assert.equal(pending().length <= permitsOut(engine), true);
        }
        while (pending().length > 0) {
          pending()[0]!.end();
          await flush();
        }
        await Promise.all(answers);
        assert.equal(permitsOut(engine), 0);
        for (const { breaker, semaphore } of engine.toolbox.values()) {
          const { calls, successes, failures, excluded } = breaker.statistics();
          assert.equal(calls, successes + failures + excluded);
          assert.equal(semaphore.queued, 0);
        }
      },
    ),
    { numRuns: 60 },
  );
});
