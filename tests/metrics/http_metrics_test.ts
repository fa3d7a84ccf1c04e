import assert from "node:assert/strict";
import { HTTP_METRICS, HttpMetrics } from "../../src/metrics/http_metrics.ts";
import { Registry } from "../../src/metrics/registry.ts";
import { renderMetrics } from "../../src/metrics/text_format.ts";
import { assertPromtoolAccepts } from "./promtool.ts";

Deno.test("http metrics: connections and requests are counted, and their labels are few", async () => {
  const registry = new Registry();
  const metrics = new HttpMetrics(registry, () => 7);
  metrics.refused();
  metrics.closed("room");
  metrics.answered("/tools/{name}", "GET", 200);
  metrics.answered("/tools/{name}", "GET", 204);
  metrics.answered(null, "BREW", 404);
  const text = renderMetrics(registry);
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(lines, [
    "bulkhead_http_connections 7",
    'bulkhead_http_connections_closed_total{reason="room"} 1',
    "bulkhead_http_connections_refused_total 1",
    'bulkhead_http_requests_total{route="/tools/{name}",method="GET",status="2xx"} 2',
    'bulkhead_http_requests_total{route="other",method="other",status="4xx"} 1',
  ]);
  for (const { name, help } of Object.values(HTTP_METRICS)) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n`));
  }
  await assertPromtoolAccepts(text);
});
