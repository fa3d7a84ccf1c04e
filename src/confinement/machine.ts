/**
 * What this machine gives for confinement, whether it is made use of or not.
 *
 * @module
 */
import { CAPABILITIES, type CapabilityName, holdsCapability } from "./linux/capabilities.ts";
import { readLimit, RESOURCE } from "./linux/ceilings.ts";
import { type Kernel, LIBC_PATHS, openKernel } from "./linux/kernel.ts";
import { landlockAbi } from "./linux/landlock.ts";
import { unknownNotifications } from "./linux/seccomp.ts";

/** Facts of the machine. What could not be asked is null: that says neither yes nor no. */
export interface MachineFacts {
  /** The library's path. */
  readonly libc: string | null;
  readonly seccompNotifications: boolean | null;
  /** 0 where there is no Landlock. */
  readonly landlockAbi: number | null;
  /** The capabilities that programs could be given. */
  readonly capabilities: readonly CapabilityName[] | null;
  /** Why the kernel could not be asked, or null. */
  readonly notAsked: string | null;
}

/** Asks the kernel through libc, for which the calling thread needs the permission ffi. */
export function askMachine(): MachineFacts {
  const kernel = openKernel();
  if (!("reason" in kernel)) {
    try {
      return { ...askKernel(kernel), libc: kernel.path, notAsked: null };
    } finally {
      kernel.close();
    }
  }
  const notAsked = Deno.build.os !== "linux" || mayLoadLibc()
    ? kernel.reason
    : "the permission to load libc is not granted";
  return { libc: null, seccompNotifications: null, landlockAbi: null, capabilities: null, notAsked };
}

/** What the kernel itself says. */
export function askKernel(
  kernel: Kernel,
): Pick<MachineFacts, "seccompNotifications" | "landlockAbi" | "capabilities"> {
  const names = Object.keys(CAPABILITIES) as CapabilityName[];
  return {
    seccompNotifications: unknownNotifications(kernel) === null,
    landlockAbi: landlockAbi(kernel),
    capabilities: names.filter((name) => holdsCapability(kernel, name)),
  };
}

/** How many files this process may have open, or null when the kernel cannot be asked; getrlimit(2). */
export function openFileLimit(): number | null {
  const kernel = openKernel();
  if ("reason" in kernel) return null;
  try {
    const limit = readLimit(kernel, 0, RESOURCE.openFiles);
    return typeof limit === "number" ? null : Number(limit.soft);
  } finally {
    kernel.close();
  }
}

function mayLoadLibc(): boolean {
  return LIBC_PATHS.some((path) => Deno.permissions.querySync({ name: "ffi", path }).state === "granted");
}
