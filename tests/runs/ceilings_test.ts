import assert from "node:assert/strict";
import type { ToolLimits } from "../../src/catalog/tool.ts";
import { ceilingsOf } from "../../src/runs/ceilings.ts";

const LIMITS: ToolLimits = { memoryMb: 512, cpuSec: null, openFiles: 256, fileSizeMb: 64, processes: 8 };

Deno.test("ceilings: in the units of the kernel", () => {
  assert.deepEqual(ceilingsOf({ ...LIMITS, cpuSec: 5 }, 60_000, []).ceilings, {
    memoryBytes: 536_870_912,
    cpuSec: 5,
    openFiles: 256,
    fileBytes: 67_108_864,
  });
});

Deno.test("ceilings: without one of its own, processor time lasts as long as the run can, and a second (D17)", () => {
  assert.equal(ceilingsOf(LIMITS, 60_000, []).ceilings.cpuSec, 61);
  assert.equal(ceilingsOf(LIMITS, 300, []).ceilings.cpuSec, 2);
});

Deno.test("ceilings: on all processes together only where they are enforced", () => {
  assert.deepEqual(ceilingsOf(LIMITS, 1000, []).tree, { memoryBytes: null, processes: null });
  assert.deepEqual(ceilingsOf(LIMITS, 1000, ["memory", "processes"]).tree, {
    memoryBytes: 536_870_912,
    processes: 8,
  });
  assert.deepEqual(ceilingsOf({ ...LIMITS, processes: null }, 1000, ["processes"]).tree, {
    memoryBytes: null,
    processes: null,
  });
});
