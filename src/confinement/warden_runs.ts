/**
 * The warden's care for runs: landing limits on a program before its first instruction, and ending every process of a
 * run. It knows a run by its mark, its ceilings and its first process; not what it is told to do, nor what it prints.
 *
 * @module
 */
import { leftovers } from "./linux/cgroup.ts";
import { landLimits, limitsOf, ownHardLimits, readLimit, RESOURCE } from "./linux/ceilings.ts";
import { errnoName, type Kernel } from "./linux/kernel.ts";
import {
  type Ended,
  endProcesses,
  killMarked,
  killOnce,
  markedProcesses,
  readSelf,
  type Self,
  SIGNAL,
  signalRoot,
  tagOf,
  waitForAdopted,
} from "./linux/processes.ts";
import { nonceOfTag, runTag, type ServerNonce, TAG_RESOURCE } from "./linux/run_tag.ts";
import type { RunTerms, TreeCeilings } from "./warden_protocol.ts";

/** Ended runs are looked through together: one look at all processes for a burst of short runs. */
const SWEEP_DELAY_MS = 10;

/** setpriority(2). */
const PRIO_PROCESS = 0;

/**
 * Programs come after the server where the processors are too few for both: whatever they do, it answers, and ends them
 * in time. Nobody but root can take the value back.
 */
const NICENESS = 5;

/** How often the last act looks for what is still alive: killed processes take a moment to end. */
const LAST_LOOKS = 1000;

/** As the first process of a container we inherit what others leave behind; this often we wait for it. */
const ADOPTION_INTERVAL_MS = 1000;

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

/** What became of a run's processes. */
export interface RunEnd extends Ended {
  /** What a cgroup knows of the end, or null. */
  readonly note: string | null;
}

/** One run, from its announcement to the end of its last process. */
interface Run {
  readonly terms: RunTerms;
  readonly tag: bigint;
  /** Its first process, once the limits have landed. */
  root: number | null;
  stopping: boolean;
  /** Whether the first process has been waited for; its pid may then belong to somebody else. */
  exited: boolean;
  /** Why its program was not let go, or null. */
  refusal: string | null;
  ending: Promise<RunEnd> | null;
}

/** Treats processes of runs. */
export class WardenRuns {
  readonly #kernel: Kernel;
  readonly #nonce: ServerNonce;
  readonly #cgroups: RunGroups | null;
  readonly #self: Self;
  readonly #most: ReadonlyMap<number, bigint>;
  readonly #runs = new Map<string, Run>();
  #sequence = 0;
  #sweep: Promise<void> | null = null;

  /** @throws {Error} when the mark cannot be set here */
  constructor(kernel: Kernel, nonce: ServerNonce, cgroups: RunGroups | null) {
    this.#kernel = kernel;
    this.#nonce = nonce;
    this.#cgroups = cgroups;
    this.#self = readSelf(kernel);
    this.#most = ownHardLimits(kernel, [...Object.values(RESOURCE), TAG_RESOURCE]);
    if (this.#most.get(TAG_RESOURCE)! < runTag(nonce, 2 ** 24 - 1)) {
      throw new Error("the limit RLIMIT_LOCKS is set, which marks the processes of runs; start without it");
    }
    if (this.#self.pid === 1) setInterval(() => this.#waitForAdopted(), ADOPTION_INTERVAL_MS);
  }

  /** Announces a run: without this none of its programs starts. */
  begin(terms: RunTerms): void {
    this.#runs.set(terms.run, {
      terms,
      tag: runTag(this.#nonce, ++this.#sequence),
      root: null,
      stopping: false,
      exited: false,
      refusal: null,
      ending: null,
    });
  }

  /** Whether a compartment may speak of this run. */
  belongsTo(run: string, tool: string): boolean {
    return this.#runs.get(run)?.terms.tool === tool;
  }

  /** Whether the program of the run was let go with all its limits. */
  hasLanded(run: string): boolean {
    return typeof this.#runs.get(run)?.root === "number";
  }

  /** Why the program of the run was not let go, or null. */
  refusalOf(run: string): string | null {
    return this.#runs.get(run)?.refusal ?? null;
  }

  /** Whether a process that wants to execute something belongs to a run of ours already. */
  isMarked(pid: number): boolean {
    const tag = tagOf(this.#kernel, pid);
    return tag !== null && nonceOfTag(tag) === this.#nonce;
  }

  /** Whether two processes or threads belong to the same run. No thread of the server belongs to any. */
  isOfOneRun(pid: number, other: number): boolean {
    return this.isMarked(pid) && tagOf(this.#kernel, pid) === tagOf(this.#kernel, other);
  }

  /**
   * Lands everything on the process that is about to become the run's program.
   *
   * @returns null, or why the program must not start
   */
  land(name: string, pid: number): string | null {
    const run = this.#runs.get(name);
    if (run === undefined) return "the run was not announced";
    if (run.root !== null) return "the run has a program already";
    const refused = this.#land(run, pid);
    if (refused === null) run.root = pid;
    else run.refusal = refused;
    return refused;
  }

  #land(run: Run, pid: number): string | null {
    const { ceilings, tree } = run.terms;
    const group = this.#kernel.call("setpgid", pid, pid);
    if (group < 0) return `setpgid: ${errnoName(-group)}`;
    if (this.#cgroups !== null && (tree.memoryBytes !== null || tree.processes !== null)) {
      const added = this.#cgroups.add(run.terms.run, pid, tree);
      if (!added.ok) return added.reason;
    }
    const priority = this.#kernel.call("setpriority", PRIO_PROCESS, pid, NICENESS);
    if (priority < 0) return `setpriority: ${errnoName(-priority)}`;
    return landLimits(this.#kernel, pid, limitsOf(ceilings, run.tag), this.#most);
  }

  /** Whether the limits of a process are what its run's terms say; for the self-test. */
  limitsHold(name: string, pid: number): boolean {
    const run = this.#runs.get(name);
    if (run === undefined) return false;
    return [...limitsOf(run.terms.ceilings, run.tag)].every(([resource, wanted]) => {
      const landed = readLimit(this.#kernel, pid, resource);
      const most = this.#most.get(resource)!;
      return typeof landed !== "number" && landed.soft === min(wanted.soft, most) &&
        landed.hard === min(wanted.hard, most);
    });
  }

  /** SIGTERM to the group, SIGKILL to everything after the grace. */
  stop(name: string): void {
    const run = this.#runs.get(name);
    if (run === undefined || run.root === null || run.stopping || run.exited) return;
    run.stopping = true;
    if (!signalRoot(this.#kernel, run.root, run.tag, SIGNAL.term)) return void this.#killAll(run);
    setTimeout(() => void this.#killAll(run), run.terms.killGraceMs);
  }

  /** The first process has ended: so must the others. At once when the run was stopped, soon otherwise. */
  exited(name: string): void {
    const run = this.#runs.get(name);
    if (run === undefined) return;
    run.exited = true;
    if (run.stopping) void this.#killAll(run);
    else void this.#sweepSoon();
  }

  /** Forgets a run once nothing is left of it. */
  async end(name: string): Promise<RunEnd> {
    const run = this.#runs.get(name);
    if (run === undefined) return { killed: 0, survivors: 0, note: null };
    if (run.root !== null) {
      // Over without having ended: its compartment is gone, and with it whoever waited for it.
      if (!run.exited) void this.#killAll(run);
      else if (run.ending === null) await this.#sweepSoon();
    }
    const end = await run.ending ?? { killed: 0, survivors: 0, note: null };
    this.#cgroups?.remove(name);
    this.#runs.delete(name);
    return end;
  }

  /** Kills everything that runs for a tool whose compartment is gone. */
  killTool(tool: string): void {
    for (const run of this.#runs.values()) {
      if (run.terms.tool !== tool || run.root === null) continue;
      // Whoever waited for it is gone too.
      run.exited = true;
      void this.#killAll(run);
    }
  }

  /** Kills what a server that is gone has left behind. */
  async reap(nonce: ServerNonce): Promise<RunEnd> {
    if (nonce === this.#nonce) throw new Error("a server does not reap itself");
    const end = await this.#endProcesses((tag) => nonceOfTag(tag) === nonce);
    if (this.#cgroups !== null) leftovers(this.#kernel, nonce);
    return { ...end, note: null };
  }

  /** The warden's last act when it has failed: everything that runs is killed before anybody else can do anything. */
  killEverything(): void {
    const wanted = (tag: bigint) => nonceOfTag(tag) === this.#nonce;
    for (let look = 0; look < LAST_LOOKS; look++) {
      if (killOnce(this.#kernel, this.#self, wanted, new Set()).length === 0) return;
    }
  }

  /** Leaves the machine as it was found. */
  close(): void {
    this.#cgroups?.close();
  }

  /** @param already the pids of what was met alive, and killed, before */
  #killAll(run: Run, already: readonly number[] = []): Promise<RunEnd> {
    run.ending ??= (async () => {
      const killed = new Set(already);
      // At once: whoever waits for the answer waits for this one.
      if (run.root !== null && killMarked(this.#kernel, run.root, run.tag)) killed.add(run.root);
      this.#cgroups?.kill(run.terms.run);
      const end = await this.#endProcesses((tag) => tag === run.tag, killed);
      return { ...end, note: this.#cgroups?.explain(run.terms.run) ?? null };
    })();
    return run.ending;
  }

  /** Two looks for all runs that have ended; only of those that left something behind is there more to do. */
  #sweepSoon(): Promise<void> {
    this.#sweep ??= sleep(SWEEP_DELAY_MS).then(async () => {
      this.#sweep = null;
      const ended = new Map(
        [...this.#runs.values()].filter((run) => run.exited && run.ending === null)
          .map((run) => [run.tag, run]),
      );
      const dead = new Set<number>();
      const look = () => killOnce(this.#kernel, this.#self, (tag) => ended.has(tag), this.#waitedFor(), dead);
      const found = look();
      // Twice, as one that forks and ends, over and over, may slip through one look.
      await sleep(1);
      found.push(...look());
      const alive = new Set(found.map(({ tag }) => tag));
      await Promise.all([...ended].map(([tag, run]) => {
        if (alive.has(tag)) {
          return this.#killAll(
            run,
            found.filter((one) => one.tag === tag).map(({ pid }) => pid),
          );
        }
        const note = this.#cgroups?.explain(run.terms.run) ?? null;
        run.ending = Promise.resolve({ killed: 0, survivors: 0, note });
        return run.ending;
      }));
    });
    return this.#sweep;
  }

  #endProcesses(wanted: (tag: bigint) => boolean, already: Iterable<number> = []): Promise<Ended> {
    return endProcesses(this.#kernel, this.#self, wanted, () => this.#waitedFor(), already);
  }

  /** First processes are waited for by the compartments that started them. */
  #waitedFor(): Set<number> {
    const pids = new Set<number>();
    for (const { root, exited } of this.#runs.values()) if (root !== null && !exited) pids.add(root);
    return pids;
  }

  #waitForAdopted(): void {
    const found = markedProcesses(this.#kernel, (tag) => nonceOfTag(tag) === this.#nonce);
    waitForAdopted(this.#kernel, this.#self, found, this.#waitedFor());
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
