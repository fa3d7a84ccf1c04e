/**
 * The text format in which Prometheus scrapes metrics, version 0.0.4.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 * @module
 */
import type { MetricFamily } from "./registry.ts";
import type { Sample } from "./metric.ts";

/** The media type of what {@link renderMetrics} returns, once it is encoded as UTF-8. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Renders all metrics of a registry: the same state gives the same text. A value that is not finite is left out. */
export function renderMetrics(registry: { collect(): readonly MetricFamily[] }): string {
  return registry.collect().map(renderFamily).join("");
}

function renderFamily({ name, help, type, samples }: MetricFamily): string {
  const lines = samples.filter((sample) => Number.isFinite(sample.value)).map((sample) =>
    `${name}${sample.suffix}${renderLabels(sample.labels)} ${sample.value}\n`
  );
  return [`# HELP ${name} ${escapeHelp(help)}\n`, `# TYPE ${name} ${type}\n`, ...lines].join("");
}

function renderLabels(labels: Sample["labels"]): string {
  if (labels.length === 0) return "";
  return `{${labels.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(",")}}`;
}

/** In a help text the backslash and the line feed are escaped; quotation marks are not. */
function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabelValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
