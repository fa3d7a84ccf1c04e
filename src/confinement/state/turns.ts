/**
 * Long work in slices: a thread that others wait for gives them their turn between two of them. The work is done on
 * this thread, as another one may not be had: a user's processes and threads are limited, and tools use them up.
 *
 * @module
 */

/** How long the thread is kept busy before others have their turn. */
const TURN_MS = 10;

/** The turns of one piece of work, of which the first has begun. */
export class Turns {
  #beganMs = performance.now();

  /** Whether others should have their turn now. */
  get isOver(): boolean {
    return performance.now() - this.#beganMs > TURN_MS;
  }

  /** Resolves when others have had theirs. */
  async next(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#beganMs = performance.now();
  }
}
