import assert from "node:assert/strict";
import { EVENT_METRICS, EventMetrics } from "../../src/metrics/event_metrics.ts";
import { Registry } from "../../src/metrics/registry.ts";
import { renderMetrics } from "../../src/metrics/text_format.ts";
import { parseExposition } from "./exposition.ts";
import { assertPromtoolAccepts } from "./promtool.ts";

Deno.test("event metrics: readers are asked for, events counted by type, and their names are a contract", async () => {
  const registry = new Registry();
  let readers = 3;
  const metrics = new EventMetrics(registry, () => readers);
  metrics.recordEvent("run");
  metrics.recordEvent("run");
  metrics.recordEvent("tool");
  metrics.recordDropped();
  readers = 2;
  const text = renderMetrics(registry);
  assert.deepEqual(
    parseExposition(text).map(({ name, type, help, samples }) => ({ name, type, help, samples })),
    [
      {
        ...described("readers"),
        type: "gauge",
        samples: [{ name: "bulkhead_event_readers", labels: {}, value: 2 }],
      },
      {
        ...described("droppedReaders"),
        type: "counter",
        samples: [{ name: "bulkhead_event_readers_dropped_total", labels: {}, value: 1 }],
      },
      {
        ...described("events"),
        type: "counter",
        samples: [
          { name: "bulkhead_events_total", labels: { type: "run" }, value: 2 },
          { name: "bulkhead_events_total", labels: { type: "tool" }, value: 1 },
        ],
      },
    ],
  );
  await assertPromtoolAccepts(text);
});

function described(key: keyof typeof EVENT_METRICS) {
  const { name, help } = EVENT_METRICS[key];
  return { name, help };
}
