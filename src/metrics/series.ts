/**
 * The series of one metric: a state for each combination of label values, and never more of them than a limit.
 *
 * @module
 */
import type { LabelValues, MetricOptions, Sample } from "./metric.ts";

/** Every label value of the series that takes what finds no series of its own. */
export const OTHER = "other";

const DEFAULT_MAX_SERIES = 1_000;
/** A longer value, in UTF-16 units, gets no series of its own: a limit in number alone would not bound memory. */
const LONGEST_VALUE = 128;

/**
 * Finds the state that belongs to label values. Beyond `maxSeries` combinations, new ones share one more series, in
 * which every label has the value `other`: nothing is lost, but it can no longer be told apart.
 */
export class SeriesSet<Name extends string, State> {
  readonly #labelNames: readonly Name[];
  readonly #maxSeries: number;
  readonly #makeState: () => State;
  /** By the label values as JSON, which no two combinations share. */
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly state: State }>();

  /** @throws {RangeError} if `maxSeries` is out of its range. */
  constructor(
    { name, labelNames, maxSeries = DEFAULT_MAX_SERIES }: MetricOptions<Name>,
    makeState: () => State,
  ) {
    if (!Number.isSafeInteger(maxSeries) || maxSeries < 1) {
      throw new RangeError(`maxSeries of ${name} must be an integer of at least 1, not ${maxSeries}`);
    }
    this.#labelNames = labelNames;
    this.#maxSeries = maxSeries;
    this.#makeState = makeState;
    // Without labels there is one series, and it starts at 0 rather than at its first event.
    if (labelNames.length === 0) this.#find([]);
  }

  /** The state for these label values. */
  of(labels: LabelValues<Name>): State {
    // What is not well-formed could not be written apart in UTF-8.
    const values = this.#labelNames.map((name) => labels[name].toWellFormed());
    const isOwn = values.every((value) => value.length <= LONGEST_VALUE) &&
      (this.#series.size < this.#maxSeries || this.#series.has(JSON.stringify(values)));
    return this.#find(isOwn ? values : values.map(() => OTHER));
  }

  /** All series, sorted by their label values. */
  sorted(): { readonly labels: Sample["labels"]; readonly state: State }[] {
    return [...this.#series.values()]
      .sort((a, b) => compareValues(a.values, b.values))
      .map(({ values, state }) => ({
        labels: this.#labelNames.map((name, index) => [name, values[index]!] as const),
        state,
      }));
  }

  #find(values: readonly string[]): State {
    const key = JSON.stringify(values);
    const known = this.#series.get(key);
    if (known !== undefined) return known.state;
    const state = this.#makeState();
    this.#series.set(key, { values, state });
    return state;
  }
}

/** The samples of series that have one value each. */
export function valueSamples(series: SeriesSet<string, { readonly value: number }>): Sample[] {
  return series.sorted().map(({ labels, state }) => ({ suffix: "", labels, value: state.value }));
}

/** Compares by the first value that differs, by code units: the same on every machine. */
function compareValues(a: readonly string[], b: readonly string[]): number {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index < 0 ? 0 : a[index]! < b[index]! ? -1 : 1;
}
