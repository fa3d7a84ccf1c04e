import assert from "node:assert/strict";
import type { MachineReading } from "../../../src/confinement/machine_reading.ts";
import type { CheckOutcome } from "../../../src/health/check.ts";
import { LEAST_DISK_BYTES, systemResources } from "../../../src/health/checks/system_resources.ts";

const GIB = 1024 ** 3;
const never = new AbortController().signal;

/** A machine with nothing to do, whose processors have counted for so many seconds. */
function idle(sec: number, changes: Partial<MachineReading> = {}): MachineReading {
  return {
    processors: { busyMs: 0, idleMs: sec * 1000 },
    memory: { totalBytes: 8 * GIB, availableBytes: 6 * GIB },
    disk: { totalBytes: 100 * GIB, freeBytes: 60 * GIB, availableBytes: 40 * GIB, filesLeft: 1000 },
    problems: [],
    ...changes,
  };
}

function setUp() {
  const held = {
    reading: idle(0) as MachineReading | Error | null,
    limits: { cpuThreshold: 80, memoryThreshold: 80, diskThreshold: 80 },
  };
  const check = systemResources({
    measure: () => {
      const { reading } = held;
      if (reading === null) return new Promise(() => {});
      return reading instanceof Error ? Promise.reject(reading) : Promise.resolve(reading);
    },
    thresholds: () => held.limits,
  });
  const ask = async (reading: typeof held.reading, signal = never): Promise<CheckOutcome> => {
    held.reading = reading;
    return await check.check(signal);
  };
  return { held, check, ask };
}

Deno.test("system resources: the first round has no figure for the processors, and says so", async () => {
  const { check, ask } = setUp();
  assert.deepEqual([check.name, check.priority], ["system_resources", "critical"]);
  const first = await ask(idle(0));
  assert.equal(first.status, "healthy");
  assert.equal(first.message, "CPU not measured yet, memory 25 %, disk 50 %");
  assert.deepEqual(first.metadata, {
    cpu_percent: null,
    memory_percent: 25,
    disk_percent: 50,
    disk_available_bytes: 40 * GIB,
    cpu_threshold: 80,
    memory_threshold: 80,
    disk_threshold: 80,
  });
  const second = await ask(idle(60));
  assert.deepEqual([second.message, second.metadata!.cpu_percent], ["CPU 0 %, memory 25 %, disk 50 %", 0]);
});

Deno.test("system resources: processors that are busy all the time are degraded, never dead (D18)", async () => {
  const { ask } = setUp();
  await ask(idle(0));
  for (let round = 1; round <= 20; round++) {
    const busy = await ask(idle(0, { processors: { busyMs: round * 60_000, idleMs: 0 } }));
    assert.equal(busy.status, "degraded");
    assert.equal(busy.message, "CPU usage is high: 100 %, more than 80 %");
  }
  const calm = await ask(idle(600, { processors: { busyMs: 20 * 60_000, idleMs: 600_000 } }));
  assert.equal(calm.status, "healthy");
});

for (
  const [what, changes, status, message] of [
    [
      "memory at its threshold",
      { memory: { totalBytes: 100, availableBytes: 20 } },
      "healthy",
      /^CPU 0 %, memory 80 %/,
    ],
    [
      "memory above it",
      { memory: { totalBytes: 1000, availableBytes: 199 } },
      "degraded",
      /^memory usage is high: 80.1 %, more than 80 %$/,
    ],
    [
      "memory that is all taken",
      { memory: { totalBytes: 1000, availableBytes: 0 } },
      "degraded",
      /^memory usage is high: 100 %/,
    ],
    [
      "a disk above its threshold",
      { disk: { totalBytes: 100 * GIB, freeBytes: 20 * GIB, availableBytes: 10 * GIB, filesLeft: null } },
      "degraded",
      /^disk usage is high: 88.9 %, more than 80 %$/,
    ],
    [
      "a disk with just enough left",
      { disk: { totalBytes: GIB, freeBytes: GIB, availableBytes: LEAST_DISK_BYTES, filesLeft: 1 } },
      "healthy",
      /./,
    ],
    [
      "a disk with less than that",
      { disk: { totalBytes: GIB, freeBytes: GIB, availableBytes: LEAST_DISK_BYTES - 1, filesLeft: 1 } },
      "unhealthy",
      /^the disk of the folder for state is full: 15 MiB are left$/,
    ],
    [
      "a disk without room for one more file",
      { disk: { totalBytes: GIB, freeBytes: GIB, availableBytes: GIB, filesLeft: 0 } },
      "unhealthy",
      /^the disk of the folder for state can take no more files$/,
    ],
    [
      "a file system that tells of no space",
      { disk: { totalBytes: 0, freeBytes: 0, availableBytes: 0, filesLeft: null } },
      "healthy",
      /^CPU 0 %, memory 25 %$/,
    ],
    [
      "something that cannot be read",
      { disk: null, problems: ["the disk cannot be read: no such folder"] },
      "degraded",
      /^the disk cannot be read: no such folder$/,
    ],
  ] as const
) {
  Deno.test(`system resources: ${what} is ${status}`, async () => {
    const { ask } = setUp();
    await ask(idle(0));
    const outcome = await ask(idle(60, changes));
    assert.equal(outcome.status, status);
    assert.match(outcome.message, message);
  });
}

Deno.test("system resources: everything that is too much is named", async () => {
  const { ask } = setUp();
  await ask(idle(0));
  const { status, message } = await ask({
    processors: { busyMs: 90_000, idleMs: 10_000 },
    memory: { totalBytes: 100, availableBytes: 5 },
    disk: { totalBytes: 2 * GIB, freeBytes: 0, availableBytes: 0, filesLeft: null },
    problems: [],
  });
  assert.equal(status, "unhealthy");
  assert.equal(
    message,
    "the disk of the folder for state is full: 0 MiB are left; CPU usage is high: 90 %, more than 80 %; " +
      "memory usage is high: 95 %, more than 80 %; disk usage is high: 100 %, more than 80 %",
  );
});

Deno.test("system resources: thresholds are asked for each time", async () => {
  const { held, ask } = setUp();
  await ask(idle(0));
  held.limits = { cpuThreshold: 80, memoryThreshold: 24, diskThreshold: 80 };
  assert.equal((await ask(idle(60))).status, "degraded");
  held.limits = { cpuThreshold: 80, memoryThreshold: 26, diskThreshold: 80 };
  assert.equal((await ask(idle(120))).status, "healthy");
});

Deno.test("system resources: a reading that is late, or cannot be had, is degraded and not unhealthy (D18)", async () => {
  const { ask } = setUp();
  const controller = new AbortController();
  const waiting = ask(null, controller.signal);
  controller.abort();
  const late = await waiting;
  assert.deepEqual([late.status, late.metadata!.cpu_percent], ["degraded", null]);
  assert.match(late.message, /could not be read: there was no answer in time$/);
  const refused = await ask(new Error("the scribe is gone"));
  assert.equal(refused.status, "degraded");
  assert.match(refused.message, /the scribe is gone$/);
});
