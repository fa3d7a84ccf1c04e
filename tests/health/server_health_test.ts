import { reset } from "@logtape/logtape";
import assert from "node:assert/strict";
import { SERVER_CHECKS, TOOL_CHECK_PREFIX } from "../../src/config/own_checks.ts";
import type { CheckOutcome, Priority } from "../../src/health/check.ts";
import { ServerHealth } from "../../src/health/server_health.ts";
import { setUpLogging } from "../../src/logging/setup.ts";
import { Registry } from "../../src/metrics/registry.ts";
import { renderMetrics } from "../../src/metrics/text_format.ts";
import { flush, makeEngine } from "../support/engine.ts";
import { steady } from "./support.ts";

function setUp() {
  const { clock, toolbox } = makeEngine();
  const metrics = new Registry();
  const held = {
    own: { status: "healthy", message: "fine" } as CheckOutcome,
    priority: "important" as Priority,
    limits: { intervalMs: 5000, timeoutMs: 1000, cpuThreshold: 80, memoryThreshold: 80, diskThreshold: 80 },
  };
  const health = new ServerHealth({
    toolbox,
    isNamed: () => false,
    decision: () => ({ tier: "kernel", fallback: null }),
    heartbeat: () => ({ death: null, silentMs: 0, answeredAfterMs: 1 }),
    scribe: {
      death: null,
      measure: () =>
        Promise.resolve({
          processors: null,
          memory: { totalBytes: 100, availableBytes: 50 },
          disk: null,
          problems: [],
        }),
    },
    settings: () => held.limits,
    ownChecks: () => [steady("lab_dns", () => held.own, held.priority)],
    metrics,
    clock,
  });
  return { clock, metrics, health, held };
}

Deno.test("server health: its own checks come first, then the tools', then the user's", async () => {
  const { clock, metrics, health } = setUp();
  health.start();
  const round = await health.monitor.current();
  assert.deepEqual(
    [...round!.checks].map(([name, { priority, status }]) => `${name} ${priority} ${status}`),
    [
      "system_resources critical healthy",
      "confinement critical healthy",
      "process_health important healthy",
      "tool_availability informational healthy",
      "tool_probe informational healthy",
      "lab_dns important healthy",
    ],
  );
  // Whatever the server checks by itself has a name that no user's check can take.
  const kept = [...round!.checks.keys()].filter((name) => !name.startsWith(TOOL_CHECK_PREFIX));
  assert.deepEqual(
    new Set(kept),
    new Set([...SERVER_CHECKS.filter((name) => !name.startsWith(TOOL_CHECK_PREFIX)), "lab_dns"]),
  );
  const text = renderMetrics(metrics);
  assert.match(text, /^bulkhead_health_status{status="healthy"} 1$/m);
  assert.match(text, /^bulkhead_health_check_status{check="lab_dns",status="healthy"} 1$/m);
  assert.match(text, /^bulkhead_event_loop_lag_seconds 0$/m);
  assert.equal(clock.pending, 2, "the next round, and the next look at the lag");
  health.stop();
  assert.equal(clock.pending, 0);
});

Deno.test("server health: what gets worse is a warning, what gets better is told, what stays is not", async () => {
  const { health, held } = setUp();
  const lines: string[] = [];
  setUpLogging({ level: "info", format: "json" }, { isTerminal: false, write: (line) => lines.push(line) });
  const round = async (status: CheckOutcome["status"], message = "") => {
    held.own = { status, message };
    await health.monitor.round();
    return lines.splice(0).map((line) => JSON.parse(line)).map((
      { level, message, status, before, checks },
    ) => ({
      level,
      message,
      status,
      before,
      checks,
    }));
  };
  try {
    assert.deepEqual(await round("healthy"), []);
    assert.deepEqual(await round("unhealthy", "no answer\nat all"), [{
      level: "warning",
      message: "health is worse",
      status: "degraded",
      before: "healthy",
      checks: [{ name: "lab_dns", before: "healthy", status: "unhealthy", message: "no answer\\nat all" }],
    }]);
    assert.deepEqual(await round("unhealthy", "still none"), []);
    assert.deepEqual(await round("degraded", "slow"), [{
      level: "info",
      message: "a check of health is better",
      status: "degraded",
      before: "degraded",
      checks: [{ name: "lab_dns", before: "unhealthy", status: "degraded", message: "slow" }],
    }]);
    assert.deepEqual((await round("healthy")).map(({ level, status }) => [level, status]), [[
      "info",
      "healthy",
    ]]);
  } finally {
    await reset();
  }
});

Deno.test("server health: thresholds and interval are those of the moment", async () => {
  const { clock, health, held } = setUp();
  health.start();
  await health.monitor.current();
  held.limits = { ...held.limits, intervalMs: 1000, memoryThreshold: 40 };
  health.monitor.reschedule();
  clock.advance(1000);
  await flush();
  assert.equal(health.monitor.latest!.checks.get("system_resources")!.status, "degraded");
  health.stop();
  await flush();
  assert.equal(clock.pending, 0);
});
