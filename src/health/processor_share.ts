/**
 * How busy processors were, told from two readings: nobody has to wait while something is measured.
 *
 * @module
 */
import type { ProcessorTimes } from "../confinement/machine_reading.ts";

/**
 * Readings that are closer to each other than this, in milliseconds of all processors together, say too little: the
 * kernel counts in hundredths of a second.
 */
const LEAST_MS = 500;

/** Remembers the last reading, and what share of the time since the one before the processors were busy. */
export class ProcessorShare {
  #last: ProcessorTimes | null = null;
  #percent: number | null = null;

  /**
   * Takes a reading.
   *
   * @returns percent, from 0 to 100, or null when it takes another reading: with the first, and when the counters have
   *   been set back, as they are when a processor is taken away
   */
  take(times: ProcessorTimes): number | null {
    const last = this.#last;
    const busyMs = times.busyMs - (last?.busyMs ?? 0);
    const idleMs = times.idleMs - (last?.idleMs ?? 0);
    const isUsable = last !== null && busyMs >= 0 && idleMs >= 0;
    // Asked again so soon, the answer is still the last one.
    if (isUsable && busyMs + idleMs < LEAST_MS) return this.#percent;
    this.#last = times;
    this.#percent = isUsable ? 100 * (busyMs / (busyMs + idleMs)) : null;
    return this.#percent;
  }
}
