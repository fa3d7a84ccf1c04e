/**
 * The one place that talks to the kernel past Deno: system calls through libc's syscall(2). A thread that holds this
 * holds the whole authority of the process, so only the warden keeps it; a compartment has it for a moment, to
 * confine its own thread, and gives it up.
 *
 * @module
 */

import { type Architecture, type SyscallName, SYSCALLS } from "./syscalls.ts";

/** Where glibc is, by distribution and architecture; nothing else is ever loaded. */
export const LIBC_PATHS: readonly string[] = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
];

/** An argument: a number, or a buffer or text (passed as a pointer), or null. Texts are NUL-terminated here. */
export type SyscallArgument = number | bigint | Uint8Array<ArrayBuffer> | string | null;

/** Error numbers that decisions depend on; errno(3). The same on both architectures. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENOTDIR: 20,
  EINVAL: 22,
  ENOSYS: 38,
  EOPNOTSUPP: 95,
} as const;

/** `EPERM` for 1, and the number itself for those that have no name here. */
export function errnoName(errno: number): string {
  return Object.entries(ERRNO).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}

/** What the modules of this folder need of the kernel; tests play it. */
export interface Kernel {
  readonly architecture: Architecture;
  /** Makes a system call; returns its result, or the negative error number. */
  call(name: SyscallName, ...args: readonly SyscallArgument[]): number;
}

/** Makes a call until no signal interrupts it. */
export function again(kernel: Kernel, name: SyscallName, ...args: readonly SyscallArgument[]): number {
  let result: number;
  do {
    result = kernel.call(name, ...args);
  } while (result === -ERRNO.EINTR);
  return result;
}

/** The kernel itself, through libc. */
export interface LiveKernel extends Kernel {
  /** The library's path, as the ffi permission names it. */
  readonly path: string;
  /**
   * The same without blocking this thread. The error number is lost with the thread: every failure is -1.
   *
   * The buffers must not be touched until the promise settles.
   */
  callInBackground(name: SyscallName, ...args: readonly SyscallArgument[]): Promise<number>;
  /** The address of a buffer's first byte, for structures that hold pointers. The caller keeps the buffer alive. */
  addressOf(buffer: Uint8Array<ArrayBuffer>): bigint;
  /**
   * Starts `path`, which must not exist, with posix_spawn(3): the attempt to execute it goes the whole way that a
   * program's start goes. Returns the error number, ENOENT when everything let it pass.
   */
  spawnNothing(path: string): number;
  /**
   * A copy of `bytes` in memory of the C library, for a call in the background: when this thread ends, its own memory
   * goes with it, and the kernel may still write then. `take` copies it back and frees it.
   */
  outside(bytes: Uint8Array<ArrayBuffer>): { readonly address: bigint; take(): void };
  /** Unloads the library. */
  close(): void;
}

/** syscall(2): the number, and as many arguments as any system call has. */
const NUMBER_AND_SIX = ["i64", "u64", "u64", "u64", "u64", "u64", "u64"] as const;
const SYMBOLS = {
  syscall: { parameters: NUMBER_AND_SIX, result: "i64" },
  syscall_in_background: { name: "syscall", parameters: NUMBER_AND_SIX, result: "i64", nonblocking: true },
  posix_spawn: { parameters: ["buffer", "buffer", "usize", "usize", "buffer", "buffer"], result: "i32" },
  // Deno's own functions for pointers want the permission for every library, so memmove(3) stands in for them: it
  // answers with the address of a buffer, and copies out of memory that is known by its address.
  address_of: { name: "memmove", parameters: ["buffer", "buffer", "usize"], result: "u64" },
  copy_from: { name: "memmove", parameters: ["buffer", "pointer", "usize"], result: "u64" },
  // malloc(3), for memory that no isolate owns.
  malloc: { parameters: ["usize"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
  address_at: { name: "memmove", parameters: ["pointer", "pointer", "usize"], result: "u64" },
  copy_to: { name: "memmove", parameters: ["pointer", "buffer", "usize"], result: "u64" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

/**
 * Loads libc. The calling thread must hold the ffi permission for one of {@link LIBC_PATHS}.
 *
 * @returns the kernel, or why there is none
 */
export function openKernel(): LiveKernel | { readonly reason: string } {
  const { os, arch } = Deno.build;
  if (os !== "linux") return { reason: `the kernel tier is made for Linux, and this is ${os}` };
  const reasons: string[] = [];
  for (const path of LIBC_PATHS) {
    try {
      return kernelOf(path, Deno.dlopen(path, SYMBOLS), arch);
    } catch (error) {
      reasons.push(`${path}: ${(error as Error).message}`);
    }
  }
  return { reason: `no glibc at a known path: ${reasons.join("; ")}` };
}

function kernelOf(
  path: string,
  library: Deno.DynamicLibrary<typeof SYMBOLS>,
  architecture: Architecture,
): LiveKernel {
  const { symbols } = library;
  const encoder = new TextEncoder();
  const errno = new Uint8Array(4);
  // An empty buffer has no address; the kernel then sees a null pointer with length 0.
  const addressOf = (buffer: BufferSource & ArrayBufferView<ArrayBuffer>) =>
    buffer.byteLength === 0 ? 0n : symbols.address_of(buffer, buffer, 0n);
  /** The buffers of the calls under way: an address alone does not keep memory from being collected. */
  const held = new Set<readonly Uint8Array[]>();
  const marshal = (name: SyscallName, args: readonly SyscallArgument[]) => {
    const buffers: Uint8Array[] = [];
    const word = (arg: SyscallArgument | undefined): bigint => {
      if (arg === undefined || arg === null) return 0n;
      if (typeof arg === "number" || typeof arg === "bigint") return BigInt.asUintN(64, BigInt(arg));
      const buffer = typeof arg === "string" ? encoder.encode(`${arg}\0`) : arg;
      buffers.push(buffer);
      return addressOf(buffer);
    };
    const [a, b, c, d, e, f] = args;
    const known = SYSCALLS[name][architecture];
    if (known === null) throw new Error(`${architecture} has no system call ${name}`);
    const number = BigInt(known);
    held.add(buffers);
    return { words: [number, word(a), word(b), word(c), word(d), word(e), word(f)] as const, buffers };
  };
  return {
    path,
    architecture,
    call(name, ...args) {
      const { words, buffers } = marshal(name, args);
      const result = Number(symbols.syscall(...words));
      held.delete(buffers);
      if (result !== -1) return result;
      symbols.copy_from(errno, symbols.__errno_location(), 4n);
      return -new Int32Array(errno.buffer)[0]!;
    },
    async callInBackground(name, ...args) {
      const { words, buffers } = marshal(name, args);
      try {
        return Number(await symbols.syscall_in_background(...words));
      } finally {
        held.delete(buffers);
      }
    },
    addressOf,
    spawnNothing(path) {
      const name = encoder.encode(`${path}\0`);
      const pid = new Uint8Array(4);
      // argv is the name and a null pointer, the environment the null pointer alone.
      const argv = new BigUint64Array([addressOf(name), 0n]);
      const environment = new BigUint64Array([0n]);
      return symbols.posix_spawn(pid, name, 0n, 0n, argv, environment);
    },
    outside(bytes) {
      const length = BigInt(bytes.length);
      const pointer = symbols.malloc(length);
      if (pointer === null) throw new Error("there is no memory left");
      symbols.copy_to(pointer, bytes, length);
      return {
        address: symbols.address_at(pointer, pointer, 0n),
        take() {
          symbols.copy_from(bytes, pointer, length);
          symbols.free(pointer);
        },
      };
    },
    close: () => library.close(),
  };
}
