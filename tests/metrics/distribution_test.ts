import fc from "fast-check";
import assert from "node:assert/strict";
import { RecentDistribution } from "../../src/metrics/distribution.ts";

function of(values: readonly number[], capacity = 1000) {
  const distribution = new RecentDistribution(capacity);
  for (const value of values) distribution.observe(value);
  return distribution.summary();
}

/** The smallest value that at least so many percent of all do not exceed: by counting, not by rank. */
function quantile(values: readonly number[], percent: number): number {
  const enough = values.filter((value) =>
    values.filter((other) => other <= value).length * 100 >= percent * values.length
  );
  return Math.min(...enough);
}

Deno.test("distribution: nothing has none, and one value is all of it", () => {
  assert.equal(of([]), null);
  assert.deepEqual(of([1.5]), { count: 1, min: 1.5, mean: 1.5, max: 1.5, p50: 1.5, p95: 1.5, p99: 1.5 });
});

Deno.test("distribution: of one to a hundred, a quantile is its percent", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  const summary = of(values)!;
  assert.deepEqual({ ...summary, mean: 0 }, {
    count: 100,
    min: 1,
    mean: 0,
    max: 100,
    p50: 50,
    p95: 95,
    p99: 99,
  });
  assert(Math.abs(summary.mean - 50.5) < 1e-9);
});

Deno.test("distribution: it is exactly that of the latest values, whatever they are", () => {
  const value = fc.oneof(
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: 0, max: 5 }).map((tenths) => tenths / 10),
  );
  const values = fc.array(value, { minLength: 1, maxLength: 60, size: "max" });
  fc.assert(fc.property(values, fc.integer({ min: 1, max: 40 }), (values, capacity) => {
    const latest = values.slice(-capacity);
    const { mean, ...summary } = of(values, capacity)!;
    assert.deepEqual(summary, {
      count: latest.length,
      min: Math.min(...latest),
      max: Math.max(...latest),
      p50: quantile(latest, 50),
      p95: quantile(latest, 95),
      p99: quantile(latest, 99),
    });
    assert(summary.min <= mean && mean <= summary.max, `${mean}`);
    const exact = latest.reduce((sum, one) => sum + one / latest.length, 0);
    assert(Math.abs(mean - exact) <= 1e-9 * exact, `${mean} ${exact}`);
    assert.deepEqual(JSON.parse(JSON.stringify(of(values, capacity))), of(values, capacity));
  }));
});

Deno.test("distribution: what is no duration is refused, and leaves nothing behind", () => {
  const distribution = new RecentDistribution(3);
  for (const wrong of [NaN, Infinity, -Infinity, -0.001]) {
    assert.throws(() => distribution.observe(wrong), RangeError);
  }
  assert.equal(distribution.summary(), null);
});
