/**
 * What is left of root's powers in a compartment's thread, and so in the programs that it starts; capabilities(7).
 *
 * @module
 */
import { ERRNO, errnoName, type Kernel } from "./kernel.ts";

/** Capability numbers, include/uapi/linux/capability.h, by the names that manifests use. */
export const CAPABILITIES = { net_raw: 13 } as const;

/** A capability that a manifest may declare. */
export type CapabilityName = keyof typeof CAPABILITIES;

const CAP_SETPCAP = 8;

/** prctl(2) operations. */
const PRCTL = {
  capBoundingRead: 23,
  capBoundingDrop: 24,
  capAmbient: 47,
  ambientRaise: 2,
  ambientClearAll: 4,
} as const;

/** The version of struct __user_cap_header_struct that has 64 bits; capget(2). */
const VERSION_3 = 0x2008_0522;

/** The sets of one thread. */
export interface CapabilitySets {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

/** Reads the calling thread's sets, or the negative error number. */
export function readCapabilities(kernel: Kernel): CapabilitySets | number {
  const data = new Uint8Array(24);
  const result = kernel.call("capget", header(), data);
  if (result < 0) return result;
  const view = new DataView(data.buffer);
  const set = (place: number) =>
    BigInt(view.getUint32(place, true)) | BigInt(view.getUint32(place + 12, true)) << 32n;
  return { effective: set(0), permitted: set(4), inheritable: set(8) };
}

/** Whether the calling thread has the capability to give. */
export function holdsCapability(kernel: Kernel, name: CapabilityName): boolean {
  const sets = readCapabilities(kernel);
  return typeof sets !== "number" && (sets.permitted & bit(CAPABILITIES[name])) !== 0n;
}

/**
 * Reduces the calling thread, for good, to the declared capabilities: a program that it starts has these and can
 * gain no other, even as root. A declared one is made ambient, because no_new_privs makes the file capabilities of a
 * program void.
 *
 * @returns null, or which step failed
 */
export function reduceCapabilities(kernel: Kernel, declared: readonly CapabilityName[]): string | null {
  const before = readCapabilities(kernel);
  if (typeof before === "number") return `capget: ${errnoName(-before)}`;
  const kept = declared.reduce((set, name) => set | bit(CAPABILITIES[name]), 0n);
  const missing = declared.find((name) => (before.permitted & bit(CAPABILITIES[name])) === 0n);
  if (missing !== undefined) return `the process does not have the capability ${missing}`;

  // A child begins with the ambient set; systemd may have given us one.
  const cleared = kernel.call("prctl", PRCTL.capAmbient, PRCTL.ambientClearAll, 0, 0, 0);
  if (cleared < 0) return `clearing the ambient set: ${errnoName(-cleared)}`;
  // Root regains at execve what is in the bounding set. Without this capability there is nothing to be dropped by
  // us; no_new_privs and the permitted set below hold then.
  if ((before.effective & bit(CAP_SETPCAP)) !== 0n) {
    for (let capability = 0; capability < 64; capability++) {
      const present = kernel.call("prctl", PRCTL.capBoundingRead, capability, 0, 0, 0);
      // Beyond the last capability that the kernel knows.
      if (present === -ERRNO.EINVAL) break;
      if (present !== 1 || (kept & bit(capability)) !== 0n) continue;
      const dropped = kernel.call("prctl", PRCTL.capBoundingDrop, capability, 0, 0, 0);
      if (dropped < 0) return `dropping capability ${capability}: ${errnoName(-dropped)}`;
    }
  }
  const data = new Uint8Array(24);
  const view = new DataView(data.buffer);
  for (const place of [0, 4, 8]) {
    view.setUint32(place, Number(kept & 0xffff_ffffn), true);
    view.setUint32(place + 12, Number(kept >> 32n), true);
  }
  const set = kernel.call("capset", header(), data);
  if (set < 0) return `capset: ${errnoName(-set)}`;
  for (const name of declared) {
    const raised = kernel.call("prctl", PRCTL.capAmbient, PRCTL.ambientRaise, CAPABILITIES[name], 0, 0);
    if (raised < 0) return `raising ${name}: ${errnoName(-raised)}`;
  }
  return null;
}

/** struct __user_cap_header_struct; thread 0 is the calling one. */
function header(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, VERSION_3, true);
  return bytes;
}

function bit(capability: number): bigint {
  return 1n << BigInt(capability);
}
