/**
 * What the kernel does with a seccomp filter: a machine for classic BPF, and the data that a filter looks at. Made from
 * seccomp(2), bpf(4) of FreeBSD, where the instructions come from, and the kernel's linux/bpf_common.h.
 *
 * @module
 */
import type { Architecture } from "../../../src/confinement/linux/syscalls.ts";

/** One instruction, taken apart. */
export interface Instruction {
  readonly code: number;
  /** How many instructions are skipped when the comparison holds, and when it does not. */
  readonly then: number;
  readonly otherwise: number;
  readonly operand: number;
}

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
export function instructionsOf(program: Uint8Array<ArrayBuffer>): Instruction[] {
  if (program.length % 8 !== 0) throw new Error("half an instruction");
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  return Array.from({ length: program.length / 8 }, (_, index) => ({
    code: view.getUint16(8 * index, true),
    then: view.getUint8(8 * index + 2),
    otherwise: view.getUint8(8 * index + 3),
    operand: view.getUint32(8 * index + 4, true),
  }));
}

/** A system call as it reaches the filter. Numbers are given as a program would: signed or not, up to 64 bits. */
export interface Call {
  readonly arch: number;
  readonly nr: number;
  readonly args: readonly (number | bigint)[];
}

/** struct seccomp_data: int nr, u32 arch, u64 instruction pointer, u64 args[6]. */
export function dataOf({ arch, nr, args }: Call): DataView {
  const view = new DataView(new ArrayBuffer(64));
  view.setInt32(0, nr, true);
  view.setUint32(4, arch, true);
  view.setBigUint64(8, 0x7fff_1234_5678_9abcn, true);
  for (const [index, arg] of args.entries()) {
    view.setBigUint64(16 + 8 * index, BigInt.asUintN(64, BigInt(arg)), true);
  }
  return view;
}

/** What comes of a call. */
export type Verdict = "allow" | "notify" | "kill" | { readonly errno: number };

/** Runs a filter over a call. Throws where the kernel would not have taken the filter. */
export function runFilter(program: Uint8Array<ArrayBuffer>, call: Call): Verdict {
  const code = instructionsOf(program);
  const data = dataOf(call);
  let accumulator = 0;
  for (let at = 0; at < code.length; at++) {
    const { code: operation, then, otherwise, operand } = code[at]!;
    const jump = (holds: boolean) => at += holds ? then : otherwise;
    switch (operation) {
      // BPF_LD | BPF_W | BPF_ABS, whose offset must be that of a word.
      case 0x20:
        if (operand % 4 !== 0) throw new Error(`a load from ${operand}`);
        accumulator = data.getUint32(operand, true);
        break;
      // BPF_JMP with BPF_JEQ, BPF_JGE, BPF_JSET, each with BPF_K.
      case 0x15:
        jump(accumulator === operand);
        break;
      case 0x35:
        jump(accumulator >= operand);
        break;
      case 0x45:
        jump((accumulator & operand) !== 0);
        break;
      case 0x06:
        return verdictOf(operand);
      default:
        throw new Error(`no instruction ${operation.toString(16)}`);
    }
  }
  throw new Error("the filter ends without an answer");
}

/** include/uapi/linux/seccomp.h. */
function verdictOf(answer: number): Verdict {
  const action = (answer & 0xffff_0000) >>> 0;
  if (action === 0x8000_0000) return "kill";
  if (action === 0x7fc0_0000) return "notify";
  if (action === 0x7fff_0000) return "allow";
  if (action === 0x0005_0000) return { errno: answer & 0xffff };
  throw new Error(`no action ${answer.toString(16)}`);
}

/** AUDIT_ARCH of include/uapi/linux/audit.h: machine, 64 bits, little-endian. */
export const AUDIT: Readonly<Record<Architecture | "i386" | "arm" | "riscv64", number>> = {
  x86_64: 0xc000_003e,
  aarch64: 0xc000_00b7,
  i386: 0x4000_0003,
  arm: 0x4000_0028,
  riscv64: 0xc000_00f3,
};

/** System call numbers, copied from `ausyscall --dump` and the kernel's tables, not from the filter. */
export const NUMBERS: Readonly<Record<Architecture, Readonly<Record<string, number>>>> = {
  x86_64: {
    read: 0,
    ioctl: 16,
    shmget: 29,
    clone: 56,
    execve: 59,
    kill: 62,
    semget: 64,
    msgget: 68,
    fcntl: 72,
    chmod: 90,
    fchmod: 91,
    chown: 92,
    fchown: 93,
    lchown: 94,
    getrlimit: 97,
    ptrace: 101,
    setpgid: 109,
    setsid: 112,
    getsid: 124,
    rt_sigqueueinfo: 129,
    utime: 132,
    getpriority: 140,
    setpriority: 141,
    sched_setparam: 142,
    sched_setscheduler: 144,
    prctl: 157,
    setrlimit: 160,
    setxattr: 188,
    lsetxattr: 189,
    fsetxattr: 190,
    getxattr: 191,
    removexattr: 197,
    lremovexattr: 198,
    fremovexattr: 199,
    tkill: 200,
    sched_setaffinity: 203,
    sched_getaffinity: 204,
    tgkill: 234,
    utimes: 235,
    mq_open: 240,
    add_key: 248,
    request_key: 249,
    keyctl: 250,
    ioprio_set: 251,
    openat: 257,
    fchownat: 260,
    futimesat: 261,
    fchmodat: 268,
    unshare: 272,
    utimensat: 280,
    rt_tgsigqueueinfo: 297,
    prlimit64: 302,
    setns: 308,
    process_vm_readv: 310,
    process_vm_writev: 311,
    kcmp: 312,
    sched_setattr: 314,
    seccomp: 317,
    memfd_create: 319,
    execveat: 322,
    pidfd_send_signal: 424,
    io_uring_setup: 425,
    pidfd_open: 434,
    clone3: 435,
    pidfd_getfd: 438,
    fchmodat2: 452,
    setxattrat: 463,
    removexattrat: 466,
    file_getattr: 468,
    file_setattr: 469,
  },
  aarch64: {
    setxattr: 5,
    lsetxattr: 6,
    fsetxattr: 7,
    getxattr: 8,
    removexattr: 14,
    lremovexattr: 15,
    fremovexattr: 16,
    fcntl: 25,
    ioctl: 29,
    ioprio_set: 30,
    fchmod: 52,
    fchmodat: 53,
    fchownat: 54,
    fchown: 55,
    openat: 56,
    read: 63,
    utimensat: 88,
    unshare: 97,
    ptrace: 117,
    sched_setparam: 118,
    sched_setscheduler: 119,
    sched_setaffinity: 122,
    sched_getaffinity: 123,
    kill: 129,
    tkill: 130,
    tgkill: 131,
    rt_sigqueueinfo: 138,
    setpriority: 140,
    getpriority: 141,
    setpgid: 154,
    getsid: 156,
    setsid: 157,
    getrlimit: 163,
    setrlimit: 164,
    prctl: 167,
    mq_open: 180,
    msgget: 186,
    semget: 190,
    shmget: 194,
    add_key: 217,
    request_key: 218,
    keyctl: 219,
    clone: 220,
    execve: 221,
    rt_tgsigqueueinfo: 240,
    prlimit64: 261,
    setns: 268,
    process_vm_readv: 270,
    process_vm_writev: 271,
    kcmp: 272,
    sched_setattr: 274,
    seccomp: 277,
    memfd_create: 279,
    execveat: 281,
    pidfd_send_signal: 424,
    io_uring_setup: 425,
    pidfd_open: 434,
    clone3: 435,
    pidfd_getfd: 438,
    fchmodat2: 452,
    setxattrat: 463,
    removexattrat: 466,
    file_getattr: 468,
    file_setattr: 469,
  },
};
