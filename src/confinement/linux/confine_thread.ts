/**
 * What a compartment does to its own thread before it takes an order. Every step is in one list, is checked, and is
 * fatal when it fails; none can be undone, and every program that the thread starts begins with all of them.
 *
 * @module
 */
import { type CapabilityName, reduceCapabilities } from "./capabilities.ts";
import { ERRNO, errnoName, type Kernel, type LiveKernel } from "./kernel.ts";
import { listFolder, readLink } from "./kernel_files.ts";
import { landlockAbi, restrictThread } from "./landlock.ts";
import { readablePlaces } from "./readable_places.ts";
import { TAG_RESOURCE } from "./run_tag.ts";
import { SECCOMP } from "./seccomp.ts";
import { filterHeader, filterProgram } from "./seccomp_filter.ts";

/** What a compartment's programs may do. */
export interface ThreadRules {
  /** Every file that may be executed: the program, its loader or interpreter, its helpers and theirs. */
  readonly executables: readonly string[];
  /** The folder below which files may be written. */
  readonly writableFolder: string;
  readonly capabilities: readonly CapabilityName[];
}

/** The descriptor on which notifications arrive, or the step that failed. */
export type Confined = { readonly ok: true; readonly listener: number } | {
  readonly ok: false;
  readonly reason: string;
  /** Whether the machine lacks what it takes, so that no other tool could be confined either. */
  readonly machine: boolean;
};

/** Steps that depend on the tool's files and on what it declares; in the others any tool would fail. */
const STEPS_OF_THE_TOOL: readonly string[] = ["capabilities", "Landlock"];

/** prctl(2). */
const PR_SET_NO_NEW_PRIVS = 38;

/** Confines the calling thread for good. */
export function confineThread(kernel: LiveKernel, rules: ThreadRules): Confined {
  const failed = (step: string, why: string): Confined => ({
    ok: false,
    reason: `${step}: ${why}`,
    machine: !STEPS_OF_THE_TOOL.includes(step),
  });

  // 1. Set-user-ID bits and file capabilities take no effect any more; the next steps require it.
  const privileges = kernel.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (privileges < 0) return failed("no_new_privs", errnoName(-privileges));

  // 2. Even root's children get only what the manifest declares.
  const capabilities = reduceCapabilities(kernel, rules.capabilities);
  if (capabilities !== null) return failed("capabilities", capabilities);

  // 3. Where the kernel has Landlock: writing, executing, devices, signals. Where it has not, doctor says so.
  const abi = landlockAbi(kernel);
  if (abi > 0) {
    const readable = readablePlaces(kernel);
    if (typeof readable === "number") return failed("the entries of /", errnoName(-readable));
    const restricted = restrictThread(kernel, abi, { ...rules, readable });
    if (!restricted.ok) return failed("Landlock", restricted.reason);
  }

  // 4. After the others, because from now on every execve of this thread's children waits for the warden.
  const program = filterProgram({ architecture: kernel.architecture, tagResource: TAG_RESOURCE });
  const header = filterHeader(program, kernel.addressOf(program));
  const listener = kernel.call("seccomp", SECCOMP.setModeFilter, SECCOMP.flagNewListener, header);
  // Touched here so that the instructions outlive the call that points to them.
  if (listener < 0 || program.length === 0) return failed("seccomp", explainSeccomp(-listener));

  // 5. So that a start which waits does not outlive the server, and no program has what the server was started with.
  const released = releaseDescriptors(kernel);
  if (released !== null) return failed("descriptors", released);
  return { ok: true, listener };
}

/** unshare(2): a table of descriptors of the thread's own. */
const CLONE_FILES = 0x400;

/** fcntl(2): close the descriptor when another program is executed. */
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** What a listener's descriptor is called in /proc. */
const LISTENER = "anon_inode:seccomp notify";

/** address_families(7): the port for clients, and connections to them, are of these. */
const AF_INET = 2;
const AF_INET6 = 10;

/**
 * Gives the thread a table of descriptors of its own, in which everything but standard input, output and error ends at
 * execve, whoever opened it. Two kinds are closed in it at once; the common table keeps them:
 *
 * - Listeners for notifications. A child has a copy of its thread's table until it has executed its program. With a
 *   listener in it, a child that waits for leave when the server is killed would keep alive what it waits for, and wait
 *   for ever; without, the listeners end with the server and the attempt to execute fails with ENOSYS.
 * - Sockets of the network. A port that the server closes would still take connections here.
 *
 * The price: the few descriptors of the thread's own event loop stay open in the common table when the compartment
 * dies, five for each that is made again.
 */
function releaseDescriptors(kernel: Kernel): string | null {
  const unshared = kernel.call("unshare", CLONE_FILES);
  if (unshared < 0) return `unshare: ${errnoName(-unshared)}`;
  const folder = "/proc/thread-self/fd";
  const names = listFolder(kernel, folder);
  if (typeof names === "number") return `${folder}: ${errnoName(-names)}`;
  let listeners = 0;
  for (const descriptor of names.map(Number).filter((number) => number > 2)) {
    kernel.call("fcntl", descriptor, F_SETFD, FD_CLOEXEC);
    const isListener = readLink(kernel, `${folder}/${descriptor}`) === LISTENER;
    if (isListener) listeners++;
    if (isListener || isNetworkSocket(kernel, descriptor)) kernel.call("close", descriptor);
  }
  return listeners > 0 ? null : "the listener is not among the thread's descriptors";
}

function isNetworkSocket(kernel: Kernel, descriptor: number): boolean {
  // struct sockaddr begins with the family; only that is looked at.
  const address = new Uint8Array(128);
  const length = new Uint8Array(new Uint32Array([address.length]).buffer);
  if (kernel.call("getsockname", descriptor, address, length) < 0) return false;
  const family = new DataView(address.buffer).getUint16(0, true);
  return family === AF_INET || family === AF_INET6;
}

/** Why the filter could not be set, for a person. */
function explainSeccomp(errno: number): string {
  if (errno !== ERRNO.EBUSY) return errnoName(errno);
  // One listener is all that there can be.
  return "EBUSY: another program listens to this process's system calls already, such as a container runtime or a " +
    "sandbox. Start the server outside of it";
}
