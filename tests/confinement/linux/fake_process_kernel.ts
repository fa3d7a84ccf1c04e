/**
 * A kernel that has nothing but processes: their parents, groups, sessions, limits and ends, as fork(2), kill(2),
 * setpgid(2), setsid(2), wait(2) and prlimit(2) say, and what /proc shows of them. Process numbers are not used
 * again, which the real kernel does only when it has been through all of them.
 *
 * @module
 */
import type { Kernel, SyscallArgument } from "../../../src/confinement/linux/kernel.ts";
import type { SyscallName } from "../../../src/confinement/linux/syscalls.ts";
import { TAG_RESOURCE } from "../../../src/confinement/linux/run_tag.ts";

const [EPERM, ENOENT, ESRCH, ECHILD, EACCES] = [1, 2, 3, 10, 13] as const;

/** RLIM64_INFINITY. */
export const UNLIMITED = 2n ** 64n - 1n;

/** One process. */
export interface FakeProcess {
  readonly pid: number;
  /** Shown in /proc/PID/stat, in parentheses. */
  name: string;
  parent: number;
  group: number;
  session: number;
  /** Its first thread has ended, and nobody has waited for it. */
  zombie: boolean;
  /** How many threads there are; more than one in a zombie go on without the first. */
  threads: number;
  /** Killed, and doing nothing more, but not yet shown as dead. */
  doomed: boolean;
  /** In a system call that even SIGKILL does not interrupt. */
  stuck: boolean;
  /** Keeps SIGTERM from ending it. */
  ignoresTerm: boolean;
  /** Whether it belongs to another user, so that its limits cannot be read nor signals be sent. */
  readonly foreign: boolean;
  readonly limits: Map<number, readonly [soft: bigint, hard: bigint]>;
}

/** A signal as it reached one process. */
export interface Delivered {
  readonly pid: number;
  readonly tag: bigint;
  readonly signal: number;
  /** Whether it was sent to the whole group. */
  readonly asGroup: boolean;
}

export class FakeProcessKernel implements Kernel {
  readonly architecture = "x86_64";
  readonly processes = new Map<number, FakeProcess>();
  readonly delivered: Delivered[] = [];
  /** Every call of wait4, by the pid that was asked for. */
  readonly waitedFor: number[] = [];
  /** Whether a killed process is shown as dead at once, rather than when all are looked at again. */
  diesAtOnce = false;
  /** Called before each call, to let the processes do something. */
  meanwhile: () => void = () => {};
  /** Fails the next calls of a name with an error number. */
  readonly failing = new Map<SyscallName, number>();
  /** What was set by setpriority, by process. */
  readonly niceness = new Map<number, number>();
  /** What was set by prlimit64, in order. */
  readonly limitsSet: { readonly pid: number; readonly resource: number }[] = [];
  readonly #selfPid: number;
  #next = 1000;
  readonly #files = new Map<number, { bytes: Uint8Array; at: number }>();
  #nextFile = 3;

  /** Begins with init and this process, in a session of `session` (which may be its own). */
  constructor({ self = 100, session = 50 }: { self?: number; session?: number } = {}) {
    this.#selfPid = self;
    this.add({ pid: 1, parent: 0, group: 1, session: 1 });
    if (self !== 1) this.add({ pid: self, parent: 1, group: session, session });
  }

  /** Who inherits what is left behind: init, which is ourselves in a container. */
  get init(): FakeProcess {
    return this.processes.get(1)!;
  }

  add(facts: Partial<FakeProcess> & { readonly tag?: bigint } = {}): FakeProcess {
    const pid = facts.pid ?? this.#next++;
    const parent = this.processes.get(facts.parent ?? this.#selfPid);
    const process: FakeProcess = {
      pid,
      name: "name",
      parent: parent?.pid ?? 0,
      group: parent?.group ?? pid,
      session: parent?.session ?? pid,
      zombie: false,
      threads: 1,
      doomed: false,
      stuck: false,
      ignoresTerm: parent?.ignoresTerm ?? false,
      foreign: false,
      limits: new Map(parent?.limits),
      ...facts,
    };
    if (facts.tag !== undefined) process.limits.set(TAG_RESOURCE, [facts.tag, facts.tag]);
    this.processes.set(pid, process);
    return process;
  }

  /** fork(2). */
  fork(parent: FakeProcess): FakeProcess {
    return this.add({ parent: parent.pid, name: parent.name });
  }

  /** setsid(2). */
  setsid(process: FakeProcess): void {
    if (process.group === process.pid) return;
    if ([...this.processes.values()].some(({ group }) => group === process.pid)) return;
    process.group = process.pid;
    process.session = process.pid;
  }

  /** Joins a group, where setpgid(2) lets it: one of its own session, or a new one of its own. */
  join(process: FakeProcess, group: number): number {
    if (process.session === process.pid) return -EPERM;
    const isOfSession = [...this.processes.values()]
      .some((other) => other.group === group && other.session === process.session);
    if (group !== process.pid && !isOfSession) return -EPERM;
    process.group = group;
    return 0;
  }

  /** _exit(2), or the end by a signal. */
  exit(process: FakeProcess): void {
    process.zombie = true;
    process.threads = 1;
    process.doomed = false;
    for (const child of this.processes.values()) {
      if (child.parent === process.pid) child.parent = 1;
    }
  }

  /** init waits for what it has inherited. */
  buryOrphans(): void {
    for (const { pid, parent, zombie, threads } of this.processes.values()) {
      if (zombie && threads < 2 && parent === 1) this.processes.delete(pid);
    }
  }

  tagOf(process: FakeProcess): bigint {
    return process.limits.get(TAG_RESOURCE)?.[1] ?? UNLIMITED;
  }

  /** Whether a process is there that can still do something. */
  isAlive({ pid }: FakeProcess): boolean {
    const process = this.processes.get(pid);
    return process !== undefined && !process.doomed && isAlive(process);
  }

  /** The processes that `wanted` accepts and that are alive. */
  living(wanted: (tag: bigint) => boolean): FakeProcess[] {
    return [...this.processes.values()].filter((process) =>
      this.isAlive(process) && wanted(this.tagOf(process))
    );
  }

  call(name: SyscallName, ...args: readonly SyscallArgument[]): number {
    this.meanwhile();
    const errno = this.failing.get(name);
    if (errno !== undefined) return -errno;
    const [first, second, third, fourth] = args;
    switch (name) {
      case "getpid":
        return this.#selfPid;
      case "getpgid":
        return this.processes.get(first === 0 ? this.#selfPid : first as number)?.group ?? -ESRCH;
      case "setpriority":
        // PRIO_PROCESS, and not for the worse alone.
        if (first !== 0) throw new Error("a priority of more than a process");
        this.niceness.set(second as number, third as number);
        return this.processes.has(second as number) ? 0 : -ESRCH;
      case "setpgid":
        return this.#setpgid(first as number, second as number);
      case "kill":
        return this.#kill(first as number, second as number);
      case "wait4":
        return this.#wait(first as number, third as number);
      case "prlimit64":
        return this.#prlimit(first as number, second as number, third as Bytes, fourth as Bytes);
      case "openat":
        return this.#open(second as string);
      case "read":
        return this.#read(first as number, second as Uint8Array, third as number);
      case "getdents64":
        return this.#list(first as number, second as Uint8Array);
      case "close":
        return this.#files.delete(first as number) ? 0 : -9;
      default:
        throw new Error(`no ${name} here`);
    }
  }

  /** Files that are still open. */
  get open(): number {
    return this.#files.size;
  }

  #setpgid(pid: number, group: number): number {
    const process = this.processes.get(pid);
    if (process === undefined || process.parent !== this.#selfPid) return -ESRCH;
    return this.join(process, group);
  }

  #kill(target: number, signal: number): number {
    if (target === 0 || target === -1) throw new Error("a signal to more than anybody means");
    const targets = target > 0
      ? [this.processes.get(target)].filter((process) => process !== undefined)
      : [...this.processes.values()].filter(({ group }) => group === -target);
    const reached = targets.filter(({ foreign }) => !foreign);
    if (targets.length === 0) return -ESRCH;
    if (reached.length === 0) return -EPERM;
    for (const process of reached) {
      this.delivered.push({ pid: process.pid, tag: this.tagOf(process), signal, asGroup: target < 0 });
      if (!isAlive(process) || process.stuck || (signal === 15 && process.ignoresTerm)) continue;
      process.doomed = true;
    }
    if (this.diesAtOnce) this.#bury();
    return 0;
  }

  #bury(): void {
    for (const process of this.processes.values()) if (process.doomed) this.exit(process);
  }

  #wait(pid: number, options: number): number {
    if (options !== 1) throw new Error("wait4 would block");
    this.waitedFor.push(pid);
    const process = this.processes.get(pid);
    if (process === undefined || process.parent !== this.#selfPid) return -ECHILD;
    if (isAlive(process)) return 0;
    this.processes.delete(pid);
    return pid;
  }

  #prlimit(pid: number, resource: number, wanted: Bytes, old: Bytes): number {
    const process = this.processes.get(pid === 0 ? this.#selfPid : pid);
    if (process === undefined) return -ESRCH;
    if (process.foreign) return -EPERM;
    const [soft, hard] = process.limits.get(resource) ?? [UNLIMITED, UNLIMITED];
    if (old !== null) {
      const view = new DataView(old.buffer, old.byteOffset, 16);
      view.setBigUint64(0, soft, true);
      view.setBigUint64(8, hard, true);
    }
    if (wanted === null) return 0;
    const view = new DataView(wanted.buffer, wanted.byteOffset, 16);
    const [newSoft, newHard] = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
    if (newSoft > newHard) return -22;
    if (newHard > hard) return -EPERM;
    process.limits.set(resource, [newSoft, newHard]);
    this.limitsSet.push({ pid, resource });
    return 0;
  }

  #open(path: string): number {
    if (path === "/proc") {
      this.#bury();
      const names = [".", "..", "cpuinfo", "self", ...[...this.processes.keys()].sort((a, b) => a - b), "1x"];
      this.#files.set(this.#nextFile, { bytes: entries(names.map(String)), at: 0 });
      return this.#nextFile++;
    }
    const pid = Number(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1]);
    const process = this.processes.get(pid);
    if (process === undefined) return -ENOENT;
    if (process.foreign) return -EACCES;
    const { name, zombie, parent, group, session, threads } = process;
    // proc_pid_stat(5): from the terminal to the nice value, then the threads, and more.
    const between = "0 -1 4194560 100 0 0 0 0 0 0 0 20 0";
    const text = `${pid} (${name}) ${
      zombie ? "Z" : "S"
    } ${parent} ${group} ${session} ${between} ${threads} 0 99`;
    this.#files.set(this.#nextFile, { bytes: new TextEncoder().encode(text), at: 0 });
    return this.#nextFile++;
  }

  #read(file: number, buffer: Uint8Array, length: number): number {
    const open = this.#files.get(file)!;
    const piece = open.bytes.subarray(open.at, open.at + length);
    buffer.set(piece);
    open.at += piece.length;
    return piece.length;
  }

  #list(file: number, buffer: Uint8Array): number {
    const open = this.#files.get(file)!;
    const piece = open.bytes.subarray(open.at);
    buffer.set(piece);
    open.at += piece.length;
    return piece.length;
  }
}

function isAlive({ zombie, threads }: FakeProcess): boolean {
  return !zombie || threads > 1;
}

type Bytes = Uint8Array<ArrayBuffer> | null;

/** struct linux_dirent64, one for each name: u64, i64, u16 length, u8 type, name, NUL, up to the next eight. */
function entries(names: readonly string[]): Uint8Array {
  const records = names.map((name) => {
    const record = new Uint8Array(19 + name.length + 1 + 7 & ~7);
    new DataView(record.buffer).setUint16(16, record.length, true);
    record.set(new TextEncoder().encode(name), 19);
    return record;
  });
  const all = new Uint8Array(records.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const record of records) {
    all.set(record, at);
    at += record.length;
  }
  return all;
}
