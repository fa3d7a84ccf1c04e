/**
 * A binary heap: of many things that fall due, it gives the one that falls due first.
 *
 * @module
 */

/** Something, and when it falls due. */
export interface Due<T> {
  /** When, on whatever scale the caller counts. */
  readonly at: number;
  /** What. */
  readonly item: T;
}

/** Holds things by when they fall due. Looking at the first takes no time, adding and removing it O(log n). */
export class MinHeap<T> {
  /** No entry falls due before its parent; the parent of the entry at `i` is at `(i - 1) >> 1`. */
  readonly #entries: Due<T>[] = [];

  /** The entry that falls due first; of several that fall due together, any one. */
  get first(): Due<T> | undefined {
    return this.#entries[0];
  }

  /** Adds an entry. */
  push(at: number, item: T): void {
    const entries = this.#entries;
    const added = { at, item };
    let index = entries.push(added) - 1;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = entries[parentIndex]!;
      if (parent.at <= at) break;
      entries[index] = parent;
      index = parentIndex;
    }
    entries[index] = added;
  }

  /** Removes the entry that falls due first. */
  pop(): Due<T> | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (last === undefined || last === first) return first;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      const right = entries[childIndex + 1];
      if (right !== undefined && right.at < entries[childIndex]!.at) childIndex++;
      const child = entries[childIndex];
      if (child === undefined || child.at >= last.at) break;
      entries[index] = child;
      index = childIndex;
    }
    entries[index] = last;
    return first;
  }
}
