import assert from "node:assert/strict";
import { RunStatistics } from "../../src/metrics/run_statistics.ts";
import { accountOf, measure } from "../../src/runs/measure.ts";
import { statisticsSchema } from "../../src/runs/statistics_schema.ts";
import { endedWith, flush, makeEngine, toolOf } from "../support/engine.ts";

Deno.test("account: every tool is there, with what goes on now; what is no tool is there if it was asked for", async () => {
  const engine = makeEngine({ tools: [toolOf(), toolOf({ name: "other_one" })] });
  const statistics = new RunStatistics((tool) => engine.toolbox.has(tool), () => engine.clock.wall());
  const now = () => accountOf(statistics, engine.toolbox);
  assert.deepEqual(Object.keys(now().tools), ["other_one", "probe"]);
  for (let count = 0; count < 3; count++) void engine.run();
  await flush();
  await engine.run({}, {}, "nope");
  for (const answered of engine.recorded) measure(statistics, answered);
  const { tools, totals } = now();
  assert.deepEqual(Object.keys(tools), ["other", "other_one", "probe"]);
  const { running, queued, circuit_breaker, runs } = tools.probe!;
  assert.deepEqual([running, queued, circuit_breaker, runs], [1, 2, "closed", 0]);
  assert.deepEqual([tools.other!.running, tools.other!.circuit_breaker], [null, null]);
  assert.deepEqual([totals.running, totals.queued, totals.refusals, totals.success_rate], [1, 2, 1, null]);
  const answer = { since: "2026-01-01T00:00:00.000Z", uptime_sec: 1.5, tools, totals };
  assert.deepEqual(statisticsSchema.parse(answer), answer);
});

Deno.test("account: a run is counted when it has ended, and fits the schema that clients are told", async () => {
  const engine = makeEngine();
  const statistics = new RunStatistics(() => true, () => engine.clock.wall());
  engine.executor.answer = () => endedWith({ code: 3, durationMs: 1500 });
  await engine.run();
  for (const answered of engine.recorded) measure(statistics, answered);
  const { tools, totals } = accountOf(statistics, engine.toolbox);
  assert.deepEqual([tools.probe!.outcomes.failure, tools.probe!.execution_time_sec!.p99], [1, 1.5]);
  assert.equal(totals.success_rate, 0);
  statisticsSchema.parse({ since: "2026-01-01T00:00:00.000Z", uptime_sec: 0, tools, totals });
});
