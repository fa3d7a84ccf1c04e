/**
 * Finding and ending the processes of runs by the mark that they carry. Nothing here looks for them by parents, groups,
 * sessions, names or environments, which a program can change.
 *
 * @module
 */
import { readLimit } from "./ceilings.ts";
import type { Kernel } from "./kernel.ts";
import { listProcesses, readText } from "./kernel_files.ts";
import { TAG_RESOURCE } from "./run_tag.ts";

/** signal(7); the same on both architectures. */
export const SIGNAL = { kill: 9, term: 15 } as const;

/** waitpid(2): do not block. */
const WNOHANG = 1;

/** A process that carries a mark. */
export interface MarkedProcess {
  readonly pid: number;
  readonly tag: bigint;
  readonly parent: number;
  readonly group: number;
  /** False for one that has ended with all its threads, and that its parent has not yet waited for. */
  readonly alive: boolean;
}

/** A process's mark; null when there is no such process or it belongs to somebody else. */
export function tagOf(kernel: Kernel, pid: number): bigint | null {
  const limit = readLimit(kernel, pid, TAG_RESOURCE);
  return typeof limit === "number" ? null : limit.hard;
}

/** The fields of /proc/PID/stat that are wanted; proc_pid_stat(5). Null when the process is gone. */
function readFacts(kernel: Kernel, pid: number): Omit<MarkedProcess, "pid" | "tag"> | null {
  const text = readText(kernel, `/proc/${pid}/stat`);
  if (typeof text === "number") return null;
  // The name stands in parentheses and may hold any character, these included.
  const [state, parent, group, ...more] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const threads = Number(more[THREADS_AFTER_GROUP]);
  if (state === undefined || Number.isNaN(threads)) return null;
  // A process whose first thread has ended looks like a dead one, and goes on in the others.
  const dead = (state === "Z" || state === "X") && threads <= 1;
  return { parent: Number(parent), group: Number(group), alive: !dead };
}

/** How many fields of /proc/PID/stat there are between the group and the number of threads. */
const THREADS_AFTER_GROUP = 14;

/** Our own pid and group, which is never signalled as a whole. */
export interface Self {
  readonly pid: number;
  readonly group: number;
}

/** Reads them. */
export function readSelf(kernel: Kernel): Self {
  return { pid: kernel.call("getpid"), group: kernel.call("getpgid", 0) };
}

/**
 * Waits for the dead among `processes` that have become our own children because their parents are gone: that is so
 * when we are the first process of a container. Elsewhere init inherits them and waits.
 *
 * @param waitedFor the pids whose end somebody else in this process waits for
 */
export function waitForAdopted(
  kernel: Kernel,
  self: Self,
  processes: readonly MarkedProcess[],
  waitedFor: ReadonlySet<number>,
): void {
  for (const { pid, parent, alive } of processes) {
    if (!alive && parent === self.pid && !waitedFor.has(pid)) kernel.call("wait4", pid, null, WNOHANG, null);
  }
}

/** How far beyond a process its descendants are looked for, which had no number yet when the list was made. */
const AHEAD = 8;

/**
 * One look at all processes, the newest first: each that `wanted` accepts is killed as soon as it is met.
 *
 * @param dead the dead that earlier looks have met; they are not looked at again, and new ones are added. Whoever forks
 * and ends, over and over, leaves thousands of them until init has waited for all. Not to be kept for long: a number is
 * used again when all others have been.
 * @returns those that were alive
 */
export function killOnce(
  kernel: Kernel,
  self: Self,
  wanted: (tag: bigint) => boolean,
  waitedFor: ReadonlySet<number>,
  dead: Set<number> = new Set(),
): MarkedProcess[] {
  const met = new Map<number, bigint>();
  const groups = new Set<number>();
  const meet = (pid: number): boolean => {
    if (dead.has(pid) || met.has(pid)) return true;
    const tag = tagOf(kernel, pid);
    if (tag === null || !wanted(tag)) return false;
    kernel.call("kill", pid, SIGNAL.kill);
    met.set(pid, tag);
    groups.add(kernel.call("getpgid", pid));
    return true;
  };
  for (const pid of listProcesses(kernel).reverse()) {
    if (!meet(pid) || dead.has(pid)) continue;
    for (let next = pid + 1, missed = 0; missed < AHEAD; next++) missed = meet(next) ? 0 : missed + 1;
  }
  // Killing a group is one act of the kernel that no fork slips through: even the dead lead to who has outrun them.
  for (const group of groups) {
    const isTheirs = group > 1 && group !== self.group && isOfWanted(kernel, group, wanted);
    if (isTheirs) kernel.call("kill", -group, SIGNAL.kill);
  }
  // What they were is asked when all of them have been killed.
  const found = [...met].map(([pid, tag]): MarkedProcess => {
    const facts = readFacts(kernel, pid) ?? { parent: 0, group: 0, alive: true };
    return { pid, tag, ...facts };
  });
  for (const { pid, alive } of found) if (!alive) dead.add(pid);
  waitForAdopted(kernel, self, found, waitedFor);
  return found.filter(({ alive }) => alive);
}

/**
 * Whether the group of a marked process holds nobody else, as long as it has that number. It does by the way that runs
 * come by groups: the first process has one of its own before it carries a mark, the others make their own or join one
 * whose leader carries their mark, which the warden is asked for; and whoever is of another run is refused in the same
 * way. Asked is whether the number has gone to somebody else meanwhile.
 */
function isOfWanted(kernel: Kernel, group: number, wanted: (tag: bigint) => boolean): boolean {
  const leader = tagOf(kernel, group);
  return leader === null || wanted(leader);
}

/** The processes that `wanted` accepts, alive or not; nothing is done to them. */
export function markedProcesses(kernel: Kernel, wanted: (tag: bigint) => boolean): MarkedProcess[] {
  return listProcesses(kernel).flatMap((pid) => {
    const tag = tagOf(kernel, pid);
    const facts = tag !== null && wanted(tag) ? readFacts(kernel, pid) : null;
    return facts === null ? [] : [{ pid, tag: tag!, ...facts }];
  });
}

/** Kills one process, if it still is the marked one and alive. @returns whether it was */
export function killMarked(kernel: Kernel, pid: number, tag: bigint): boolean {
  if (tagOf(kernel, pid) !== tag || readFacts(kernel, pid)?.alive !== true) return false;
  return kernel.call("kill", pid, SIGNAL.kill) === 0;
}

/**
 * Sends a signal to a run's first process and the group that it leads, if that process is still the marked one.
 *
 * @returns whether it was there
 */
export function signalRoot(kernel: Kernel, root: number, tag: bigint, signal: number): boolean {
  if (tagOf(kernel, root) !== tag) return false;
  const facts = readFacts(kernel, root);
  if (facts === null || !facts.alive) return false;
  kernel.call("kill", -root, signal);
  // It may have left the group that it was given.
  if (facts.group !== root) kernel.call("kill", root, signal);
  return true;
}
