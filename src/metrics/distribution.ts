/**
 * The distribution of the latest values of something: exact, in bounded memory.
 *
 * @module
 */
import { requireFinite } from "./metric.ts";

/** A distribution at one moment. All of it is about the same values, so that `min <= p50 <= p95 <= p99 <= max`. */
export interface DistributionSummary {
  /** How many values it is about: at least 1. */
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** Quantiles by nearest rank: the smallest of the values that at least so many percent of them do not exceed. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Remembers the latest values. */
export class RecentDistribution {
  readonly #capacity: number;
  readonly #values: number[] = [];
  /** Where the next value goes once all places are taken: where the oldest is. */
  #oldest = 0;

  /** @param capacity how many values are remembered: an integer of at least 1 */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Takes one value into account.
   *
   * @throws {RangeError} if it is not a finite number of at least 0; then nothing has changed.
   */
  observe(value: number): void {
    requireFinite("a distribution", value, 0);
    if (this.#values.length < this.#capacity) {
      this.#values.push(value);
      return;
    }
    this.#values[this.#oldest] = value;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** The distribution of what is remembered; null when there is nothing. */
  summary(): DistributionSummary | null {
    const count = this.#values.length;
    if (count === 0) return null;
    const sorted = Float64Array.from(this.#values).sort();
    const atRank = (percent: number) => sorted[Math.ceil(percent * count / 100) - 1]!;
    // Divided first: a sum of large values is not finite. The mean of equal values is none other for being rounded.
    const mean = sorted.reduce((sum, value) => sum + value / count, 0);
    const [min, max] = [sorted[0]!, sorted[count - 1]!];
    return {
      count,
      min,
      mean: Math.min(Math.max(mean, min), max),
      max,
      p50: atRank(50),
      p95: atRank(95),
      p99: atRank(99),
    };
  }
}
