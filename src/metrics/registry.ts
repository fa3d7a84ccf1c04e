/**
 * The registry: all metrics that are scraped together.
 *
 * @module
 */
import type { Metric, MetricType, Sample } from "./metric.ts";

/** A metric with its samples at one moment. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly Sample[];
}

/**
 * Holds metrics with names that do not clash.
 *
 * @example
 * ```ts
 * import { Counter } from "./counter.ts";
 * import { Registry } from "./registry.ts";
 * import { renderMetrics } from "./text_format.ts";
 *
 * const registry = new Registry();
 * const starts = registry.register(new Counter({ name: "starts_total", help: "Starts.", labelNames: [] }));
 * starts.inc({});
 * console.log(renderMetrics(registry));
 * ```
 */
export class Registry {
  readonly #metrics = new Map<string, Metric>();
  /** Every name that a line of the text format can begin with. */
  readonly #names = new Set<string>();

  /**
   * Adds a metric and returns it.
   *
   * @throws {RangeError} if one of the names that it writes is taken.
   */
  register<M extends Metric>(metric: M): M {
    const suffixes = metric.type === "histogram" ? ["", "_bucket", "_sum", "_count"] : [""];
    const names = suffixes.map((suffix) => `${metric.name}${suffix}`);
    const taken = names.find((name) => this.#names.has(name));
    if (taken !== undefined) throw new RangeError(`there is a metric that writes ${taken} already`);
    for (const name of names) this.#names.add(name);
    this.#metrics.set(metric.name, metric);
    return metric;
  }

  /** All metrics with their samples now, sorted by name. */
  collect(): MetricFamily[] {
    return [...this.#metrics.values()]
      .sort((a, b) => a.name < b.name ? -1 : 1)
      .map((metric) => ({
        name: metric.name,
        help: metric.help,
        type: metric.type,
        samples: metric.collect(),
      }));
  }
}
