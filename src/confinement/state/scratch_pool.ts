/**
 * Scratch folders in advance: a run takes one that is ready, and another is made meanwhile.
 *
 * @module
 */

/** A tool, and how many of its runs there may be at the same time. */
export interface PooledTool {
  readonly name: string;
  readonly concurrency: number;
}

type Waiter = Pick<PromiseWithResolvers<string>, "resolve" | "reject">;

interface ToolPool {
  readonly target: number;
  /** The ids of folders that are there and unused. */
  readonly ready: string[];
  /** The ids of folders that were ordered. */
  readonly ordered: Set<string>;
  readonly waiters: Waiter[];
}

/** Folders by tool, as many ready as the tool may have runs. */
export class ScratchPool {
  readonly #pools: ReadonlyMap<string, ToolPool>;
  readonly #order: (tool: string) => string;

  /**
   * @param order has a folder made and gives its id; an answer follows through {@link made} or {@link
   * notMade}
   */
  constructor(tools: readonly PooledTool[], order: (tool: string) => string) {
    this.#order = order;
    this.#pools = new Map(
      tools.map(({ name, concurrency }) => [
        name,
        { target: concurrency, ready: [], ordered: new Set(), waiters: [] },
      ]),
    );
  }

  /** Has folders made for every tool. */
  fill(): void {
    for (const [tool, pool] of this.#pools) this.#refill(tool, pool);
  }

  /** A folder's id, at once when one is ready. */
  async take(tool: string): Promise<string> {
    const pool = this.#pools.get(tool);
    if (pool === undefined) throw new Error(`the tool ${tool} has no scratch folders`);
    const ready = pool.ready.shift();
    const waiter = ready === undefined ? Promise.withResolvers<string>() : null;
    if (waiter !== null) pool.waiters.push(waiter);
    this.#refill(tool, pool);
    return ready ?? await waiter!.promise;
  }

  /** @returns false when no such folder was ordered */
  made(id: string): boolean {
    const pool = this.#answered(id);
    if (pool === null) return false;
    const waiter = pool.waiters.shift();
    if (waiter === undefined) pool.ready.push(id);
    else waiter.resolve(id);
    return true;
  }

  /** @returns false when no such folder was ordered */
  notMade(id: string, reason: string): boolean {
    const pool = this.#answered(id);
    // Nothing is ordered in its place before the next one is taken: it would fail again, and again.
    pool?.waiters.shift()?.reject(new Error(reason));
    return pool !== null;
  }

  /** Rejects all that wait. */
  fail(reason: string): void {
    for (const { waiters } of this.#pools.values()) {
      for (const { reject } of waiters.splice(0)) reject(new Error(reason));
    }
  }

  #refill(tool: string, pool: ToolPool): void {
    while (pool.ready.length + pool.ordered.size < pool.target + pool.waiters.length) {
      pool.ordered.add(this.#order(tool));
    }
  }

  #answered(id: string): ToolPool | null {
    return [...this.#pools.values()].find(({ ordered }) => ordered.delete(id)) ?? null;
  }
}
