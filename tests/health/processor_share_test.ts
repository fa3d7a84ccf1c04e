import fc from "fast-check";
import assert from "node:assert/strict";
import { ProcessorShare } from "../../src/health/processor_share.ts";

Deno.test("processor share: the first reading says nothing, the second the share since then", () => {
  const share = new ProcessorShare();
  assert.equal(share.take({ busyMs: 1000, idleMs: 9000 }), null);
  assert.equal(share.take({ busyMs: 4000, idleMs: 10_000 }), 75);
  assert.equal(share.take({ busyMs: 4000, idleMs: 20_000 }), 0);
  assert.equal(share.take({ busyMs: 5000, idleMs: 20_000 }), 100);
});

Deno.test("processor share: asked again too soon, the answer is the last one, and nothing is lost", () => {
  const share = new ProcessorShare();
  share.take({ busyMs: 0, idleMs: 0 });
  assert.equal(share.take({ busyMs: 0, idleMs: 1 }), null);
  assert.equal(share.take({ busyMs: 1000, idleMs: 1000 }), 50);
  for (let step = 1; step <= 4; step++) {
    assert.equal(share.take({ busyMs: 1000 + step * 100, idleMs: 1000 }), 50);
  }
  assert.equal(share.take({ busyMs: 1500, idleMs: 1000 }), 100);
});

Deno.test("processor share: counters that were set back, or stand still, are never a share", () => {
  const share = new ProcessorShare();
  share.take({ busyMs: 5000, idleMs: 5000 });
  assert.equal(share.take({ busyMs: 9000, idleMs: 4000 }), null);
  assert.equal(share.take({ busyMs: 8000, idleMs: 5000 }), null);
  assert.equal(share.take({ busyMs: 8000, idleMs: 5000 }), null);
  assert.equal(share.take({ busyMs: 9000, idleMs: 8000 }), 25);
});

Deno.test("processor share: whatever the readings, a share is null or from 0 to 100", () => {
  const time = fc.double({ min: 0, max: 1e15, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.record({ busyMs: time, idleMs: time })), (readings) => {
      const share = new ProcessorShare();
      for (const reading of readings) {
        const percent = share.take(reading);
        assert(percent === null || percent >= 0 && percent <= 100, `${percent}`);
      }
    }),
    { numRuns: 500 },
  );
});
