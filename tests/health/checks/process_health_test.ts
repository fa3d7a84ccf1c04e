import assert from "node:assert/strict";
import type { CheckOutcome } from "../../../src/health/check.ts";
import { HIGH_LAG_MS, processHealth } from "../../../src/health/checks/process_health.ts";
import { FAKE_EPOCH_MS, FakeClock } from "../../support/fake_clock.ts";

function setUp() {
  const clock = new FakeClock();
  const held = { cpuMs: null as number | null, lagMs: 0 };
  const check = processHealth({
    read: () => ({
      pid: 7,
      startedWallMs: FAKE_EPOCH_MS - 5250,
      residentBytes: 123_456_789,
      cpuMs: held.cpuMs,
    }),
    lag: () => held.lagMs,
    clock,
  });
  return { clock, held, check, ask: () => check.check(new AbortController().signal) as CheckOutcome };
}

Deno.test("process health: age, memory, lag, and the share of a processor since the last round", () => {
  const { clock, held, check, ask } = setUp();
  assert.deepEqual([check.name, check.priority], ["process_health", "important"]);
  held.lagMs = 3.6;
  assert.deepEqual(ask(), {
    status: "healthy",
    message: "the process is running",
    metadata: {
      pid: 7,
      age_seconds: 5.3,
      create_time: "2025-12-31T23:59:54.750Z",
      memory_mb: 117.74,
      cpu_percent: null,
      event_loop_lag_ms: 4,
    },
  });
  held.cpuMs = 1000;
  assert.equal(ask().metadata!.cpu_percent, null, "the first with a figure has nothing to compare it to");
  assert.equal(ask().metadata!.cpu_percent, null, "no time has passed");
  clock.advance(10_000);
  held.cpuMs = 2234;
  assert.equal(ask().metadata!.cpu_percent, 12.3);
});

Deno.test("process health: much lag is degraded, never unhealthy (D18)", () => {
  const { held, ask } = setUp();
  held.lagMs = HIGH_LAG_MS;
  assert.equal(ask().status, "healthy");
  for (const lagMs of [HIGH_LAG_MS + 1, 3_600_000]) {
    held.lagMs = lagMs;
    assert.deepEqual([ask().status, /came to its work [0-9]+ ms late/.test(ask().message)], [
      "degraded",
      true,
    ]);
  }
});
