/**
 * What is put on a process that is about to become a run's program, before its first instruction: its group, its place
 * behind the server, its ceilings and the run's mark.
 *
 * @module
 */
import {
  type Ceilings,
  landLimits,
  type Limit,
  limitsOf,
  ownHardLimits,
  readLimit,
  RESOURCE,
} from "./linux/ceilings.ts";
import { errnoName, type Kernel } from "./linux/kernel.ts";
import { TAG_RESOURCE } from "./linux/run_tag.ts";
import type { RunTerms, TreeCeilings } from "./warden_protocol.ts";

/** setpriority(2). */
const PRIO_PROCESS = 0;

/**
 * Programs come after the server where the processors are too few for both, so that it answers and ends them in time,
 * however many they are. It is the last place that there is: at 5, two hundred that compute kept the server from its
 * deadline for seconds. Nobody but root can take the value back.
 */
const NICENESS = 19;

/** RLIM_INFINITY of getrlimit(2). */
const UNLIMITED = 2n ** 64n - 1n;

/**
 * How many of the processes that the server's user may have are kept from programs: a quarter, and at most so many. A
 * server that could not start a thread any more would end.
 */
const MOST_RESERVED_PROCESSES = 256n;

/** Control groups of runs: what `linux/cgroup.ts` gives where a cgroup v2 is delegated. */
export interface RunGroups {
  /** Puts a process that has not begun, and with it all its descendants, under the run's tree ceilings. */
  add(
    run: string,
    pid: number,
    tree: TreeCeilings,
  ): { readonly ok: true } | { readonly ok: false; readonly reason: string };
  /** Kills everything in the run's group. */
  kill(run: string): boolean;
  /** Removes the run's group; returns false while something is in it. */
  remove(run: string): boolean;
  /** Which ceiling a run has reached, for people, or null. */
  explain(run: string): string | null;
  /** Leaves everything as it was found; false while something is left in a group. */
  close(): boolean;
}

/** Lands everything on processes. */
export class Landing {
  readonly #kernel: Kernel;
  readonly #groups: RunGroups | null;
  /** What the server itself may have of each resource. */
  readonly #most: ReadonlyMap<number, bigint>;

  /**
   * @param highestTag the largest mark that will be landed
   * @throws {Error} when the mark cannot be set here
   */
  constructor(kernel: Kernel, groups: RunGroups | null, highestTag: bigint) {
    this.#kernel = kernel;
    this.#groups = groups;
    this.#most = ownHardLimits(kernel, [...Object.values(RESOURCE), TAG_RESOURCE]);
    if (this.#most.get(TAG_RESOURCE)! < highestTag) {
      throw new Error("the limit RLIMIT_LOCKS is set, which marks the processes of runs; start without it");
    }
  }

  /** @returns null, or the step that failed: then the program must not start */
  land(pid: number, { run, ceilings, tree }: RunTerms, tag: bigint): string | null {
    // Succeeds for a child of ours only, and only before it executes anything.
    const group = this.#kernel.call("setpgid", pid, pid);
    if (group < 0) return `setpgid: ${errnoName(-group)}`;
    if (this.#groups !== null && (tree.memoryBytes !== null || tree.processes !== null)) {
      const added = this.#groups.add(run, pid, tree);
      if (!added.ok) return added.reason;
    }
    const priority = this.#kernel.call("setpriority", PRIO_PROCESS, pid, NICENESS);
    if (priority < 0) return `setpriority: ${errnoName(-priority)}`;
    return landLimits(this.#kernel, pid, this.#limits(ceilings, tag), this.#most);
  }

  /** With them the processes that the user may have, where they are counted: less than the server itself may have. */
  #limits(ceilings: Ceilings, tag: bigint): ReadonlyMap<number, Limit> {
    const own = this.#most.get(RESOURCE.processes)!;
    if (own === UNLIMITED) return limitsOf(ceilings, tag);
    const processes = own - min(own / 4n, MOST_RESERVED_PROCESSES);
    return new Map([[RESOURCE.processes, { soft: processes, hard: processes }], ...limitsOf(ceilings, tag)]);
  }

  /** Whether a process has the limits that were to be landed. */
  holds(pid: number, ceilings: Ceilings, tag: bigint): boolean {
    return [...this.#limits(ceilings, tag)].every(([resource, wanted]) => {
      const landed = readLimit(this.#kernel, pid, resource);
      const most = this.#most.get(resource)!;
      return typeof landed !== "number" && landed.soft === min(wanted.soft, most) &&
        landed.hard === min(wanted.hard, most);
    });
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
