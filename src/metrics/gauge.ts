/**
 * Gauges: values that go up and down. They are asked for when they are scraped.
 *
 * @module
 */
import {
  finiteSum,
  type LabelValues,
  type Metric,
  type MetricOptions,
  requireNames,
  type Sample,
} from "./metric.ts";
import { SeriesSet, valueSamples } from "./series.ts";

/** One value that an {@link ObservedGauge} was told when it asked. */
export interface Reading<Name extends string> {
  readonly labels: LabelValues<Name>;
  readonly value: number;
}

/** Asks for its values whenever it is scraped, and keeps none. */
export class ObservedGauge<Name extends string> implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type = "gauge";
  readonly #options: MetricOptions<Name>;
  readonly #read: () => Iterable<Reading<Name>>;

  /**
   * @param read gives the values at the moment of the scrape. Values with the same labels, and those without a series
   *   of their own, are added up; one that is not finite is left out.
   * @throws {RangeError} if an option is out of its range.
   */
  constructor(options: MetricOptions<Name>, read: () => Iterable<Reading<Name>>) {
    requireNames(options);
    this.name = options.name;
    this.help = options.help;
    this.#options = options;
    this.#read = read;
  }

  collect(): Sample[] {
    const series = new SeriesSet(this.#options, () => ({ value: 0 }));
    for (const { labels, value } of this.#read()) {
      if (!Number.isFinite(value)) continue;
      const state = series.of(labels);
      state.value = finiteSum(state.value, value);
    }
    return valueSamples(series);
  }
}
