import fc from "fast-check";
import assert from "node:assert/strict";
import { REFUSAL_ANSWERS, type RefusalCondition } from "../../src/core/refusal.ts";
import type { Outcome } from "../../src/core/result.ts";
import type { RunFacts } from "../../src/metrics/run_metrics.ts";
import { RunStatistics } from "../../src/metrics/run_statistics.ts";
import { FakeClock } from "../support/fake_clock.ts";

const OUTCOMES: readonly Outcome[] = ["success", "failure", "timeout", "killed", "cancelled"];

const DIG: RunFacts = {
  tool: "dig",
  outcome: "success",
  durationMs: 250,
  waitedMs: 0,
  bytes: { stdout: 100, stderr: 0 },
  truncated: { stdout: false, stderr: false },
  limit: null,
};

function setUp(known: readonly string[] = ["dig", "nmap"]) {
  const clock = new FakeClock();
  return { clock, statistics: new RunStatistics((tool) => known.includes(tool), () => clock.wall()) };
}

const NOTHING = {
  runs: 0,
  outcomes: { success: 0, failure: 0, timeout: 0, killed: 0, cancelled: 0 },
  refusals: 0,
  refusal_reasons: {},
  success_rate: null,
};

Deno.test("statistics: where nothing was, there are zeros and no rates", () => {
  const { statistics } = setUp();
  assert.deepEqual(statistics.ofTool("dig"), {
    ...NOTHING,
    recent_failure_rate: null,
    execution_time_sec: null,
    queue_time_sec: null,
    last_run_at: null,
  });
  assert.deepEqual([statistics.totals(), statistics.recorded], [NOTHING, []]);
});

Deno.test("statistics: a run is counted once, with its times in seconds and the time of its end", () => {
  const { clock, statistics } = setUp();
  statistics.recordRun({ ...DIG, durationMs: 250, waitedMs: 1000 });
  clock.advance(5000);
  statistics.recordRun({ ...DIG, durationMs: 750, outcome: "failure" });
  assert.deepEqual(statistics.ofTool("dig"), {
    runs: 2,
    outcomes: { success: 1, failure: 1, timeout: 0, killed: 0, cancelled: 0 },
    refusals: 0,
    refusal_reasons: {},
    success_rate: 0.5,
    recent_failure_rate: 0.5,
    execution_time_sec: { count: 2, min: 0.25, mean: 0.5, max: 0.75, p50: 0.25, p95: 0.75, p99: 0.75 },
    queue_time_sec: { count: 2, min: 0, mean: 0.5, max: 1, p50: 0, p95: 1, p99: 1 },
    last_run_at: "2026-01-01T00:00:05.000Z",
  });
});

Deno.test("statistics: what was cancelled says nothing about rates", () => {
  const { statistics } = setUp();
  statistics.recordRun({ ...DIG, outcome: "cancelled" });
  const { runs, success_rate, recent_failure_rate, execution_time_sec } = statistics.ofTool("dig");
  assert.deepEqual([runs, success_rate, recent_failure_rate, execution_time_sec?.count], [1, null, null, 1]);
});

Deno.test("statistics: what no tool is called has one account together, however many names there are", () => {
  const { statistics } = setUp();
  for (let nth = 0; nth < 5000; nth++) statistics.recordRefusal(`invented ${nth}`, "unknown_tool");
  for (const name of ["__proto__", "constructor"]) statistics.recordRefusal(name, "unknown_tool");
  assert.deepEqual(statistics.recorded, ["other"]);
  assert.deepEqual(statistics.ofTool("other").refusal_reasons, { unknown_tool: 5002 });
});

Deno.test("statistics: a tool that is declared no more keeps its account, and the number of accounts is bounded", () => {
  const known = new Set(["gone"]);
  const clock = new FakeClock();
  const statistics = new RunStatistics((tool) => known.has(tool), () => clock.wall());
  statistics.recordRefusal("gone", "disabled");
  known.delete("gone");
  statistics.recordRefusal("gone", "unknown_tool");
  assert.equal(statistics.ofTool("gone").refusals, 2);
  for (let nth = 0; nth < 1200; nth++) {
    known.add(`t${nth}`);
    statistics.recordRefusal(`t${nth}`, "disabled");
  }
  assert.equal(statistics.recorded.length, 1001);
  assert.equal(statistics.totals().refusals, 1202);
});

Deno.test("statistics: a number that cannot be is refused, and nothing is counted", () => {
  const { statistics } = setUp();
  for (const wrong of [{ durationMs: NaN }, { waitedMs: -1 }, { durationMs: Infinity }]) {
    assert.throws(() => statistics.recordRun({ ...DIG, ...wrong }), RangeError);
  }
  const { runs, execution_time_sec, queue_time_sec } = statistics.ofTool("dig");
  assert.deepEqual([runs, execution_time_sec, queue_time_sec], [0, null, null]);
});

Deno.test("statistics: counts and rates are those of the list of all that happened", () => {
  const reasons = Object.keys(REFUSAL_ANSWERS) as RefusalCondition[];
  const happening = fc.record({
    tool: fc.constantFrom("dig", "nmap", "nope"),
    how: fc.constantFrom(...OUTCOMES, ...OUTCOMES, ...reasons.filter((reason) => reason !== "cancelled")),
    durationMs: fc.nat({ max: 10_000 }),
  });
  const list = fc.array(happening, { maxLength: 400, size: "max" });
  fc.assert(fc.property(list, (list) => {
    const { statistics } = setUp();
    for (const { tool, how, durationMs } of list) {
      if (isOutcome(how)) statistics.recordRun({ ...DIG, tool, outcome: how, durationMs });
      else statistics.recordRefusal(tool, how);
    }
    const groups = { dig: ["dig"], nmap: ["nmap"], other: ["nope"] } as const;
    for (const [name, tools] of Object.entries(groups)) {
      const own = list.filter(({ tool }) => (tools as readonly string[]).includes(tool));
      const { recent_failure_rate, execution_time_sec, queue_time_sec, last_run_at, ...counts } = statistics
        .ofTool(name);
      assert.deepEqual(counts, countsOf(own.map(({ how }) => how)));
      const ended = own.filter(({ how }) => isOutcome(how));
      assert.equal(execution_time_sec?.count ?? 0, ended.length);
      assert.equal(queue_time_sec?.count ?? 0, ended.length);
      assert.equal(last_run_at !== null, ended.length > 0);
      if (ended.length > 0) {
        assert.equal(execution_time_sec!.max, Math.max(...ended.map(({ durationMs }) => durationMs)) / 1000);
      }
      const recent = ended.filter(({ how }) => how !== "cancelled").slice(-100);
      const failures = recent.filter(({ how }) => how !== "success").length;
      assert.equal(recent_failure_rate, recent.length === 0 ? null : failures / recent.length);
    }
    assert.deepEqual(statistics.totals(), countsOf(list.map(({ how }) => how)));
  }));
});

function isOutcome(how: string): how is Outcome {
  return (OUTCOMES as readonly string[]).includes(how);
}

function countsOf(all: readonly (Outcome | RefusalCondition)[]) {
  const count = (what: string) => all.filter((how) => how === what).length;
  const judged = all.filter((how) => isOutcome(how) && how !== "cancelled").length;
  const refused = [...new Set(all.filter((how) => !isOutcome(how)))];
  return {
    runs: all.filter(isOutcome).length,
    outcomes: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, count(outcome)])),
    refusals: all.length - all.filter(isOutcome).length,
    refusal_reasons: Object.fromEntries(refused.map((reason) => [reason, count(reason)])),
    success_rate: judged === 0 ? null : count("success") / judged,
  };
}
