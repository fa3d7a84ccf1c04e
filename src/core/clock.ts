/**
 * Time, injected. Everything that measures or waits takes a {@link Clock}, so that tests step time by hand.
 *
 * @module
 */

/** A source of time and of timers. */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never goes backwards. What is measured, is measured with it. */
  now(): number;
  /** Milliseconds since 1970, as the machine has them now: for showing, since it may be set. */
  wall(): number;
  /**
   * Calls `callback` once, `delayMs` milliseconds from now.
   *
   * @returns a function that cancels the timer; calling it again does nothing.
   */
  after(delayMs: number, callback: () => void): () => void;
}

/** The real clock: `performance.now()`, `Date.now()` and `setTimeout()`. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A time of {@link Clock.wall} as people and programs read it: RFC 3339, in UTC, to the millisecond. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
