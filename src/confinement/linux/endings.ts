/**
 * Ending processes for good: looking again and again, killing what is met, until none is left. All ends that are under
 * way share their looks, so that many at once cost no more than one.
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { killOnce, type MarkedProcess, type Self } from "./processes.ts";

/** How long looks follow each other closely; what is left then is told, and looked for less often. Milliseconds. */
const INSIST_MS = 5000;
const LINGER_MS = 1000;

/** How long looks follow each other at once before others have their turn, in milliseconds. */
const SLICE_MS = 5;

/** A process that forks and ends, over and over, can slip through one look; hardly through three. */
const CLEAN_LOOKS = 3;

/** How long the dead are remembered: far less than it takes until all numbers have been used, and begin anew. */
const REMEMBER_MS = 500;

/**
 * How many were met alive, each counted once, and how many of them had not ended by then. As whatever is met is killed
 * before it is asked what it was, one that was gone at once is not counted: `killed` is the least that it may be.
 */
export interface Ended {
  readonly killed: number;
  readonly survivors: number;
}

/** One end that is under way. */
interface Ending {
  readonly wanted: (tag: bigint) => boolean;
  readonly untilMs: number;
  /** The pids of what was met alive. */
  readonly killed: Set<number>;
  /** How many looks in a row have met nothing alive. */
  cleanLooks: number;
  /** What is told of it; called a second time for what lingers. */
  readonly tell: (ended: Ended) => void;
}

/** Ends processes by their marks. */
export class Endings {
  readonly #kernel: Kernel;
  readonly #self: Self;
  readonly #waitedFor: () => ReadonlySet<number>;
  #underWay: Ending[] = [];
  /** Those of which survivors were told: they are not given up. */
  #lingering: Ending[] = [];
  #isLingering = false;
  readonly #dead = new Set<number>();
  #forgetMs = 0;

  /** @param waitedFor the pids whose end somebody else in this process waits for; asked anew at each look */
  constructor(kernel: Kernel, self: Self, waitedFor: () => ReadonlySet<number>) {
    this.#kernel = kernel;
    this.#self = self;
    this.#waitedFor = waitedFor;
  }

  /**
   * Looks until none is left that `wanted` accepts, killing what it meets.
   *
   * @param already the pids of what was met alive, and killed, before; counted too
   * @param later called when at last none is left of what had survivors
   */
  end(
    wanted: (tag: bigint) => boolean,
    already: Iterable<number> = [],
    later: (ended: Ended) => void = () => {},
  ): Promise<Ended> {
    return new Promise((resolve) => {
      let tell = (ended: Ended) => {
        tell = later;
        resolve(ended);
      };
      const untilMs = performance.now() + INSIST_MS;
      const killed = new Set(already);
      this.#underWay.push({ wanted, untilMs, killed, cleanLooks: 0, tell: (ended) => tell(ended) });
      if (this.#underWay.length === 1) void this.#look();
    });
  }

  async #look(): Promise<void> {
    while (this.#underWay.length > 0) {
      const sliceEndsMs = performance.now() + SLICE_MS;
      if (sliceEndsMs > this.#forgetMs) {
        this.#dead.clear();
        this.#forgetMs = sliceEndsMs + REMEMBER_MS;
      }
      // Whoever multiplies is outpaced by looking again at once.
      while (this.#lookOnce() && performance.now() < sliceEndsMs);
      if (this.#underWay.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Looks again for what lingers, as often as {@link LINGER_MS} says, until nothing does. */
  async #linger(): Promise<void> {
    if (this.#isLingering) return;
    this.#isLingering = true;
    while (this.#lingering.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
      this.#lookOnce();
    }
    this.#isLingering = false;
  }

  /** One look for all; returns whether anything was alive. */
  #lookOnce(): boolean {
    const all = [...this.#underWay, ...this.#lingering];
    const wanted = (tag: bigint) => all.some((ending) => ending.wanted(tag));
    const alive = killOnce(this.#kernel, this.#self, wanted, this.#waitedFor(), this.#dead);
    this.#lingering = this.#lingering.filter((ending) => !this.#isClean(ending, alive));
    this.#underWay = this.#underWay.filter((ending) => {
      if (this.#isClean(ending, alive)) return false;
      if (performance.now() <= ending.untilMs) return true;
      this.#lingering.push(ending);
      const survivors = alive.filter(({ tag }) => ending.wanted(tag)).length;
      ending.tell({ killed: ending.killed.size, survivors });
      return false;
    });
    if (this.#lingering.length > 0) void this.#linger();
    return alive.length > 0;
  }

  /** Counts a look; returns whether the end is reached, which is told. */
  #isClean(ending: Ending, alive: readonly MarkedProcess[]): boolean {
    const mine = alive.filter(({ tag }) => ending.wanted(tag));
    for (const { pid } of mine) ending.killed.add(pid);
    ending.cleanLooks = mine.length === 0 ? ending.cleanLooks + 1 : 0;
    if (ending.cleanLooks < CLEAN_LOOKS) return false;
    ending.tell({ killed: ending.killed.size, survivors: 0 });
    return true;
  }
}
