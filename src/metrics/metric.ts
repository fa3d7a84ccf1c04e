/**
 * What every metric is: a name, a help text, a type, and samples when it is scraped.
 *
 * @see {@link https://prometheus.io/docs/concepts/data_model/} for names and labels.
 * @module
 */

/** The types of the text format that are made here. */
export type MetricType = "counter" | "gauge" | "histogram";

/** One value of a metric, as it is scraped. */
export interface Sample {
  /** What the metric's name is followed by: nothing, except in a histogram. */
  readonly suffix: "" | "_bucket" | "_sum" | "_count";
  /** Label names and values, in the order in which they are written. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** Something that can be scraped. */
export interface Metric {
  readonly name: string;
  /** One sentence about what is measured. */
  readonly help: string;
  readonly type: MetricType;
  /** The samples now, in an order that depends on their labels only. */
  collect(): Sample[];
}

/** A value for each label name. */
export type LabelValues<Name extends string> = Readonly<Record<Name, string>>;

/** What a metric is made from. */
export interface MetricOptions<Name extends string> {
  /** `[a-zA-Z_:][a-zA-Z0-9_:]*`; a unit in its name, and `_total` at the end of a counter's, are the custom. */
  readonly name: string;
  /** One sentence about what is measured. */
  readonly help: string;
  /** The names of its labels, each `[a-zA-Z_][a-zA-Z0-9_]*` and not beginning with `__`; none for a single value. */
  readonly labelNames: readonly Name[];
  /**
   * How many combinations of label values have a series of their own: an integer of at least 1.
   *
   * @default 1000
   */
  readonly maxSeries?: number;
}

/**
 * Holds a name and label names against the rules of the text format.
 *
 * @param reserved label names that the metric writes itself
 * @throws {RangeError} naming what cannot be written.
 */
export function requireNames(
  { name, labelNames }: MetricOptions<string>,
  reserved: readonly string[] = [],
): void {
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) throw new RangeError(`"${name}" is not a name for a metric`);
  for (const labelName of labelNames) {
    if (!/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(labelName) || reserved.includes(labelName)) {
      throw new RangeError(`"${labelName}" is not a name for a label of ${name}`);
    }
  }
  if (new Set(labelNames).size < labelNames.length) throw new RangeError(`${name} has a label name twice`);
}

/**
 * Holds a number against a lowest value: NaN and infinity are never let in, so they never come out.
 *
 * @throws {RangeError} naming the metric.
 */
export function requireFinite(name: string, value: number, minimum = -Infinity): void {
  if (Number.isFinite(value) && value >= minimum) return;
  const range = minimum === -Infinity ? "a finite number" : `a finite number of at least ${minimum}`;
  throw new RangeError(`${name} takes ${range}, not ${value}`);
}

/** A sum that stays finite: at the largest number it stops. */
export function finiteSum(a: number, b: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(a + b, Number.MAX_VALUE));
}
