/**
 * A counter: a number of events, or of bytes, that only grows.
 *
 * @module
 */
import {
  finiteSum,
  type LabelValues,
  type Metric,
  type MetricOptions,
  requireFinite,
  requireNames,
  type Sample,
} from "./metric.ts";
import { SeriesSet, valueSamples } from "./series.ts";

/**
 * Counts.
 *
 * @example
 * ```ts
 * import { Counter } from "./counter.ts";
 *
 * const requests = new Counter({ name: "requests_total", help: "Requests.", labelNames: ["method"] });
 * requests.inc({ method: "GET" });
 * console.log(requests.collect());
 * ```
 */
export class Counter<Name extends string> implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type = "counter";
  readonly #series: SeriesSet<Name, { value: number }>;

  /** @throws {RangeError} if an option is out of its range. */
  constructor(options: MetricOptions<Name>) {
    requireNames(options);
    this.name = options.name;
    this.help = options.help;
    this.#series = new SeriesSet(options, () => ({ value: 0 }));
  }

  /**
   * Counts on.
   *
   * @param by a finite number of at least 0; with 0 the series is there from then on
   * @throws {RangeError} if `by` is out of its range; then nothing has changed.
   */
  inc(labels: LabelValues<Name>, by = 1): void {
    requireFinite(this.name, by, 0);
    const state = this.#series.of(labels);
    state.value = finiteSum(state.value, by);
  }

  collect(): Sample[] {
    return valueSamples(this.#series);
  }
}
