/**
 * Work that stops a thread for long, piece by piece: messages and timers have their turns in between.
 *
 * @module
 */

/**
 * How long others have between two pieces, in milliseconds. Deno takes one message of each sender in a turn of its event
 * loop, so that a single turn would let a backlog grow.
 */
const PAUSE_MS = 10;

/** Pieces of work that wait for their turns, by key. */
export class SpacedWork {
  readonly #waiting = new Map<string, () => void>();
  #isScheduled = false;

  /** Adds a piece of work behind all others; one with the same key that still waits is left out. */
  add(key: string, work: () => void): void {
    this.#waiting.delete(key);
    this.#waiting.set(key, work);
    this.#schedule(0);
  }

  /** Leaves out a piece of work that still waits; returns whether it did. */
  remove(key: string): boolean {
    return this.#waiting.delete(key);
  }

  /** Leaves out all that still waits. */
  clear(): void {
    this.#waiting.clear();
  }

  #schedule(pauseMs: number): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      const [next] = this.#waiting;
      if (next === undefined) return;
      const [key, work] = next;
      this.#waiting.delete(key);
      try {
        work();
      } finally {
        // Whatever becomes of it, and after it: the pause is the others'.
        this.#schedule(PAUSE_MS);
      }
    }, pauseMs);
  }
}
