/**
 * A histogram: how many of the observed values were at most so large, for a few fixed bounds.
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
import { SeriesSet } from "./series.ts";

/** What a {@link Histogram} is made from. */
export interface HistogramOptions<Name extends string> extends MetricOptions<Name> {
  /** The largest value that each bucket takes: finite and rising. The last one, `+Inf`, comes by itself. */
  readonly bounds: readonly number[];
}

interface Distribution {
  /** For each bound, and for what is beyond the last, how many values fell there and not below. */
  readonly counts: number[];
  sum: number;
}

/** Sorts values of at least 0 into buckets. */
export class Histogram<Name extends string> implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly #bounds: readonly number[];
  readonly #series: SeriesSet<Name, Distribution>;

  /** @throws {RangeError} if an option is out of its range. */
  constructor(options: HistogramOptions<Name>) {
    const { name, bounds } = options;
    requireNames(options, ["le"]);
    const isRising = bounds.every((bound, i) => Number.isFinite(bound) && !(bound <= bounds[i - 1]!));
    if (!isRising) throw new RangeError(`the bounds of ${name} must be finite and rising, not ${bounds}`);
    this.name = name;
    this.help = options.help;
    this.#bounds = bounds;
    this.#series = new SeriesSet(options, () => ({ counts: [...bounds, Infinity].map(() => 0), sum: 0 }));
  }

  /**
   * Takes one value into account.
   *
   * @param value a finite number of at least 0, or the sum would not be a counter
   * @throws {RangeError} if `value` is out of its range; then nothing has changed.
   */
  observe(labels: LabelValues<Name>, value: number): void {
    requireFinite(this.name, value, 0);
    const distribution = this.#series.of(labels);
    const index = this.#bounds.findIndex((bound) => value <= bound);
    distribution.counts[index < 0 ? this.#bounds.length : index]!++;
    distribution.sum = finiteSum(distribution.sum, value);
  }

  collect(): Sample[] {
    return this.#series.sorted().flatMap(({ labels, state }) => {
      let count = 0;
      const buckets = state.counts.map((more, index): Sample => {
        const bound = this.#bounds[index];
        const le = bound === undefined ? "+Inf" : String(bound);
        return { suffix: "_bucket", labels: [...labels, ["le", le]], value: count += more };
      });
      return [...buckets, { suffix: "_sum", labels, value: state.sum }, {
        suffix: "_count",
        labels,
        value: count,
      }];
    });
  }
}
