/**
 * A limited number of places that are held for a long time, such as by open streams: nobody keeps others out by taking
 * all there are.
 *
 * @module
 */

/** A place that is held. Disposing of it gives it back; doing so again does nothing. */
export type Place = Disposable;

interface Held {
  readonly holder: string;
  readonly giveUp: () => void;
}

/**
 * Hands out places.
 *
 * @example
 * ```ts
 * import { FairPlaces } from "./fair_places.ts";
 *
 * const places = new FairPlaces(() => 2);
 * places.take("alice", () => console.log("alice's first is given up"));
 * places.take("alice", () => console.log("alice's second is given up"));
 * console.log(places.take("alice", () => {}), places.take("bob", () => {}) !== null);
 * ```
 */
export class FairPlaces {
  readonly #limit: () => number;
  /** In the order in which they were taken. */
  readonly #held = new Set<Held>();

  /** @param limit how many places there are: asked each time, as it may change. Places that are held stay. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** How many are held. */
  get taken(): number {
    return this.#held.size;
  }

  /**
   * Takes a place. When there is none, whoever holds the most gives its oldest up, if it holds at least two more than
   * this one.
   *
   * @param giveUp called when the place is taken away; it is given back by then
   * @returns null when there is no place
   */
  take(holder: string, giveUp: () => void): Place | null {
    while (this.#held.size >= this.#limit()) if (!this.#makeRoomFor(holder)) return null;
    const held = { holder, giveUp };
    this.#held.add(held);
    return { [Symbol.dispose]: () => void this.#held.delete(held) };
  }

  #makeRoomFor(holder: string): boolean {
    const byHolder = Map.groupBy(this.#held, (held) => held.holder);
    const most = [...byHolder.values()].reduce((a, b) => b.length > a.length ? b : a, []);
    if (most.length < (byHolder.get(holder)?.length ?? 0) + 2) return false;
    const [oldest] = most;
    this.#held.delete(oldest!);
    oldest!.giveUp();
    return true;
  }
}
