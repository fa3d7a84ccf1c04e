import assert from "node:assert/strict";
import { healthEvent } from "../../src/health/health_event.ts";
import { HealthMonitor } from "../../src/health/monitor.ts";
import type { HealthStatus } from "../../src/core/health_status.ts";
import type { HealthCheck } from "../../src/health/check.ts";
import { FakeClock } from "../support/fake_clock.ts";

Deno.test("health event: says how the server is, how it was, and which checks are others than before", async () => {
  let disk: HealthStatus = "healthy";
  const check = (name: string, status: () => HealthStatus): HealthCheck => ({
    name,
    priority: "critical",
    check: () => Promise.resolve({ status: status(), message: `it is ${status()}` }),
  });
  const monitor = new HealthMonitor({
    checks: () => [check("disk", () => disk), check("tools", () => "healthy")],
    settings: () => ({ intervalMs: 1000, timeoutMs: 100 }),
    clock: new FakeClock(),
  });
  const events: unknown[] = [];
  monitor.onChange((change) => events.push(healthEvent(change)));
  await monitor.round();
  assert.deepEqual(events, []);
  disk = "unhealthy";
  await monitor.round();
  disk = "healthy";
  await monitor.round();
  monitor.stop();
  assert.deepEqual(events, [
    {
      status: "unhealthy",
      before: "healthy",
      checks: [{ name: "disk", status: "unhealthy", before: "healthy", message: "it is unhealthy" }],
    },
    {
      status: "healthy",
      before: "unhealthy",
      checks: [{ name: "disk", status: "healthy", before: "unhealthy", message: "it is healthy" }],
    },
  ]);
});
