/**
 * The seccomp filter of a compartment's thread, which every program that it starts inherits and none can take off:
 * which system calls are stopped until the warden gives leave, which are refused, and which are allowed. See
 * seccomp(2), bpf(4) and the kernel's Documentation/userspace-api/seccomp_filter.rst.
 *
 * @module
 */
import { OWN_ONLY, REFUSED, REFUSED_OPERATIONS, REFUSED_REQUESTS, UNKNOWN } from "./refused_calls.ts";
import { type Architecture, type SyscallName, SYSCALLS } from "./syscalls.ts";

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

/**
 * The flags of clone(2) and unshare(2) that make a namespace: mount, cgroup, UTS, IPC, user, PID, network. In a user
 * namespace of its own a process has every capability.
 */
const CLONE_NAMESPACES = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x2000_0000 |
  0x4000_0000;

/** setpriority(2) and ioprio_set(2): by process, rather than by group or by user. */
const PRIO_PROCESS = 0;
const IOPRIO_WHO_PROCESS = 1;

/**
 * prctl(2): a process that makes itself undumpable vanishes for other processes of its user where /proc is mounted with
 * hidepid, and nobody could end it.
 */
const PR_SET_DUMPABLE = 4;

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
  const whenAny = (names: readonly SyscallName[], then: string): Line[] =>
    names.flatMap((name) => {
      const equal = SYSCALLS[name][architecture];
      return equal === null ? [] : [{ equal, then }];
    });
  return [
    // A call in another architecture's numbers cannot be judged.
    { load: DATA.arch },
    { equal: AUDIT_ARCH[architecture], otherwise: "kill process" },
    { load: DATA.nr },
    ...(architecture === "x86_64" ? [{ atLeast: X32_SYSCALL_BIT, then: "no such call" }] : []),
    ...whenAny(["execve", "execveat", "tkill", "tgkill"], "notify"),
    ...whenAny(["kill"], "kill"),
    ...whenAny(["setpgid"], "setpgid"),
    ...whenAny(["clone", "unshare"], "clone"),
    ...whenAny(["fcntl"], "fcntl"),
    ...whenAny(["ioctl"], "ioctl"),
    ...whenAny(["prlimit64"], "prlimit64"),
    ...whenAny(["setrlimit"], "setrlimit"),
    ...whenAny(["setpriority"], "setpriority"),
    ...whenAny(["ioprio_set"], "ioprio_set"),
    ...whenAny(["prctl"], "prctl"),
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
    ...Object.values(REFUSED_OPERATIONS).map((operation) => ({ equal: operation, then: "refuse" })),
    { answer: RETURN.allow },
    // ioctl(fd, request, argument)
    { label: "ioctl" },
    { load: DATA.low(1) },
    ...Object.values(REFUSED_REQUESTS).map((request) => ({ equal: request, then: "refuse" })),
    { answer: RETURN.allow },
    // clone(flags, ...) and unshare(flags)
    { label: "clone" },
    { load: DATA.low(0) },
    { anyBit: CLONE_NAMESPACES, then: "refuse", otherwise: "allow" },
    // prctl(operation, ...)
    { label: "prctl" },
    { load: DATA.low(0) },
    { equal: PR_SET_DUMPABLE, then: "refuse", otherwise: "allow" },
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
