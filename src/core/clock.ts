/**
 * Time, injected. Everything that measures or waits takes a {@link Clock}, so that tests step time by hand.
 *
 * @module
 */

/** A source of monotonic time and of timers. */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never goes backwards. */
  now(): number;
  /**
   * Calls `callback` once, `delayMs` milliseconds from now.
   *
   * @returns a function that cancels the timer; calling it again does nothing.
   */
  after(delayMs: number, callback: () => void): () => void;
}

/** The real clock: `performance.now()` and `setTimeout()`. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
