/**
 * The control groups of runs, one for each: ceilings on all processes of the run together, and an end for all
 * of them.
 *
 * A program could move itself out of its group, which belongs to its own user; what keeps it in is Landlock,
 * under which it writes only in its scratch folder.
 *
 * Sources: cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst.
 *
 * @module
 */
import { ERRNO, errnoName, type Kernel } from "./kernel.ts";
import { makeFolder, readText, removeFolder, writeFile } from "./kernel_files.ts";

/** What a group can hold a tree to. */
export type TreeCeiling = "memory" | "processes";

/** The ceilings of one run; null for none. */
export interface TreeCeilingValues {
  /**
   * Memory of all processes together, in bytes; the kernel counts whole pages. None of it may be swapped out.
   */
  readonly memoryBytes: number | null;
  /** Processes at the same time. The kernel counts threads. */
  readonly processes: number | null;
}

/** What happened at a run's ceilings. */
export interface TreeEvents {
  /** Processes that were killed for want of memory. */
  readonly killed: number;
  /** Forks, and starts of threads, that were refused. */
  readonly forksRefused: number;
}

/** A run's id and a server's nonce become part of a folder's name. */
const NAME = /^[A-Za-z0-9-]{1,64}$/;

/** What the names of a server's groups begin with. */
export function groupPrefix(nonce: string): string {
  if (!NAME.test(nonce)) {
    throw new TypeError(`Cannot name groups after "${nonce}": not letters, digits and dashes`);
  }
  return `bulkhead-${nonce}-`;
}

/** What the controllers that are there are good for. */
export interface Usable {
  readonly enforces: readonly TreeCeiling[];
  readonly lacks: string | null;
  readonly limitsSwap: boolean;
}

/** The groups of the runs of one server. */
export class Cgroups {
  /** The group that was delegated, as a folder. */
  readonly folder: string;
  /** The ceilings that {@link add} can set. */
  readonly enforces: readonly TreeCeiling[];
  /** Why these are not all that there are, or null. */
  readonly lacks: string | null;
  readonly #kernel: Kernel;
  readonly #prefix: string;
  readonly #limitsSwap: boolean;
  readonly #leave: () => void;
  /** The runs that have a group. */
  readonly #runs = new Set<string>();
  /** Those of them whose group was still busy when it was to be removed. */
  readonly #leaving = new Set<string>();
  #closed = false;

  /** Use {@link openCgroups}. */
  constructor(kernel: Kernel, folder: string, nonce: string, usable: Usable, leave: () => void) {
    this.folder = folder;
    this.enforces = usable.enforces;
    this.lacks = usable.lacks;
    this.#kernel = kernel;
    this.#prefix = `${folder}/${groupPrefix(nonce)}run-`;
    this.#limitsSwap = usable.limitsSwap;
    this.#leave = leave;
  }

  /**
   * Makes the group of a run, sets the ceilings, and moves a process into it: one that has neither forked nor
   * taken memory yet, as neither its children nor its memory move with it.
   *
   * When anything of it fails there is no group, and the process is where it was.
   */
  add(run: string, pid: number, ceilings: TreeCeilingValues): { ok: true } | { ok: false; reason: string } {
    this.#removeLeaving();
    const refused = this.#whyNotAdd(run, pid, ceilings);
    if (refused !== null) return { ok: false, reason: refused };
    const group = this.#groupOf(run);
    const made = makeFolder(this.#kernel, group);
    if (made < 0) return { ok: false, reason: failed(`make ${group}`, made) };
    // The process last: it must never be in there without its ceilings.
    for (const [file, text] of [...this.#settings(ceilings), ["cgroup.procs", String(pid)] as const]) {
      const written = writeFile(this.#kernel, `${group}/${file}`, text);
      if (written === 0) continue;
      removeFolder(this.#kernel, group);
      return { ok: false, reason: failed(`write ${text} to ${group}/${file}`, written) };
    }
    this.#runs.add(run);
    return { ok: true };
  }

  #whyNotAdd(run: string, pid: number, { memoryBytes, processes }: TreeCeilingValues): string | null {
    if (this.#closed) return "the groups are closed";
    if (!NAME.test(run)) return `Cannot name a group after the run "${run}": not letters, digits and dashes`;
    // 0 would move this process.
    if (!Number.isSafeInteger(pid) || pid < 1) return `Cannot move process ${pid}: not a process id`;
    for (const [ceiling, value] of [["memory", memoryBytes], ["processes", processes]] as const) {
      if (value === null) continue;
      if (!this.enforces.includes(ceiling)) return `no cgroup here holds a tree to a ceiling of ${ceiling}`;
      if (!Number.isSafeInteger(value) || value < 1) {
        return `Cannot set the ceiling of ${ceiling} to ${value}`;
      }
    }
    return null;
  }

  #settings({ memoryBytes, processes }: TreeCeilingValues): (readonly [file: string, text: string])[] {
    const settings: (readonly [string, string])[] = [];
    if (memoryBytes !== null) {
      // Whatever is left of a program that lost one process to the ceiling would only puzzle its reader.
      settings.push(["memory.oom.group", "1"]);
      if (this.#limitsSwap) settings.push(["memory.swap.max", "0"]);
      settings.push(["memory.max", String(memoryBytes)]);
    }
    if (processes !== null) settings.push(["pids.max", String(processes)]);
    return settings;
  }

  /**
   * Sends SIGKILL to every process of a run, those that it forks meanwhile included.
   *
   * @returns false when the run has no group, or before Linux 5.14
   */
  kill(run: string): boolean {
    return this.#runs.has(run) && writeFile(this.#kernel, `${this.#groupOf(run)}/cgroup.kill`, "1") === 0;
  }

  /**
   * Removes the group of a run.
   *
   * @returns false while processes are in it; it is then also tried again with each later call of this and of
   * {@link add}
   */
  remove(run: string): boolean {
    if (this.#runs.has(run)) this.#leaving.add(run);
    this.#removeLeaving();
    return !this.#runs.has(run);
  }

  #removeLeaving(): void {
    for (const run of this.#leaving) {
      const removed = removeFolder(this.#kernel, this.#groupOf(run));
      if (removed !== 0 && removed !== -ERRNO.ENOENT) continue;
      this.#leaving.delete(run);
      this.#runs.delete(run);
    }
  }

  /** What happened at a run's ceilings so far; null when it has no group. */
  events(run: string): TreeEvents | null {
    if (!this.#runs.has(run)) return null;
    const group = this.#groupOf(run);
    return {
      killed: readCounter(this.#kernel, `${group}/memory.events`, "oom_kill"),
      forksRefused: readCounter(this.#kernel, `${group}/pids.events`, "max"),
    };
  }

  /** The same in words; null when nothing happened. */
  explain(run: string): string | null {
    const { killed, forksRefused } = this.events(run) ?? { killed: 0, forksRefused: 0 };
    const facts: string[] = [];
    if (killed > 0) facts.push(`the memory ceiling of the run killed its processes (${killed})`);
    if (forksRefused > 0) facts.push(`its ceiling of processes refused ${forksRefused} more`);
    return facts.length === 0 ? null : facts.join("; ");
  }

  /**
   * Kills what is left of the runs and goes back to the group that we came from.
   *
   * @returns false when groups of runs stay, because killed processes take a moment to end: call it again, or
   * leave them to {@link leftovers}
   */
  close(): boolean {
    for (const run of this.#runs) {
      this.kill(run);
      this.#leaving.add(run);
    }
    this.#removeLeaving();
    if (!this.#closed) this.#leave();
    this.#closed = true;
    return this.#runs.size === 0;
  }

  #groupOf(run: string): string {
    return `${this.#prefix}${run}`;
  }
}

/** The number that follows a word at the start of a line; 0 when there is none. */
function readCounter(kernel: Kernel, path: string, word: string): number {
  const text = readText(kernel, path);
  const line = typeof text === "string"
    ? text.split("\n").find((line) => line.startsWith(`${word} `))
    : undefined;
  return line === undefined ? 0 : Number(line.slice(word.length));
}

/** An error as text. */
export function failed(what: string, status: number): string {
  return `Cannot ${what}: ${errnoName(-status)}`;
}
