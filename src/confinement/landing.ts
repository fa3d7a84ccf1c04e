/**
 * What is put on a process that is about to become a run's program, before its first instruction: its group, its place
 * behind the server, its ceilings and the run's mark.
 *
 * @module
 */
import { type Ceilings, landLimits, limitsOf, ownHardLimits, readLimit, RESOURCE } from "./linux/ceilings.ts";
import { errnoName, type Kernel } from "./linux/kernel.ts";
import { TAG_RESOURCE } from "./linux/run_tag.ts";
import type { RunTerms, TreeCeilings } from "./warden_protocol.ts";

/** setpriority(2). */
const PRIO_PROCESS = 0;

/**
 * Programs come after the server where the processors are too few for both: whatever they do, it answers, and ends them
 * in time. Nobody but root can take the value back.
 */
const NICENESS = 5;

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
    return landLimits(this.#kernel, pid, limitsOf(ceilings, tag), this.#most);
  }

  /** Whether a process has the limits that were to be landed. */
  holds(pid: number, ceilings: Ceilings, tag: bigint): boolean {
    return [...limitsOf(ceilings, tag)].every(([resource, wanted]) => {
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
