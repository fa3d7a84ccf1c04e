/**
 * Finding and ending the processes of runs by the mark that they carry. Nothing here trusts parents, groups, sessions,
 * names or environments, which a program can change.
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
  readonly session: number;
  /** Dead, and not yet waited for by its parent. */
  readonly zombie: boolean;
}

/** All marked processes that `wanted` accepts, the newest first: one that is multiplying is met at its newest. */
export function markedProcesses(kernel: Kernel, wanted: (tag: bigint) => boolean): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const pid of listProcesses(kernel).reverse()) {
    const tag = tagOf(kernel, pid);
    if (tag === null || !wanted(tag)) continue;
    const facts = readFacts(kernel, pid);
    if (facts !== null) found.push({ pid, tag, ...facts });
  }
  return found;
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
  const [state, parent, group, session] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || session === undefined) return null;
  return {
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    zombie: state === "Z" || state === "X",
  };
}

/** Our own pid and session: what is not ours to end as a whole. */
export interface Self {
  readonly pid: number;
  readonly session: number;
}

/** Reads them. */
export function readSelf(kernel: Kernel): Self {
  return { pid: kernel.call("getpid"), session: kernel.call("getsid", 0) };
}

/** Sends SIGKILL to the living among `processes`, once; those that were born meanwhile are for the next look. */
export function killProcesses(kernel: Kernel, self: Self, processes: readonly MarkedProcess[]): void {
  for (const { pid, group, session, zombie } of processes) {
    if (zombie) continue;
    // Killing a group is one act of the kernel that no fork slips through. Outside our own session a group can hold
    // only descendants of this run; inside it, a program may have joined a neighbour's.
    if (session !== self.session && group > 1) kernel.call("kill", -group, SIGNAL.kill);
    kernel.call("kill", pid, SIGNAL.kill);
  }
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
  for (const { pid, parent, zombie } of processes) {
    if (zombie && parent === self.pid && !waitedFor.has(pid)) kernel.call("wait4", pid, null, WNOHANG, null);
  }
}

/** How long the end of processes is insisted on before what is left counts as not to be ended, in milliseconds. */
const INSIST_MS = 5000;

/** How many were met alive, each counted once, and how many of them could not be ended. */
export interface Ended {
  readonly killed: number;
  readonly survivors: number;
}

/**
 * Kills until a look at all processes meets none alive that `wanted` accepts.
 *
 * @param waitedFor asked anew at each look; see {@link waitForAdopted}
 * @param already what was met alive, and killed, before; counted too
 */
export async function endProcesses(
  kernel: Kernel,
  self: Self,
  wanted: (tag: bigint) => boolean,
  waitedFor: () => ReadonlySet<number>,
  already: readonly MarkedProcess[] = [],
): Promise<Ended> {
  const untilMs = performance.now() + INSIST_MS;
  const killed = new Set(already.map(({ pid }) => pid));
  for (;;) {
    const alive = killOnce(kernel, self, wanted, waitedFor());
    for (const { pid } of alive) killed.add(pid);
    if (alive.length === 0) return { killed: killed.size, survivors: 0 };
    if (performance.now() > untilMs) return { killed: killed.size, survivors: alive.length };
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** One look at all processes: those that `wanted` accepts are killed. Returns the ones that were alive. */
export function killOnce(
  kernel: Kernel,
  self: Self,
  wanted: (tag: bigint) => boolean,
  waitedFor: ReadonlySet<number>,
): MarkedProcess[] {
  const found = markedProcesses(kernel, wanted);
  killProcesses(kernel, self, found);
  waitForAdopted(kernel, self, found, waitedFor);
  return found.filter(({ zombie }) => !zombie);
}

/**
 * Sends a signal to a run's first process and the group that it leads, if that process is still the marked one.
 *
 * @returns whether it was there
 */
export function signalRoot(kernel: Kernel, root: number, tag: bigint, signal: number): boolean {
  if (tagOf(kernel, root) !== tag) return false;
  const facts = readFacts(kernel, root);
  if (facts === null || facts.zombie) return false;
  kernel.call("kill", -root, signal);
  // It may have left the group that it was given.
  if (facts.group !== root) kernel.call("kill", root, signal);
  return true;
}
