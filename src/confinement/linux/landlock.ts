/**
 * Confining a thread with Landlock: what it and its children may read, write and execute, and whom they may signal.
 *
 * Sources: landlock(7), landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2), and the kernel's
 * include/uapi/linux/landlock.h and Documentation/userspace-api/landlock.rst.
 *
 * Landlock knows domains, not processes: the confined thread and everything that it starts share one. So its children
 * may trace that one thread of the server, read the server's memory through it, and signal it by its thread id, and
 * most signals to a thread end its whole process. Other means have to keep them from it: a seccomp filter, and
 * PR_SET_DUMPABLE or fewer capabilities.
 *
 * @module
 */
import { ERRNO, errnoName, type Kernel } from "./kernel.ts";

/** Access rights to files: the bit, and the Landlock ABI that brought it. */
const FS_RIGHTS = {
  EXECUTE: { bit: 1n << 0n, abi: 1 },
  WRITE_FILE: { bit: 1n << 1n, abi: 1 },
  READ_FILE: { bit: 1n << 2n, abi: 1 },
  READ_DIR: { bit: 1n << 3n, abi: 1 },
  REMOVE_DIR: { bit: 1n << 4n, abi: 1 },
  REMOVE_FILE: { bit: 1n << 5n, abi: 1 },
  MAKE_CHAR: { bit: 1n << 6n, abi: 1 },
  MAKE_DIR: { bit: 1n << 7n, abi: 1 },
  MAKE_REG: { bit: 1n << 8n, abi: 1 },
  MAKE_SOCK: { bit: 1n << 9n, abi: 1 },
  MAKE_FIFO: { bit: 1n << 10n, abi: 1 },
  MAKE_BLOCK: { bit: 1n << 11n, abi: 1 },
  MAKE_SYM: { bit: 1n << 12n, abi: 1 },
  /** Moving or linking to another folder. Without it the kernel always refuses that. */
  REFER: { bit: 1n << 13n, abi: 2 },
  TRUNCATE: { bit: 1n << 14n, abi: 3 },
  IOCTL_DEV: { bit: 1n << 15n, abi: 5 },
} as const satisfies Record<string, { readonly bit: bigint; readonly abi: number }>;

type FsRight = keyof typeof FS_RIGHTS;

/** What else a domain may be cut off from: the bit, and the ABI that brought it. */
const SCOPES = {
  ABSTRACT_UNIX_SOCKET: { bit: 1n << 0n, abi: 6 },
  SIGNAL: { bit: 1n << 1n, abi: 6 },
} as const;

/** Rights that are not handled, so everyone keeps them: a program sees the names in every folder. */
const LEFT_ALONE: readonly FsRight[] = ["READ_DIR"];

/** What is granted on the writable folder is every handled right but these. */
const NOT_IN_FOLDER: readonly FsRight[] = ["EXECUTE", "MAKE_CHAR", "MAKE_BLOCK", "IOCTL_DEV"];

/** What a program gets: the kernel opens it for reading, too. */
const ON_EXECUTABLE: readonly FsRight[] = ["EXECUTE", "READ_FILE"];

/** What `/dev/null` gets, besides being read. All of these are rights that a file, not only a folder, may have. */
const ON_DEV_NULL: readonly FsRight[] = ["WRITE_FILE", "TRUNCATE", "IOCTL_DEV"];

/** What the rules come to, in words, and the ABI that each needs. */
const PROMISES: readonly { readonly abi: number; readonly text: string }[] = [
  { abi: 1, text: "writes, makes and removes files only below the scratch folder" },
  { abi: 1, text: "makes no device files" },
  {
    abi: 1,
    text: "reads no devices below /dev, terminals among them, but null, zero, full, random and urandom",
  },
  { abi: 1, text: "starts only the named files" },
  { abi: 1, text: "traces no process outside its domain, and opens no memory or descriptors of one" },
  { abi: 3, text: "truncates files only below the scratch folder" },
  { abi: 5, text: "controls no devices (ioctl)" },
  { abi: 6, text: "sends no signals to processes outside its domain" },
  { abi: 6, text: "connects to no abstract UNIX sockets of processes outside its domain" },
];

/** What stays open at every ABI; what another part of the confinement refuses then is said with it. */
const UNRESTRICTED: readonly string[] = [
  "reading files that are not below /dev, and the names in every folder",
  "code that a named file reads itself: a loader runs any program, and an interpreter any script, that it can read",
  "owner, mode, times and extended attributes of files: chmod, chown, utime, setxattr (refused by the filter)",
  "TCP, UDP and UNIX sockets that have a path",
  "the confined thread itself, which is in the domain: being traced, and signalled by its thread id (refused by the " +
  "filter)",
  "as root: memory maps and environment of every process, through CAP_PERFMON or CAP_SYS_ADMIN (programs are " +
  "left without them)",
];

/** The Linux release that brought an ABI. */
const LINUX_OF_ABI: Readonly<Record<number, string>> = {
  1: "5.13",
  2: "5.19",
  3: "6.2",
  5: "6.10",
  6: "6.12",
};

/** What is enforced at an ABI. */
export interface LandlockRules {
  /** The rights to files that nobody has but by a rule, as the kernel's bits. */
  readonly handledFs: bigint;
  /** What the domain is cut off from, as the kernel's bits. */
  readonly scoped: bigint;
  /** What that comes to, in words. */
  readonly enforced: readonly string[];
  /** What this ABI is too old for, in words, with the Linux release that has it. */
  readonly missing: readonly string[];
  /** What is not restricted at any ABI, in words. */
  readonly unrestricted: readonly string[];
}

/** What a thread is left with. */
export interface LandlockGrants {
  /**
   * The files that may be executed: absolute real paths, each program with its loader or interpreter. A folder is
   * refused, because all that lies below it would be granted.
   */
  readonly executables: readonly string[];
  /** The one folder below which files may be written, made and removed, but not executed: an absolute path. */
  readonly writableFolder: string;
  /** Files and folders below which files may be read: absolute paths. One that cannot be opened is not granted. */
  readonly readable: readonly string[];
}

/** Whether the thread is confined, or the first step that failed and why. */
export type Restriction = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** LANDLOCK_CREATE_RULESET_VERSION: asks for the ABI instead of making a ruleset. */
const ASK_VERSION = 1;
const RULE_PATH_BENEATH = 1;
/** openat(2). */
const AT_FDCWD = -100;
const O_PATH = 0x200000;
const O_CLOEXEC = 0x80000;

/**
 * The kernel's Landlock ABI, or 0 when there is none: the kernel is too old (ENOSYS), it was started without Landlock
 * (EOPNOTSUPP), or something else, such as a container's filter, refuses the question.
 */
export function landlockAbi(kernel: Kernel): number {
  return Math.max(0, kernel.call("landlock_create_ruleset", null, 0, ASK_VERSION));
}

/** What is enforced at `abi`. An ABI that is newer than those known here counts as the newest of them. */
export function landlockRules(abi: number): LandlockRules {
  const rights = (Object.keys(FS_RIGHTS) as FsRight[]).filter((right) => !LEFT_ALONE.includes(right));
  const has = (promise: { readonly abi: number }) => promise.abi <= abi;
  return {
    handledFs: bitsOf(rights, abi),
    scoped: Object.values(SCOPES).filter(has).reduce((bits, { bit }) => bits | bit, 0n),
    enforced: PROMISES.filter(has).map(({ text }) => text),
    missing: PROMISES.filter((promise) => !has(promise)).map((promise) =>
      `${promise.text}: from Linux ${LINUX_OF_ABI[promise.abi]} (Landlock ABI ${promise.abi})`
    ),
    unrestricted: UNRESTRICTED,
  };
}

/**
 * Confines the calling thread, and every process and thread that it starts from now on, for good.
 *
 * The caller must have set no_new_privs (prctl(2)) on this thread: without it the last step fails with EPERM, except
 * for root, whom the kernel lets pass. What is open already stays usable. When a step fails, the thread is as it was
 * and must not start anything.
 *
 * @param abi what {@link landlockAbi} gave
 * @returns the step that failed and the error's name, or ok
 */
export function restrictThread(kernel: Kernel, abi: number, grants: LandlockGrants): Restriction {
  if (abi < 1) return { ok: false, reason: "Cannot confine the thread: this kernel offers no Landlock" };
  const rules = landlockRules(abi);
  const granted = (rights: readonly FsRight[]) => bitsOf(rights, abi) & rules.handledFs;

  const attributes = rulesetAttributes(abi, rules);
  const ruleset = kernel.call("landlock_create_ruleset", attributes, attributes.length, 0);
  if (ruleset < 0) return failed("make the Landlock ruleset", ruleset);
  const steps: readonly (() => Restriction)[] = [
    ...grants.executables.map((path) => () =>
      addRule(kernel, ruleset, { path, access: granted(ON_EXECUTABLE), kind: "file" })
    ),
    ...grants.readable.map((path) => () =>
      addRule(kernel, ruleset, { path, access: granted(["READ_FILE"]), kind: "place" })
    ),
    () =>
      addRule(kernel, ruleset, {
        path: grants.writableFolder,
        access: rules.handledFs & ~granted(NOT_IN_FOLDER),
        kind: "folder",
      }),
    () => addRule(kernel, ruleset, { path: "/dev/null", access: granted(ON_DEV_NULL), kind: "file" }),
    () => checked("enforce the Landlock ruleset", kernel.call("landlock_restrict_self", ruleset, 0)),
  ];
  try {
    for (const step of steps) {
      const result = step();
      if (!result.ok) return result;
    }
    return { ok: true };
  } finally {
    kernel.call("close", ruleset);
  }
}

interface Rule {
  /** Absolute. */
  readonly path: string;
  readonly access: bigint;
  /** A place is either, and is left out when it cannot be opened. */
  readonly kind: "file" | "folder" | "place";
}

function addRule(kernel: Kernel, ruleset: number, { path, access, kind }: Rule): Restriction {
  // A path that is not absolute, or that is cut at a NUL, would name another file than the one that was meant.
  if (!path.startsWith("/") || path.includes("\0")) {
    return { ok: false, reason: `Cannot grant a ${kind}: ${JSON.stringify(path)} is not an absolute path` };
  }
  const target = kernel.call("openat", AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
  if (target < 0) {
    return kind === "place" ? { ok: true } : failed(`open the ${kind} ${path}`, target);
  }
  try {
    const isOther = kind === "place" ? false : isNot(kernel, target, kind);
    if (typeof isOther === "number") return failed(`tell what ${path} is`, isOther);
    if (isOther) return { ok: false, reason: `Cannot grant the ${kind} ${path}: it is not a ${kind}` };
    const attributes = pathBeneathAttributes(access, target);
    const result = kernel.call("landlock_add_rule", ruleset, RULE_PATH_BENEATH, attributes, 0);
    return checked(`add the rule for the ${kind} ${path}`, result);
  } finally {
    kernel.call("close", target);
  }
}

/**
 * Whether a descriptor is not of that kind, or the negative error number. The descriptor is asked because its
 * path may name another file by now.
 */
function isNot(kernel: Kernel, target: number, kind: "file" | "folder"): boolean | number {
  const inside = kernel.call("openat", target, ".", O_PATH | O_CLOEXEC, 0);
  if (inside >= 0) kernel.call("close", inside);
  else if (inside !== -ERRNO.ENOTDIR) return inside;
  return (inside >= 0) !== (kind === "folder");
}

function bitsOf(rights: readonly FsRight[], abi: number): bigint {
  return rights.map((right) => FS_RIGHTS[right])
    .reduce((bits, right) => right.abi <= abi ? bits | right.bit : bits, 0n);
}

/** `struct landlock_ruleset_attr`: files, since ABI 4 the network (nothing of it is handled), since 6 the scopes. */
function rulesetAttributes(abi: number, rules: LandlockRules): Uint8Array<ArrayBuffer> {
  const fields = [rules.handledFs, 0n, rules.scoped].slice(0, abi < 4 ? 1 : abi < 6 ? 2 : 3);
  return new Uint8Array(new BigUint64Array(fields).buffer);
}

/** `struct landlock_path_beneath_attr`, which is packed: 12 bytes, in the machine's order. */
function pathBeneathAttributes(access: bigint, descriptor: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12);
  // Both architectures that are supported are little-endian.
  new DataView(bytes.buffer).setBigUint64(0, access, true);
  new DataView(bytes.buffer).setInt32(8, descriptor, true);
  return bytes;
}

/** @param result of a system call: negative for an error */
function checked(step: string, result: number): Restriction {
  return result < 0 ? failed(step, result) : { ok: true };
}

function failed(step: string, result: number): Restriction {
  return { ok: false, reason: `Cannot ${step}: ${errnoName(-result)}` };
}
