import assert from "node:assert/strict";
import { knowCpuTime, readProcess } from "../../src/health/process_reading.ts";

Deno.test("process reading: what is known, with the processors' time once it is", async () => {
  assert.equal(readProcess().cpuMs, null);
  await knowCpuTime();
  const before = readProcess();
  const until = performance.now() + 100;
  while (performance.now() < until);
  const after = readProcess();
  assert.equal(after.pid, Deno.pid);
  assert(after.residentBytes > 10_000_000, `${after.residentBytes}`);
  assert(after.startedWallMs <= Date.now() && after.startedWallMs > Date.now() - 3_600_000);
  const usedMs = after.cpuMs! - before.cpuMs!;
  assert(usedMs > 10 && usedMs < 5000, `${usedMs}`);
});
