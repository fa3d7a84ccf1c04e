import assert from "node:assert/strict";
import {
  HEALTH_METRICS,
  type HealthReadings,
  registerHealthMetrics,
} from "../../src/metrics/health_metrics.ts";
import { Registry } from "../../src/metrics/registry.ts";
import { renderMetrics } from "../../src/metrics/text_format.ts";
import { parseExposition } from "./exposition.ts";
import { assertPromtoolAccepts } from "./promtool.ts";

function setUp(changes: Partial<HealthReadings> = {}) {
  const registry = new Registry();
  registerHealthMetrics(registry, {
    version: "1.2.3",
    health: () => ({
      status: "degraded",
      checks: [
        { check: "a", status: "healthy", durationMs: 1500 },
        { check: "b", status: "degraded", durationMs: 0 },
      ],
    }),
    lagMs: () => 12,
    process: () => ({ startedWallMs: 1_767_225_600_500, residentBytes: 1000, cpuMs: 2500 }),
    ...changes,
  });
  const text = renderMetrics(registry);
  return { registry, text, lines: text.split("\n").filter((line) => line !== "" && !line.startsWith("#")) };
}

Deno.test("health metrics: the table is what is scraped, and its names are a contract", () => {
  const families = parseExposition(setUp().text);
  assert.deepEqual(
    families.map(({ name, help }) => [name, help]).sort(),
    Object.values(HEALTH_METRICS).map(({ name, help }) => [name, help]).sort(),
  );
  assert.deepEqual(families.map(({ name, type }) => `${name} ${type}`), [
    "bulkhead_build_info gauge",
    "bulkhead_event_loop_lag_seconds gauge",
    "bulkhead_health_check_duration_seconds gauge",
    "bulkhead_health_check_status gauge",
    "bulkhead_health_status gauge",
    "process_cpu_seconds_total counter",
    "process_resident_memory_bytes gauge",
    "process_start_time_seconds gauge",
  ]);
});

Deno.test("health metrics: what is read is scraped, in seconds", () => {
  assert.deepEqual(setUp().lines, [
    'bulkhead_build_info{version="1.2.3"} 1',
    "bulkhead_event_loop_lag_seconds 0.012",
    'bulkhead_health_check_duration_seconds{check="a"} 1.5',
    'bulkhead_health_check_duration_seconds{check="b"} 0',
    'bulkhead_health_check_status{check="a",status="degraded"} 0',
    'bulkhead_health_check_status{check="a",status="healthy"} 1',
    'bulkhead_health_check_status{check="a",status="unhealthy"} 0',
    'bulkhead_health_check_status{check="b",status="degraded"} 1',
    'bulkhead_health_check_status{check="b",status="healthy"} 0',
    'bulkhead_health_check_status{check="b",status="unhealthy"} 0',
    'bulkhead_health_status{status="degraded"} 1',
    'bulkhead_health_status{status="healthy"} 0',
    'bulkhead_health_status{status="unhealthy"} 0',
    "process_cpu_seconds_total 2.5",
    "process_resident_memory_bytes 1000",
    "process_start_time_seconds 1767225600.5",
  ]);
});

Deno.test("health metrics: what is not known is left out", () => {
  const { text } = setUp({
    health: () => null,
    process: () => ({ startedWallMs: 0, residentBytes: 0, cpuMs: null }),
  });
  assert.doesNotMatch(text, /^(?:bulkhead_health|process_cpu)/m);
});

Deno.test("health metrics: every check that there may be has its series", () => {
  const checks = Array.from({ length: 390 }, (_, count) => ({
    check: `check_${count}`,
    status: "healthy" as const,
    durationMs: 1,
  }));
  const { text } = setUp({ health: () => ({ status: "healthy", checks }) });
  assert.doesNotMatch(text, /"other"/);
  assert.match(text, /check="check_389",status="healthy"} 1/);
});

Deno.test("health metrics: Prometheus's own checker has nothing to say", async () => {
  await assertPromtoolAccepts(setUp().text);
});
