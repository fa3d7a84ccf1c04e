/**
 * The warden's care for runs, from the landing of their limits to the end of their last process. It knows a run by its
 * mark, its ceilings and its first process; not what it is told to do, nor what it prints.
 *
 * @module
 */
import { leftovers } from "./linux/cgroup.ts";
import { type Ended, Endings } from "./linux/endings.ts";
import type { Kernel } from "./linux/kernel.ts";
import {
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
import { nonceOfTag, runTag, type ServerNonce } from "./linux/run_tag.ts";
import { Landing, type RunGroups } from "./landing.ts";
import type { RunTerms } from "./warden_protocol.ts";

/** Ended runs are looked through together: one look at all processes for a burst of short runs. */
const SWEEP_DELAY_MS = 10;

/** How often the last act looks for what is still alive: killed processes take a moment to end. */
const LAST_LOOKS = 1000;

/** As the first process of a container we inherit what others leave behind; this often we wait for it. */
const ADOPTION_INTERVAL_MS = 1000;

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
  /** What is done when at last nothing is left although there were survivors. */
  later: (end: RunEnd) => void;
}

/** Treats processes of runs. */
export class WardenRuns {
  readonly #kernel: Kernel;
  readonly #nonce: ServerNonce;
  readonly #cgroups: RunGroups | null;
  readonly #self: Self;
  readonly #landing: Landing;
  readonly #endings: Endings;
  readonly #runs = new Map<string, Run>();
  #sequence = 0;
  #sweep: Promise<void> | null = null;

  /** @throws {Error} when the mark cannot be set here */
  constructor(kernel: Kernel, nonce: ServerNonce, cgroups: RunGroups | null) {
    this.#kernel = kernel;
    this.#nonce = nonce;
    this.#cgroups = cgroups;
    this.#self = readSelf(kernel);
    this.#endings = new Endings(kernel, this.#self, () => this.#waitedFor());
    this.#landing = new Landing(kernel, cgroups, runTag(nonce, 2 ** 24 - 1));
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
      later: () => {},
    });
  }

  /** Whether a compartment may speak of this run. */
  belongsTo(run: string, compartment: string): boolean {
    return this.#runs.get(run)?.terms.compartment === compartment;
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
    const refused = this.#landing.land(pid, run.terms, run.tag);
    if (refused === null) run.root = pid;
    else run.refusal = refused;
    return refused;
  }

  /** Whether the limits of a process are what its run's terms say; for the self-test. */
  limitsHold(name: string, pid: number): boolean {
    const run = this.#runs.get(name);
    return run !== undefined && this.#landing.holds(pid, run.terms.ceilings, run.tag);
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

  /**
   * Forgets a run once nothing is left of it.
   *
   * @param later called when at last nothing is left of a run that had survivors
   */
  async end(name: string, later: (end: RunEnd) => void = () => {}): Promise<RunEnd> {
    const run = this.#runs.get(name);
    if (run === undefined) return { killed: 0, survivors: 0, note: null };
    if (run.root !== null) {
      // Over without having ended: its compartment is gone, and with it whoever waited for it.
      if (!run.exited) void this.#killAll(run);
      else if (run.ending === null) await this.#sweepSoon();
    }
    const forget = () => {
      this.#cgroups?.remove(name);
      this.#runs.delete(name);
    };
    run.later = (end) => {
      forget();
      later(end);
    };
    const end = await run.ending ?? { killed: 0, survivors: 0, note: null };
    if (end.survivors === 0) forget();
    return end;
  }

  /** Kills everything that runs for a compartment that is gone. */
  killCompartment(compartment: string): void {
    for (const run of this.#runs.values()) {
      if (run.terms.compartment !== compartment || run.root === null) continue;
      // Whoever waited for it is gone too.
      run.exited = true;
      void this.#killAll(run);
    }
  }

  /** Kills what a server that is gone has left behind. */
  async reap(nonce: ServerNonce): Promise<RunEnd> {
    if (nonce === this.#nonce) throw new Error("a server does not reap itself");
    const end = await this.#endings.end((tag) => nonceOfTag(tag) === nonce);
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
      const whole = (end: Ended) => ({ ...end, note: this.#cgroups?.explain(run.terms.run) ?? null });
      return whole(
        await this.#endings.end((tag) => tag === run.tag, killed, (end) => run.later(whole(end))),
      );
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
