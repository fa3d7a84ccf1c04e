/** Taking turns, and the circuit breaker. */
import assert from "node:assert/strict";
import { toolInformation } from "../../src/runs/describe_tool.ts";
import { readTools } from "../../src/runs/measure.ts";
import {
  breakerOf,
  endedWith,
  flush,
  makeEngine,
  permitsOut,
  refusalIn,
  resultIn,
  runOnce,
  type TestEngine,
  toolOf,
} from "../support/engine.ts";

const aim = { target: "10.0.0.5" };

Deno.test("pipeline: a run waits for its turn, and its wait is reported apart from its time (D13)", async () => {
  const engine = makeEngine();
  const first = engine.run();
  const second = engine.run();
  await flush();
  assert.equal(engine.executor.pending.length, 1);
  engine.clock.advance(2500);
  engine.executor.pending[0]!.end();
  await flush();
  engine.executor.pending[0]!.end();
  assert.deepEqual([resultIn(await first).queue_time_sec, resultIn(await second).queue_time_sec], [0, 2.5]);
});

Deno.test("pipeline: as many runs go on as the tool's concurrency allows", async () => {
  const engine = makeEngine({ tools: [toolOf({ concurrency: 3 })] });
  const answers = Array.from({ length: 5 }, () => engine.run());
  await flush();
  assert.equal(engine.executor.pending.length, 3);
  for (let left = 5; left > 0; left--) {
    engine.executor.pending[0]!.end();
    await flush();
    assert.equal(engine.executor.pending.length, Math.min(3, left - 1));
  }
  for (const answer of answers) resultIn(await answer);
});

Deno.test("pipeline: a full queue refuses with a time after which to try again", async () => {
  const engine = makeEngine();
  const going = [engine.run(), engine.run(), engine.run()];
  await flush();
  const refusal = refusalIn(await engine.run());
  assert.equal(refusal.condition, "queue_full");
  // One runs and two wait, each taken to last a second: three turns until a newcomer's.
  assert.equal(refusal.retryAfterSec, 3);
  for (const _ of going) {
    engine.executor.pending[0]!.end();
    await flush();
  }
  for (const answer of going) resultIn(await answer);
  assert.equal(breakerOf(engine).successes, 3);
});

Deno.test("pipeline: all tools together run no more than the whole allows", async () => {
  const tools = ["alpha", "beta"].map((name) => toolOf({ name, concurrency: 2 }));
  const engine = makeEngine({ tools, settings: { maxConcurrency: 2 } });
  const answers = ["alpha", "alpha", "beta", "beta"].map((name) => engine.run(aim, {}, name));
  await flush();
  const pending = () => [...engine.executors.values()].flatMap((executor) => executor.pending);
  assert.equal(pending().length, 2);
  engine.clock.advance(1000);
  for (const _ of answers) {
    pending()[0]!.end();
    await flush();
    assert(pending().length <= 2);
  }
  const waits = (await Promise.all(answers)).map((answer) => resultIn(answer).queue_time_sec);
  assert.deepEqual(waits, [0, 0, 1, 1]);
  assert.equal(permitsOut(engine), 0);
});

Deno.test("pipeline: whoever waits for a place among all tools is counted as waiting, not as running (D13)", async () => {
  const tools = ["alpha", "beta"].map((name) => toolOf({ name, concurrency: 2 }));
  const engine = makeEngine({ tools, settings: { maxConcurrency: 3 } });
  const answers = ["alpha", "alpha", "beta", "beta", "beta"].map((name) => engine.run(aim, {}, name));
  await flush();
  const numbers = () => readTools(engine.toolbox).map(({ running, queued }) => [running, queued]);
  assert.deepEqual(numbers(), [[2, 0], [1, 2]]);
  const { running, queued } = toolInformation(engine.toolbox.get("beta")!, engine.policy);
  assert.deepEqual([running, queued], [1, 2]);
  engine.executors.get("alpha")!.pending[0]!.end();
  await flush();
  assert.deepEqual(numbers(), [[1, 0], [2, 1]]);
  const pending = () => [...engine.executors.values()].flatMap((executor) => executor.pending);
  while (pending().length > 0) {
    pending()[0]!.end();
    await flush();
  }
  for (const answer of answers) resultIn(await answer);
  assert.deepEqual(numbers(), [[0, 0], [0, 0]]);
});

Deno.test("pipeline: those that the breaker turns away at their turn do not make the forecast of a full queue better", async () => {
  const engine = makeEngine({ tools: [toolOf({ max_queue: 16 })] });
  const answers = Array.from({ length: 17 }, () => engine.run());
  await flush();
  for (let count = 0; count < 2; count++) {
    engine.clock.advance(30_000);
    engine.executor.pending[0]!.end(endedWith({ code: 1 }));
    await flush();
  }
  const conditions = (await Promise.all(answers.slice(2))).map((answer) => refusalIn(answer).condition);
  assert.deepEqual(new Set(conditions), new Set(["breaker_open"]));
  engine.toolbox.get("probe")!.breaker.reset();
  const going = Array.from({ length: 17 }, () => engine.run());
  await flush();
  // One runs and sixteen wait, and the only two that ever ran took half a minute each.
  assert.equal(refusalIn(await engine.run()).retryAfterSec, 17 * 30);
  engine.executor.answer = () => endedWith();
  engine.executor.pending[0]!.end();
  for (const answer of going) resultIn(await answer);
});

Deno.test("pipeline: one tool's failures and queue leave the other tool alone", async () => {
  const engine = makeEngine({ tools: [toolOf(), toolOf({ name: "other" })] });
  engine.executor.answer = () => endedWith({ code: 1 });
  for (let count = 0; count < 2; count++) await engine.run();
  assert.equal(breakerOf(engine).state, "open");
  engine.executors.get("other")!.answer = () => endedWith();
  resultIn(await engine.run(aim, {}, "other"));
  assert.equal(breakerOf(engine, "other").state, "closed");
});

/** An engine whose breaker has just opened. */
async function withOpenBreaker(): Promise<TestEngine> {
  const engine = makeEngine();
  for (let count = 0; count < 2; count++) resultIn(await runOnce(engine, endedWith({ code: 1 })));
  engine.executor.answer = null;
  engine.executor.orders.length = 0;
  return engine;
}

Deno.test("pipeline: failures in a row open the breaker, which refuses until its time is over", async () => {
  const engine = await withOpenBreaker();
  const refusal = refusalIn(await engine.run());
  assert.deepEqual([refusal.condition, refusal.retryAfterSec], ["breaker_open", 10]);
  engine.clock.advance(9400);
  assert.equal(refusalIn(await engine.run()).retryAfterSec, 1, "whole seconds, never 0");
  assert.deepEqual(engine.executor.orders, []);
  assert.equal(engine.toolbox.get("probe")!.breaker.statistics().rejections, 2);
});

Deno.test("pipeline: after the recovery time one probe goes through alone, and its success closes the breaker", async () => {
  const engine = await withOpenBreaker();
  engine.clock.advance(10_000);
  const probe = engine.run();
  await flush();
  assert.equal(engine.executor.pending.length, 1);
  assert.equal(refusalIn(await engine.run()).condition, "breaker_open");
  engine.executor.pending[0]!.end();
  resultIn(await probe);
  assert.equal(breakerOf(engine).state, "closed");
});

Deno.test("pipeline: a failed probe opens the breaker again, for longer", async () => {
  const engine = await withOpenBreaker();
  engine.clock.advance(10_000);
  resultIn(await runOnce(engine, endedWith({ code: 1 })));
  assert.equal(refusalIn(await engine.run()).retryAfterSec, 15);
});

Deno.test("pipeline: a cancelled probe leaves the place to the next one", async () => {
  const engine = await withOpenBreaker();
  engine.clock.advance(10_000);
  const client = new AbortController();
  const probe = engine.run(aim, { signal: client.signal });
  await flush();
  client.abort();
  assert.equal(resultIn(await probe).outcome, "cancelled");
  resultIn(await runOnce(engine, endedWith()));
  assert.equal(breakerOf(engine).state, "closed");
});

Deno.test("pipeline: a run that waits when the breaker opens is refused at its turn, and takes no permit along", async () => {
  const engine = makeEngine();
  const answers = [engine.run(), engine.run(), engine.run()];
  await flush();
  for (let count = 0; count < 2; count++) {
    engine.executor.pending[0]!.end(endedWith({ code: 1 }));
    await flush();
  }
  assert.equal(refusalIn(await answers[2]!).condition, "breaker_open");
  assert.equal(engine.executor.orders.length, 2);
  assert.equal(permitsOut(engine), 0);
});

for (
  const [name, execution, request] of [
    ["refusals", null, { target: "8.8.8.8" }],
    ["cancellations", endedWith({ code: null, cause: "cancelled" }), aim],
    ["deadlines that the caller made shorter", endedWith({ code: null, cause: "timeout" }), {
      ...aim,
      timeout_sec: 1,
    }],
  ] as const
) {
  Deno.test(`pipeline: ${name} do not move the breaker (D10, D11)`, async () => {
    const engine = makeEngine();
    engine.executor.answer = () => execution!;
    for (let count = 0; count < 5; count++) await engine.run(request);
    assert.equal(breakerOf(engine).state, "closed");
    assert.equal(breakerOf(engine).failures, 0);
  });
}

Deno.test("pipeline: the manifest's own deadline does move the breaker, also when the caller names it", async () => {
  const engine = makeEngine();
  engine.executor.answer = () => endedWith({ code: null, cause: "timeout" });
  await engine.run(aim);
  await engine.run({ ...aim, timeout_sec: 60 });
  assert.equal(breakerOf(engine).state, "open");
});
