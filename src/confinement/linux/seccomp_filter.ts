/**
 * The seccomp filter of a compartment's thread, which every program that it starts inherits and none can take off:
 * which system calls are stopped until the warden gives leave, which are refused, and which are allowed. See
 * seccomp(2), bpf(4) and the kernel's Documentation/userspace-api/seccomp_filter.rst.
 *
 * @module
 */
import type { Architecture } from "./kernel.ts";

/** What the filter answers; include/uapi/linux/seccomp.h. */
const RETURN = {
  killProcess: 0x8000_0000,
  /** Ored with the error number. */
  errno: 0x0005_0000,
  notify: 0x7fc0_0000,
  allow: 0x7fff_0000,
} as const;

const EPERM = 1;
const ENOSYS = 38;

/** include/uapi/linux/audit.h: the architecture that a system call was made for. */
const AUDIT_ARCH: Readonly<Record<Architecture, number>> = { x86_64: 0xc000_003e, aarch64: 0xc000_00b7 };

/** x32 programs share the x86_64 architecture and set this bit in the number; arch/x86/include/uapi/asm/unistd.h. */
const X32_SYSCALL_BIT = 0x4000_0000;

/** A system call's number by architecture; null where the architecture has no such call. */
type Numbers = Readonly<Record<Architecture, number | null>>;

/** The system calls that the filter looks at more closely; the tables named in `kernel.ts`. */
export const FILTERED = {
  execve: { x86_64: 59, aarch64: 221 },
  execveat: { x86_64: 322, aarch64: 281 },
  kill: { x86_64: 62, aarch64: 129 },
  tkill: { x86_64: 200, aarch64: 130 },
  tgkill: { x86_64: 234, aarch64: 131 },
  setpgid: { x86_64: 109, aarch64: 154 },
  clone: { x86_64: 56, aarch64: 220 },
  unshare: { x86_64: 272, aarch64: 97 },
  setrlimit: { x86_64: 160, aarch64: 164 },
  prlimit64: { x86_64: 302, aarch64: 261 },
  setpriority: { x86_64: 141, aarch64: 140 },
  ioprio_set: { x86_64: 251, aarch64: 30 },
  fcntl: { x86_64: 72, aarch64: 25 },
  ioctl: { x86_64: 16, aarch64: 29 },
} as const satisfies Readonly<Record<string, Numbers>>;

/** Scheduling, by its first argument: a process may change its own, and no other's. */
const OWN_ONLY: Readonly<Record<string, Numbers>> = {
  sched_setparam: { x86_64: 142, aarch64: 118 },
  sched_setscheduler: { x86_64: 144, aarch64: 119 },
  sched_setaffinity: { x86_64: 203, aarch64: 122 },
  sched_setattr: { x86_64: 314, aarch64: 274 },
};

/** Refused with EPERM: no network tool's business. */
const REFUSED: Readonly<Record<string, Numbers>> = {
  // Looking into other processes; all runs belong to one user.
  ptrace: { x86_64: 101, aarch64: 117 },
  process_vm_readv: { x86_64: 310, aarch64: 270 },
  process_vm_writev: { x86_64: 311, aarch64: 271 },
  kcmp: { x86_64: 312, aarch64: 272 },
  pidfd_getfd: { x86_64: 438, aarch64: 438 },
  // Rare ways to send a signal.
  rt_sigqueueinfo: { x86_64: 129, aarch64: 138 },
  rt_tgsigqueueinfo: { x86_64: 297, aarch64: 240 },
  // Files that have no place where Landlock could look.
  memfd_create: { x86_64: 319, aarch64: 279 },
  // Memory that outlives its process, and is counted nowhere.
  shmget: { x86_64: 29, aarch64: 194 },
  msgget: { x86_64: 68, aarch64: 186 },
  semget: { x86_64: 64, aarch64: 190 },
  mq_open: { x86_64: 240, aarch64: 180 },
  add_key: { x86_64: 248, aarch64: 217 },
  request_key: { x86_64: 249, aarch64: 218 },
  keyctl: { x86_64: 250, aarch64: 219 },
  // What Landlock does not look at: modes, owners and attributes of files that the same user owns.
  chmod: { x86_64: 90, aarch64: null },
  fchmod: { x86_64: 91, aarch64: 52 },
  fchmodat: { x86_64: 268, aarch64: 53 },
  fchmodat2: { x86_64: 452, aarch64: 452 },
  chown: { x86_64: 92, aarch64: null },
  fchown: { x86_64: 93, aarch64: 55 },
  lchown: { x86_64: 94, aarch64: null },
  fchownat: { x86_64: 260, aarch64: 54 },
  setxattr: { x86_64: 188, aarch64: 5 },
  lsetxattr: { x86_64: 189, aarch64: 6 },
  fsetxattr: { x86_64: 190, aarch64: 7 },
  setns: { x86_64: 308, aarch64: 268 },
};

/** Answered as by an older kernel, ENOSYS, for which programs have another way. */
const UNKNOWN: Readonly<Record<string, Numbers>> = {
  // Its flags are in memory, where a filter cannot look; the C library takes clone(2) instead.
  clone3: { x86_64: 435, aarch64: 435 },
  pidfd_send_signal: { x86_64: 424, aarch64: 424 },
};

/**
 * The flags of clone(2) and unshare(2) that make a namespace: mount, cgroup, UTS, IPC, user, PID, network. In a user
 * namespace of its own a process has every capability.
 */
const CLONE_NAMESPACES = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 |
  0x4000_0000;

/** setpriority(2) and ioprio_set(2): by process, rather than by group or by user. */
const PRIO_PROCESS = 0;
const IOPRIO_WHO_PROCESS = 1;

/** Having somebody else sent a signal when input comes: fcntl(2), and the older requests of ioctl(2). */
const F_SETOWN = 8;
const F_SETOWN_EX = 15;
/** Requests of ioctl(2) that are refused: those two, and typing into a terminal, ioctl_tty(2). */
const REFUSED_REQUESTS = {
  FIOSETOWN: 0x8901,
  SIOCSPGRP: 0x8902,
  TIOCSTI: 0x5412,
  TIOCLINUX: 0x541c,
} as const;

/** Offsets into struct seccomp_data; both architectures are little-endian, so the low half comes first. */
export const DATA = {
  nr: 0,
  arch: 4,
  low: (argument: number) => 16 + 8 * argument,
  high: (argument: number) => 20 + 8 * argument,
} as const;

/** The classic BPF instructions that are used: load a word, three jumps, return; see linux/bpf_common.h. */
const BPF = { load: 0x20, jumpIfEqual: 0x15, jumpIfAtLeast: 0x35, jumpIfSet: 0x45, answer: 0x06 } as const;

/** One line of the filter, with names instead of distances; a jump that is not taken goes on with the next line. */
type Line =
  | { readonly label: string }
  | { readonly load: number }
  | { readonly equal: number; readonly then?: string; readonly otherwise?: string }
  | { readonly atLeast: number; readonly then: string }
  | { readonly anyBit: number; readonly then: string; readonly otherwise: string }
  | { readonly answer: number };

/** What a filter is made for. */
export interface FilterTerms {
  readonly architecture: Architecture;
  /** The resource whose limit marks the processes of a run (`run_tag.ts`): nobody may change it. */
  readonly tagResource: number;
}

/**
 * The filter, line by line.
 *
 * Signals to a process are asked for although there is Landlock: the thread that is confined belongs to the server's
 * process and to the same Landlock domain as the programs that it starts, and so do all runs of the tool.
 */
function lines({ architecture, tagResource }: FilterTerms): Line[] {
  const whenAny = (calls: Readonly<Record<string, Numbers>>, then: string): Line[] =>
    Object.values(calls).flatMap((numbers) => {
      const equal = numbers[architecture];
      return equal === null ? [] : [{ equal, then }];
    });
  return [
    // A call in another architecture's numbers cannot be judged.
    { load: DATA.arch },
    { equal: AUDIT_ARCH[architecture], otherwise: "kill process" },
    { load: DATA.nr },
    ...(architecture === "x86_64" ? [{ atLeast: X32_SYSCALL_BIT, then: "no such call" }] : []),
    { equal: FILTERED.execve[architecture], then: "notify" },
    { equal: FILTERED.execveat[architecture], then: "notify" },
    { equal: FILTERED.tkill[architecture], then: "notify" },
    { equal: FILTERED.tgkill[architecture], then: "notify" },
    { equal: FILTERED.kill[architecture], then: "kill" },
    { equal: FILTERED.setpgid[architecture], then: "setpgid" },
    { equal: FILTERED.clone[architecture], then: "clone" },
    { equal: FILTERED.unshare[architecture], then: "clone" },
    { equal: FILTERED.fcntl[architecture], then: "fcntl" },
    { equal: FILTERED.ioctl[architecture], then: "ioctl" },
    { equal: FILTERED.prlimit64[architecture], then: "prlimit64" },
    { equal: FILTERED.setrlimit[architecture], then: "setrlimit" },
    { equal: FILTERED.setpriority[architecture], then: "setpriority" },
    { equal: FILTERED.ioprio_set[architecture], then: "ioprio_set" },
    ...whenAny(OWN_ONLY, "only oneself"),
    ...whenAny(REFUSED, "refuse"),
    ...whenAny(UNKNOWN, "no such call"),
    { answer: RETURN.allow },
    // prlimit64(pid, resource, new limit, old limit): reading is free; setting only for oneself, and not the tag.
    { label: "prlimit64" },
    { load: DATA.low(2) },
    { equal: 0, otherwise: "sets a limit" },
    { load: DATA.high(2) },
    { equal: 0, then: "allow" },
    { label: "sets a limit" },
    { load: DATA.low(0) },
    { equal: 0, otherwise: "refuse" },
    { load: DATA.low(1) },
    { equal: tagResource, then: "refuse", otherwise: "allow" },
    // setrlimit(resource, limit)
    { label: "setrlimit" },
    { load: DATA.low(0) },
    { equal: tagResource, then: "refuse", otherwise: "allow" },
    // kill(pid, signal): 0 is the caller's own group, which it cannot leave for another run's.
    { label: "kill" },
    { load: DATA.low(0) },
    { equal: 0, then: "allow", otherwise: "notify" },
    // setpgid(pid, group): 0 is a group of its own.
    { label: "setpgid" },
    { load: DATA.low(1) },
    { equal: 0, then: "allow", otherwise: "notify" },
    // fcntl(fd, operation, argument)
    { label: "fcntl" },
    { load: DATA.low(1) },
    { equal: F_SETOWN, then: "refuse" },
    { equal: F_SETOWN_EX, then: "refuse", otherwise: "allow" },
    // ioctl(fd, request, argument)
    { label: "ioctl" },
    { load: DATA.low(1) },
    ...Object.values(REFUSED_REQUESTS).map((request) => ({ equal: request, then: "refuse" })),
    { answer: RETURN.allow },
    // clone(flags, ...) and unshare(flags)
    { label: "clone" },
    { load: DATA.low(0) },
    { anyBit: CLONE_NAMESPACES, then: "refuse", otherwise: "allow" },
    // setpriority(which, who, priority) and ioprio_set(which, who, priority): 0 is the caller.
    { label: "setpriority" },
    { load: DATA.low(0) },
    { equal: PRIO_PROCESS, then: "only oneself by who", otherwise: "refuse" },
    { label: "ioprio_set" },
    { load: DATA.low(0) },
    { equal: IOPRIO_WHO_PROCESS, then: "only oneself by who", otherwise: "refuse" },
    { label: "only oneself by who" },
    { load: DATA.low(1) },
    { equal: 0, then: "allow", otherwise: "refuse" },
    { label: "only oneself" },
    { load: DATA.low(0) },
    { equal: 0, then: "allow", otherwise: "refuse" },
    { label: "allow" },
    { answer: RETURN.allow },
    { label: "notify" },
    { answer: RETURN.notify },
    { label: "refuse" },
    { answer: RETURN.errno | EPERM },
    { label: "no such call" },
    { answer: RETURN.errno | ENOSYS },
    { label: "kill process" },
    { answer: RETURN.killProcess },
  ];
}

/** Bytes of one instruction: struct sock_filter. */
const INSTRUCTION_BYTES = 8;

/** The filter as the kernel wants it: an array of struct sock_filter. */
export function filterProgram(terms: FilterTerms): Uint8Array<ArrayBuffer> {
  const places = new Map<string, number>();
  const code: Exclude<Line, { label: string }>[] = [];
  for (const line of lines(terms)) {
    if ("label" in line) places.set(line.label, code.length);
    else code.push(line);
  }
  const bytes = new Uint8Array(code.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, line] of code.entries()) {
    const distance = (label: string | undefined) => {
      if (label === undefined) return 0;
      const place = places.get(label);
      if (place === undefined || place <= index) throw new Error(`the filter cannot jump to ${label}`);
      return place - index - 1;
    };
    const put = (operation: number, operand: number, then?: string, otherwise?: string) => {
      view.setUint16(index * INSTRUCTION_BYTES, operation, true);
      view.setUint8(index * INSTRUCTION_BYTES + 2, distance(then));
      view.setUint8(index * INSTRUCTION_BYTES + 3, distance(otherwise));
      view.setUint32(index * INSTRUCTION_BYTES + 4, operand >>> 0, true);
    };
    if ("load" in line) put(BPF.load, line.load);
    else if ("equal" in line) put(BPF.jumpIfEqual, line.equal, line.then, line.otherwise);
    else if ("atLeast" in line) put(BPF.jumpIfAtLeast, line.atLeast, line.then);
    else if ("anyBit" in line) put(BPF.jumpIfSet, line.anyBit, line.then, line.otherwise);
    else put(BPF.answer, line.answer);
  }
  return bytes;
}

/** struct sock_fprog: how many instructions, and where they are. */
export function filterHeader(program: Uint8Array, address: bigint): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  view.setUint16(0, program.length / INSTRUCTION_BYTES, true);
  view.setBigUint64(8, address, true);
  return header;
}
