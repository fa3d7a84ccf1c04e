/**
 * How late this thread comes to what it is to do.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";

/** How often it is looked, in milliseconds. */
const TICK_MS = 500;

/** How many looks are remembered: half a minute of them. */
const REMEMBERED = 60;

/** Measures by how much a timer is late. */
export class EventLoopLag {
  readonly #clock: Clock;
  readonly #latenessMs: number[] = [];
  #cancelTimer: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The longest that it was late within the last half minute, in milliseconds: at least 0. */
  get longestMs(): number {
    return Math.max(0, ...this.#latenessMs);
  }

  /** Begins to look. */
  start(): void {
    if (this.#cancelTimer === null) this.#tick();
  }

  /** Looks no more; no timer is left. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #tick(): void {
    const dueMs = this.#clock.now() + TICK_MS;
    this.#cancelTimer = this.#clock.after(TICK_MS, () => {
      this.#latenessMs.push(Math.max(0, this.#clock.now() - dueMs));
      if (this.#latenessMs.length > REMEMBERED) this.#latenessMs.shift();
      this.#tick();
    });
  }
}
