import assert from "node:assert/strict";
import { REFUSAL_ANSWERS, type RefusalCondition } from "../../src/core/refusal.ts";
import { Registry } from "../../src/metrics/registry.ts";
import { RUN_METRICS, type RunFacts, RunMetrics, type ToolReading } from "../../src/metrics/run_metrics.ts";
import { renderMetrics } from "../../src/metrics/text_format.ts";
import { parseExposition } from "./exposition.ts";
import { assertPromtoolAccepts } from "./promtool.ts";

const DIG: RunFacts = {
  tool: "dig",
  outcome: "success",
  durationMs: 250,
  waitedMs: 0,
  bytes: { stdout: 100, stderr: 0 },
  truncated: { stdout: false, stderr: false },
  limit: null,
};

function setUp() {
  const registry = new Registry();
  const metrics = new RunMetrics(registry, (tool) => tool === "dig" || tool === "nmap");
  /** Every line of one metric that is not a bucket, as its label values and its value. */
  const lines = (name: string): Record<string, number> => {
    const family = parseExposition(renderMetrics(registry)).find((family) => family.name === name);
    assert(family, `${name} was expected`);
    return Object.fromEntries(
      family.samples.filter((sample) => !sample.name.endsWith("_bucket")).map((sample) => [
        [sample.name.slice(name.length), ...Object.values(sample.labels)].filter((word) => word !== "").join(
          " ",
        ),
        sample.value,
      ]),
    );
  };
  return { registry, metrics, lines };
}

Deno.test("run metrics: the table is what is scraped, and its names are a contract", () => {
  const families = parseExposition(renderMetrics(setUp().registry));
  assert.deepEqual(
    families.map(({ name, help }) => ({ name, help })),
    Object.values(RUN_METRICS).map(({ name, help }) => ({ name, help })).sort((a, b) =>
      a.name < b.name ? -1 : 1
    ),
  );
  assert.deepEqual(families.map(({ name, type }) => `${name} ${type}`), [
    "bulkhead_circuit_breaker_state gauge",
    "bulkhead_circuit_breaker_transitions_total counter",
    "bulkhead_limit_kills_total counter",
    "bulkhead_output_bytes_total counter",
    "bulkhead_queue_wait_seconds histogram",
    "bulkhead_queued gauge",
    "bulkhead_refusals_total counter",
    "bulkhead_run_duration_seconds histogram",
    "bulkhead_running gauge",
    "bulkhead_runs_total counter",
    "bulkhead_truncated_outputs_total counter",
  ]);
});

Deno.test("run metrics: a run is counted once in each metric that it belongs to", () => {
  const { metrics, lines } = setUp();
  metrics.recordRun(DIG);
  metrics.recordRun({ ...DIG, durationMs: 1_000, waitedMs: 2_000 });
  metrics.recordRun({
    ...DIG,
    tool: "nmap",
    outcome: "killed",
    bytes: { stdout: 5, stderr: 7 },
    truncated: { stdout: false, stderr: true },
    limit: "cpu_sec",
  });
  assert.deepEqual(lines("bulkhead_runs_total"), { "dig success": 2, "nmap killed": 1 });
  assert.deepEqual(lines("bulkhead_run_duration_seconds"), {
    "_sum dig": 1.25,
    "_count dig": 2,
    "_sum nmap": 0.25,
    "_count nmap": 1,
  });
  assert.deepEqual(lines("bulkhead_queue_wait_seconds"), {
    "_sum dig": 2,
    "_count dig": 2,
    "_sum nmap": 0,
    "_count nmap": 1,
  });
  assert.deepEqual(lines("bulkhead_output_bytes_total"), {
    "dig stdout": 200,
    "dig stderr": 0,
    "nmap stdout": 5,
    "nmap stderr": 7,
  });
  assert.deepEqual(lines("bulkhead_truncated_outputs_total"), { "nmap stderr": 1 });
  assert.deepEqual(lines("bulkhead_limit_kills_total"), { "nmap cpu_sec": 1 });
});

Deno.test("run metrics: every reason for a refusal has a series, and what callers invent has one together", () => {
  const { metrics, lines } = setUp();
  const reasons = Object.keys(REFUSAL_ANSWERS) as RefusalCondition[];
  for (const reason of reasons) metrics.recordRefusal("nmap", reason);
  for (let i = 0; i < 5_000; i++) metrics.recordRefusal(`invented ${i}`, "unknown_tool");
  assert.deepEqual(lines("bulkhead_refusals_total"), {
    ...Object.fromEntries(reasons.map((reason) => [`nmap ${reason}`, 1])),
    "other unknown_tool": 5_000,
  });
});

Deno.test("run metrics: gauges are read at each scrape", () => {
  const { metrics, lines } = setUp();
  assert.deepEqual(lines("bulkhead_running"), {});
  const tools: ToolReading[] = [{ tool: "dig", running: 2, queued: 3, breakerState: "closed" }];
  metrics.observe(() => tools);
  tools.push({ tool: "nmap", running: 0, queued: 0, breakerState: "half_open" });
  assert.deepEqual(lines("bulkhead_running"), { dig: 2, nmap: 0 });
  assert.deepEqual(lines("bulkhead_queued"), { dig: 3, nmap: 0 });
  assert.deepEqual(lines("bulkhead_circuit_breaker_state"), {
    "dig closed": 1,
    "dig half_open": 0,
    "dig open": 0,
    "nmap closed": 0,
    "nmap half_open": 1,
    "nmap open": 0,
  });
  tools[0] = { tool: "dig", running: 0, queued: 0, breakerState: "open" };
  assert.deepEqual(lines("bulkhead_running"), { dig: 0, nmap: 0 });
  assert.equal(lines("bulkhead_circuit_breaker_state")["dig open"], 1);
});

Deno.test("run metrics: counts transitions by the state after", () => {
  const { metrics, lines } = setUp();
  for (const to of ["open", "half_open", "open", "closed"] as const) metrics.recordTransition("dig", to);
  metrics.recordTransition("gone", "open");
  assert.deepEqual(lines("bulkhead_circuit_breaker_transitions_total"), {
    "dig closed": 1,
    "dig half_open": 1,
    "dig open": 2,
    "other open": 1,
  });
});

Deno.test("run metrics: a number that cannot be is refused", () => {
  const { metrics } = setUp();
  for (const wrong of [{ durationMs: NaN }, { waitedMs: -1 }, { bytes: { stdout: Infinity, stderr: 0 } }]) {
    assert.throws(() => metrics.recordRun({ ...DIG, ...wrong }), RangeError);
  }
});

Deno.test("run metrics: promtool has nothing to say about them", async () => {
  const { registry, metrics } = setUp();
  metrics.recordRun({ ...DIG, truncated: { stdout: true, stderr: true }, limit: "output" });
  metrics.recordRefusal("dig", "queue_full");
  metrics.recordTransition("dig", "open");
  metrics.observe(() => [{ tool: "dig", running: 1, queued: 1, breakerState: "open" }]);
  const text = renderMetrics(registry);
  for (const family of parseExposition(text)) assert(family.samples.length > 0, family.name);
  await assertPromtoolAccepts(text);
});
