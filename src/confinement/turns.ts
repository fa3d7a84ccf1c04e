/**
 * Work that stops a thread for long, one piece a turn of the event loop: messages and timers have theirs in between.
 *
 * @module
 */

/** Pieces of work that wait for their turns, by key. */
export class Turns {
  readonly #waiting = new Map<string, () => void>();
  #isScheduled = false;

  /** Adds a piece of work behind all others; one with the same key that still waits is left out. */
  add(key: string, work: () => void): void {
    this.#waiting.delete(key);
    this.#waiting.set(key, work);
    this.#schedule();
  }

  /** Leaves out a piece of work that still waits; returns whether it did. */
  remove(key: string): boolean {
    return this.#waiting.delete(key);
  }

  /** Leaves out all that still waits. */
  clear(): void {
    this.#waiting.clear();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      const [next] = this.#waiting;
      if (next === undefined) return;
      const [key, work] = next;
      this.#waiting.delete(key);
      // Before the work, which may throw: the others are not to blame.
      this.#schedule();
      work();
    }, 0);
  }
}
