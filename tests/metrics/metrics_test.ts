import assert from "node:assert/strict";
import { Counter } from "../../src/metrics/counter.ts";
import { ObservedGauge } from "../../src/metrics/gauge.ts";
import { Histogram } from "../../src/metrics/histogram.ts";
import type { Metric } from "../../src/metrics/metric.ts";
import { Registry } from "../../src/metrics/registry.ts";

/** The samples of a metric as `suffix values` and value. */
function samples(metric: Metric): [string, number][] {
  return metric.collect().map(({ suffix, labels, value }) => [
    [suffix, ...labels.map(([, value]) => value)].filter((word) => word !== "").join(" "),
    value,
  ]);
}

const options = { name: "m", help: "M.", labelNames: ["a", "b"] as const };

Deno.test("counter: counts by label values and only upwards", () => {
  const counter = new Counter(options);
  counter.inc({ a: "x", b: "y" });
  counter.inc({ a: "x", b: "y" }, 2.5);
  counter.inc({ a: "y", b: "x" }, 0);
  assert.deepEqual(samples(counter), [["x y", 3.5], ["y x", 0]]);
  for (const by of [-1, NaN, Infinity]) {
    assert.throws(() => counter.inc({ a: "x", b: "y" }, by), { name: "RangeError", message: /^m takes/ });
  }
  counter.inc({ a: "z", b: "z" }, Number.MAX_VALUE);
  counter.inc({ a: "z", b: "z" }, Number.MAX_VALUE);
  assert.deepEqual(samples(counter), [["x y", 3.5], ["y x", 0], ["z z", Number.MAX_VALUE]]);
});

Deno.test("series: values that could be mistaken for each other are kept apart", () => {
  const counter = new Counter(options);
  for (const [a, b] of [["x,", "y"], ["x", ",y"], ['x","', "y"], ["", "x"], ["x", ""]] as const) {
    counter.inc({ a, b });
  }
  assert.equal(counter.collect().length, 5);
});

Deno.test("series: without labels there is one from the beginning, at 0", () => {
  assert.deepEqual(samples(new Counter({ ...options, labelNames: [] })), [["", 0]]);
  const histogram = new Histogram({ ...options, labelNames: [], bounds: [] });
  assert.deepEqual(samples(histogram), [["_bucket +Inf", 0], ["_sum", 0], ["_count", 0]]);
});

Deno.test("series: beyond the limit everything is counted together as other, and nothing is lost", () => {
  const counter = new Counter({ ...options, maxSeries: 2 });
  for (let i = 0; i < 1_000; i++) counter.inc({ a: `invented ${i}`, b: "b" });
  counter.inc({ a: "invented 1", b: "b" });
  assert.deepEqual(samples(counter), [["invented 0 b", 1], ["invented 1 b", 2], ["other other", 998]]);
});

Deno.test("series: a very long value gets no series of its own", () => {
  const counter = new Counter(options);
  counter.inc({ a: "x".repeat(128), b: "b" });
  counter.inc({ a: "x".repeat(129), b: "b" }, 2);
  assert.deepEqual(samples(counter), [["other other", 2], [`${"x".repeat(128)} b`, 1]]);
});

Deno.test("observed gauge: asks at each scrape, keeps nothing, and adds up what shares a series", () => {
  let readings = [{ labels: { a: "x", b: "y" }, value: 1 }, { labels: { a: "1", b: "1" }, value: 2 }];
  readings.push({ labels: { a: "2", b: "2" }, value: 4 }, { labels: { a: "x", b: "y" }, value: 8 });
  const gauge = new ObservedGauge({ ...options, maxSeries: 1 }, () => readings);
  assert.deepEqual(samples(gauge), [["other other", 6], ["x y", 9]]);
  readings = [{ labels: { a: "z", b: "z" }, value: 0 }];
  assert.deepEqual(samples(gauge), [["z z", 0]]);
});

Deno.test("histogram: a value falls into the first bucket whose bound it does not exceed; buckets add up", () => {
  const histogram = new Histogram({ ...options, labelNames: ["a"], bounds: [0, 1, 10] });
  for (const value of [0, 0.5, 1, 1.5, 10, 10.5]) histogram.observe({ a: "x" }, value);
  assert.deepEqual(samples(histogram), [
    ["_bucket x 0", 1],
    ["_bucket x 1", 3],
    ["_bucket x 10", 5],
    ["_bucket x +Inf", 6],
    ["_sum x", 23.5],
    ["_count x", 6],
  ]);
  for (const value of [-0.1, NaN, Infinity]) {
    assert.throws(() => histogram.observe({ a: "y" }, value), { name: "RangeError", message: /^m takes/ });
  }
  assert.equal(histogram.collect().length, 6);
  for (let i = 0; i < 2; i++) histogram.observe({ a: "x" }, Number.MAX_VALUE);
  assert.deepEqual(samples(histogram).slice(-2), [["_sum x", Number.MAX_VALUE], ["_count x", 8]]);
});

Deno.test("metrics: names and settings that cannot be written are refused", () => {
  const wrong: [RegExp, () => unknown][] = [
    [/is not a name for a metric/, () => new Counter({ ...options, name: "1m" })],
    [/is not a name for a metric/, () => new ObservedGauge({ ...options, name: "m-m" }, () => [])],
    [/is not a name for a metric/, () => new ObservedGauge({ ...options, name: "" }, () => [])],
    [/is not a name for a metric/, () => new Histogram({ ...options, name: "m\n", bounds: [] })],
    [/"a:b" is not a name for a label of m/, () => new Counter({ ...options, labelNames: ["a:b"] })],
    [/"__a" is not a name for a label/, () => new Counter({ ...options, labelNames: ["__a"] })],
    [/"le" is not a name for a label/, () => new Histogram({ ...options, labelNames: ["le"], bounds: [] })],
    [/m has a label name twice/, () => new Counter({ ...options, labelNames: ["a", "a"] })],
    [/maxSeries of m must be/, () => new Counter({ ...options, maxSeries: 0 })],
    [/maxSeries of m must be/, () => new Counter({ ...options, maxSeries: 1.5 })],
    [/the bounds of m must be/, () => new Histogram({ ...options, bounds: [1, 1] })],
    [/the bounds of m must be/, () => new Histogram({ ...options, bounds: [2, 1] })],
    [/the bounds of m must be/, () => new Histogram({ ...options, bounds: [1, Infinity] })],
    [/the bounds of m must be/, () => new Histogram({ ...options, bounds: [NaN] })],
  ];
  for (const [message, make] of wrong) assert.throws(make, { name: "RangeError", message });
});

Deno.test("registry: names that would clash in the text are refused, those of a histogram's lines among them", () => {
  const registry = new Registry();
  registry.register(new Histogram({ ...options, bounds: [] }));
  for (const name of ["m", "m_sum", "m_count", "m_bucket"]) {
    assert.throws(() => registry.register(new Counter({ ...options, name })), {
      name: "RangeError",
      message: new RegExp(`writes ${name} already`),
    });
  }
  registry.register(new Counter({ ...options, name: "m_total" }));
  registry.register(new Counter({ ...options, name: "n_sum" }));
  assert.throws(() => registry.register(new Histogram({ ...options, name: "n", bounds: [] })), RangeError);
  assert.deepEqual(registry.collect().map(({ name }) => name), ["m", "m_total", "n_sum"]);
});
