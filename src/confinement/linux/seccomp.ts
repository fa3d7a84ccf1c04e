/**
 * The seccomp filter of a compartment's thread, and the notifications that it raises: every program that the thread
 * or any of its descendants wants to execute stops before its first instruction, until the warden lets it go on, and
 * so does whoever wants to send a signal to another process or to join its group.
 * See seccomp(2), seccomp_unotify(2) and the kernel's Documentation/userspace-api/seccomp_filter.rst.
 *
 * @module
 */
import type { Architecture, Kernel } from "./kernel.ts";

/** seccomp(2): operations and flags. */
export const SECCOMP = { setModeFilter: 1, getNotificationSizes: 3, flagNewListener: 8 } as const;

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

/** The system calls that the filter looks at, by architecture; the tables named in `kernel.ts`. */
const FILTERED = {
  execve: { x86_64: 59, aarch64: 221 },
  execveat: { x86_64: 322, aarch64: 281 },
  kill: { x86_64: 62, aarch64: 129 },
  tkill: { x86_64: 200, aarch64: 130 },
  tgkill: { x86_64: 234, aarch64: 131 },
  setpgid: { x86_64: 109, aarch64: 154 },
  pidfd_send_signal: { x86_64: 424, aarch64: 424 },
  setrlimit: { x86_64: 160, aarch64: 164 },
  prlimit64: { x86_64: 302, aarch64: 261 },
  fcntl: { x86_64: 72, aarch64: 25 },
  ioctl: { x86_64: 16, aarch64: 29 },
} as const;

/** Looking into other processes, never a network tool's business, and rare ways to send a signal. */
const REFUSED = {
  ptrace: { x86_64: 101, aarch64: 117 },
  process_vm_readv: { x86_64: 310, aarch64: 270 },
  process_vm_writev: { x86_64: 311, aarch64: 271 },
  kcmp: { x86_64: 312, aarch64: 272 },
  pidfd_getfd: { x86_64: 438, aarch64: 438 },
  rt_sigqueueinfo: { x86_64: 129, aarch64: 138 },
  rt_tgsigqueueinfo: { x86_64: 297, aarch64: 240 },
} as const;

/** Having somebody else sent a signal when input comes: fcntl(2), and the older requests of ioctl(2). */
const F_SETOWN = 8;
const F_SETOWN_EX = 15;
const FIOSETOWN = 0x8901;
const SIOCSPGRP = 0x8902;

/** Offsets into struct seccomp_data; both architectures are little-endian, so the low half comes first. */
const DATA = {
  nr: 0,
  arch: 4,
  low: (argument: number) => 16 + 8 * argument,
  high: (argument: number) => 20 + 8 * argument,
} as const;

/** The classic BPF instructions that are used: load a word, two jumps, return; see linux/bpf_common.h. */
const BPF = { load: 0x20, jumpIfEqual: 0x15, jumpIfAtLeast: 0x35, answer: 0x06 } as const;

/** One line of the filter, with names instead of distances; a jump that is not taken goes on with the next line. */
type Line =
  | { readonly label: string }
  | { readonly load: number }
  | { readonly equal: number; readonly then?: string; readonly otherwise?: string }
  | { readonly atLeast: number; readonly then: string }
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
    // As before Linux 5.1; what cannot do without it does not work, the others have another way.
    { equal: FILTERED.pidfd_send_signal[architecture], then: "no such call" },
    { equal: FILTERED.fcntl[architecture], then: "fcntl" },
    { equal: FILTERED.ioctl[architecture], then: "ioctl" },
    { equal: FILTERED.prlimit64[architecture], then: "prlimit64" },
    { equal: FILTERED.setrlimit[architecture], then: "setrlimit" },
    ...Object.values(REFUSED).map((numbers) => ({ equal: numbers[architecture], then: "refuse" })),
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
    { equal: FIOSETOWN, then: "refuse" },
    { equal: SIOCSPGRP, then: "refuse", otherwise: "allow" },
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

/** struct seccomp_notif: id, pid, flags and struct seccomp_data. */
export const NOTIFICATION_BYTES = 80;
/** struct seccomp_notif_resp: id, value, error and flags. */
export const RESPONSE_BYTES = 24;

/** The ioctls of a listener; the sizes of the structures above are part of the numbers. */
export const NOTIFICATION_IOCTL = {
  receive: 0xc050_2100,
  send: 0xc018_2101,
  isValid: 0x4008_2102,
} as const;

/** Let the system call go on as if it had not been stopped; since Linux 5.5. */
const FLAG_CONTINUE = 1;

/** poll(2): nobody is left at the other end, or the descriptor is none. */
const POLLHUP_OR_NVAL = 0x10 | 0x20;

/** Whether no process or thread is left that a listener could hear of. */
export function isHungUp(kernel: Kernel, listener: number): boolean {
  // struct pollfd: the descriptor, the events asked for, the events that there are.
  const request = new Uint8Array(8);
  const view = new DataView(request.buffer);
  view.setInt32(0, listener, true);
  const now = new Uint8Array(16);
  const ready = kernel.call("ppoll", request, 1, now, null, 0);
  return ready < 0 || (view.getInt16(6, true) & POLLHUP_OR_NVAL) !== 0;
}

/** A process that waits for leave. */
export interface Notification {
  readonly id: bigint;
  /** The thread that made the call; of a process that was just forked, the process. */
  readonly pid: number;
  /** What it wants: to execute a program, or to reach the process, thread or group of this number. */
  readonly wants: "execute" | { readonly reach: number };
}

/** Reads a struct seccomp_notif. */
export function readNotification(bytes: Uint8Array<ArrayBuffer>, architecture: Architecture): Notification {
  const view = new DataView(bytes.buffer);
  // struct seccomp_data begins at 16. The arguments are in registers, so nobody changes them any more.
  const call = view.getInt32(16 + DATA.nr, true);
  const argument = (index: number) => view.getInt32(16 + DATA.low(index), true);
  const wants = call === FILTERED.setpgid[architecture]
    ? { reach: argument(1) }
    : call === FILTERED.execve[architecture] || call === FILTERED.execveat[architecture]
    ? "execute"
    // A group is known by the process that leads it; -1, everybody, by none.
    : { reach: Math.abs(argument(0)) };
  return { id: view.getBigUint64(0, true), pid: view.getUint32(8, true), wants };
}

/** The answer to a notification: go on, or fail with `errno`. */
export function responseBytes(
  id: bigint,
  answer: "continue" | { readonly errno: number },
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RESPONSE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, id, true);
  if (answer === "continue") view.setUint32(20, FLAG_CONTINUE, true);
  else view.setInt32(16, -answer.errno, true);
  return bytes;
}
