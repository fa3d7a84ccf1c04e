import fc from "fast-check";
import assert from "node:assert/strict";
import { Counter } from "../../src/metrics/counter.ts";
import { ObservedGauge, type Reading } from "../../src/metrics/gauge.ts";
import type { MetricOptions } from "../../src/metrics/metric.ts";
import { Histogram } from "../../src/metrics/histogram.ts";
import { Registry } from "../../src/metrics/registry.ts";
import { METRICS_CONTENT_TYPE, renderMetrics } from "../../src/metrics/text_format.ts";
import { parseExposition } from "./exposition.ts";
import { assertPromtoolAccepts } from "./promtool.ts";

/** Text that is likely to need escaping. */
const nasty = fc.oneof(
  fc.string({ unit: fc.constantFrom("\\", '"', "\n", "n", "{", "}", ",", "=", " ", "#", "\r", "\0", "ü") }),
  fc.string({ unit: "binary" }),
);

/** A gauge that reads the same values each time. */
function gaugeOf<Name extends string>(options: MetricOptions<Name>, values: readonly Reading<Name>[]) {
  return new ObservedGauge(options, () => values);
}

Deno.test("text format: the whole of a small registry, to the letter", () => {
  const registry = new Registry();
  const waits = registry.register(
    new Histogram({ name: "wait_seconds", help: "Waits.", labelNames: ["tool"], bounds: [0.5, 1, 10] }),
  );
  const runs = registry.register(
    new Counter({ name: "runs_total", help: 'A \\ and a "line"\nfeed.', labelNames: ["tool", "outcome"] }),
  );
  registry.register(
    gaugeOf({ name: "ready", help: "Ready.", labelNames: [] }, [{ labels: {}, value: -1.5 }]),
  );
  registry.register(new Counter({ name: "empty_total", help: "Nothing yet.", labelNames: ["tool"] }));
  runs.inc({ tool: "nmap", outcome: "success" }, 2);
  runs.inc({ outcome: "failure", tool: 'a "b" \\ c\nd' });
  runs.inc({ tool: "nmap", outcome: "failure" });
  for (const value of [0.5, 0.6, 1e21]) waits.observe({ tool: "dig" }, value);
  assert.equal(
    renderMetrics(registry),
    String.raw`# HELP empty_total Nothing yet.
# TYPE empty_total counter
# HELP ready Ready.
# TYPE ready gauge
ready -1.5
# HELP runs_total A \\ and a "line"\nfeed.
# TYPE runs_total counter
runs_total{tool="a \"b\" \\ c\nd",outcome="failure"} 1
runs_total{tool="nmap",outcome="failure"} 1
runs_total{tool="nmap",outcome="success"} 2
# HELP wait_seconds Waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{tool="dig",le="0.5"} 1
wait_seconds_bucket{tool="dig",le="1"} 2
wait_seconds_bucket{tool="dig",le="10"} 2
wait_seconds_bucket{tool="dig",le="+Inf"} 3
wait_seconds_sum{tool="dig"} 1e+21
wait_seconds_count{tool="dig"} 3
`,
  );
  assert.equal(METRICS_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
});

Deno.test("text format: an empty registry is an empty text", () => {
  assert.equal(renderMetrics(new Registry()), "");
});

Deno.test("text format: what was put in is read back, whatever the text and the order", () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(
      nasty,
      fc.uniqueArray(fc.tuple(nasty, nasty, value), { maxLength: 10, selector: ([a, b]) => `${a}\0${b}` }),
      fc.infiniteStream(fc.nat()),
      (help, given, shuffle) => {
        const render = (readings: typeof given): string => {
          const registry = new Registry();
          const values = readings.map(([a, b, value]) => ({ labels: { a, b }, value }));
          registry.register(gaugeOf({ name: "g", help, labelNames: ["a", "b"] }, values));
          return renderMetrics(registry);
        };
        const last = new Map(given.map(([a, b, value]) => [JSON.stringify([a, b]), { a, b, value }]));
        const text = render(given);
        const [family, ...more] = parseExposition(text);
        assert(family !== undefined && more.length === 0);
        assert.deepEqual([family.name, family.help, family.type], ["g", help, "gauge"]);
        const read = new Map(
          family.samples.map(({ labels, value }) => [
            JSON.stringify([labels.a, labels.b]),
            { a: labels.a, b: labels.b, value },
          ]),
        );
        assert.equal(read.size, last.size);
        // Minus nought is written as nought.
        for (const [key, { value }] of last) assert.equal(read.get(key)?.value, value + 0);
        const shuffled = [...last.values()]
          .map((reading) => ({ reading, at: shuffle.next().value! }))
          .sort((x, y) => x.at - y.at)
          .map(({ reading }) => [reading.a, reading.b, reading.value] as [string, string, number]);
        assert.equal(render(shuffled), text);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("text format: text that is not well-formed does not make two series of the same bytes", () => {
  const registry = new Registry();
  const counter = registry.register(new Counter({ name: "c_total", help: "C.", labelNames: ["a"] }));
  for (const a of ["\ud800", "\udfff", "\ufffd"]) counter.inc({ a });
  assert.deepEqual(parseExposition(renderMetrics(registry))[0]?.samples, [
    { name: "c_total", labels: { a: "\ufffd" }, value: 3 },
  ]);
});

Deno.test("text format: NaN and infinity do not leave, wherever they come from", () => {
  const registry = new Registry();
  registry.register(
    new ObservedGauge({ name: "g", help: "G.", labelNames: ["a"] }, () => [
      { labels: { a: "not" }, value: NaN },
      { labels: { a: "much" }, value: Infinity },
      { labels: { a: "little" }, value: -Infinity },
      { labels: { a: "sum" }, value: Number.MAX_VALUE },
      { labels: { a: "sum" }, value: Number.MAX_VALUE },
    ]),
  );
  registry.register({
    name: "h",
    help: "H.",
    type: "gauge",
    collect: () => [NaN, Infinity, -Infinity, 1].map((value) => ({ suffix: "" as const, labels: [], value })),
  });
  const [g, h] = parseExposition(renderMetrics(registry));
  assert.deepEqual(g?.samples, [{ name: "g", labels: { a: "sum" }, value: Number.MAX_VALUE }]);
  assert.deepEqual(h?.samples, [{ name: "h", labels: {}, value: 1 }]);
});

Deno.test("text format: promtool reads it, whatever the label values", async () => {
  const registry = new Registry();
  const counter = registry.register(
    new Counter({ name: "c_total", help: 'Counts \\ "c"\nand more.', labelNames: ["a", "b"] }),
  );
  for (const [a, b] of fc.sample(fc.tuple(nasty, nasty), { numRuns: 200, seed: 1 })) counter.inc({ a, b });
  const histogram = registry.register(
    new Histogram({ name: "h_seconds", help: "H.", labelNames: ["a"], bounds: [1e-7, 0.5, 1e21] }),
  );
  for (const value of [0, 1e-7, 3, 1e300, Number.MAX_VALUE, Number.MAX_VALUE]) {
    histogram.observe({ a: "x" }, value);
  }
  registry.register(gaugeOf({ name: "g", help: "G.", labelNames: [] }, [{ labels: {}, value: -0 }]));
  await assertPromtoolAccepts(renderMetrics(registry));
});
