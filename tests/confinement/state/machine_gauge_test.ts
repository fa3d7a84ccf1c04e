import assert from "node:assert/strict";
import { isMachineReading } from "../../../src/confinement/machine_reading.ts";
import { diskOf, readMachine, totalOf } from "../../../src/confinement/state/machine_gauge.ts";

Deno.test("machine gauge: every kind of work counts as busy, that of least priority too", () => {
  const one = { user: 1, nice: 10, sys: 100, irq: 1000, idle: 5 };
  assert.deepEqual(totalOf([one, { ...one, user: 3, idle: 7 }]), { busyMs: 2224, idleMs: 12 });
  assert.throws(() => totalOf([]), /none is told of/);
});

Deno.test("machine gauge: a disk is told in bytes; one that counts no files has no number of them", () => {
  const facts = { bsize: 4096, blocks: 100, bfree: 50, bavail: 40, files: 10, ffree: 0 };
  assert.deepEqual(diskOf(facts), {
    totalBytes: 409_600,
    freeBytes: 204_800,
    availableBytes: 163_840,
    filesLeft: 0,
  });
  assert.equal(diskOf({ ...facts, files: 0 }).filesLeft, null);
});

Deno.test("machine gauge: what it reads, and why it cannot, may be sent", async () => {
  const whole = await readMachine("/");
  assert.deepEqual([isMachineReading(whole), whole.problems], [true, []]);
  const part = await readMachine(`/nonexistent/${"x".repeat(5000)}`);
  assert.deepEqual([isMachineReading(part), part.disk, part.problems.length], [true, null, 1]);
});
