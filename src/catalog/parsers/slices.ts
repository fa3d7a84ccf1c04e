/**
 * Long work in slices, so that the thread that does it can see to others in between.
 *
 * @module
 */
import type { Clock } from "../../core/clock.ts";

/**
 * How long the work goes on before it pauses, in milliseconds: well below the 50 that one hold may last, since the last
 * piece of work and the collection of garbage come on top.
 */
const SLICE_MS = 5;
/** How much work is done between two looks at the clock, in units of about one byte read: some 100 microseconds. */
const UNITS_BETWEEN_LOOKS = 4096;

/**
 * Counts work and says when a pause is due. What one piece of work may cost at most is up to the caller: no pause can
 * be made in the middle of a piece.
 *
 * @example
 * for (const piece of pieces) {
 *   if (slices.spend(piece.length)) await slices.pause();
 *   read(piece);
 * }
 */
export class Slices {
  readonly #clock: Clock;
  #startMs: number;
  #units = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.now();
  }

  /** Counts a piece of work, in units of about one byte read; returns whether a pause is due. */
  spend(units: number): boolean {
    this.#units += units;
    if (this.#units < UNITS_BETWEEN_LOOKS) return false;
    this.#units = 0;
    return this.#clock.now() - this.#startMs >= SLICE_MS;
  }

  /** Lets everything else that is due run, then begins a new slice. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.after(0, resolve));
    this.#startMs = this.#clock.now();
  }
}
