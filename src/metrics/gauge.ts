/**
 * Values that somebody else keeps, and that are asked for when they are scraped: gauges, which go up and down, and
 * counters that are counted elsewhere.
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

/** One value that an {@link Observed} metric was told when it asked. */
export interface Reading<Name extends string> {
  readonly labels: LabelValues<Name>;
  readonly value: number;
}

/** Asks for its values whenever it is scraped, and keeps none. */
abstract class Observed<Name extends string> implements Metric {
  readonly name: string;
  readonly help: string;
  abstract readonly type: "gauge" | "counter";
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
    const readings = [...this.#read()].filter(({ value }) => Number.isFinite(value));
    // Without labels there would be a series all the same, of 0, which nobody has told.
    if (readings.length === 0) return [];
    const series = new SeriesSet(this.#options, () => ({ value: 0 }));
    for (const { labels, value } of readings) {
      const state = series.of(labels);
      state.value = finiteSum(state.value, value);
    }
    return valueSamples(series);
  }
}

/** A value that goes up and down. */
export class ObservedGauge<Name extends string> extends Observed<Name> {
  readonly type = "gauge";
}

/** A number that only grows for as long as the process lives. */
export class ObservedCounter<Name extends string> extends Observed<Name> {
  readonly type = "counter";
}
