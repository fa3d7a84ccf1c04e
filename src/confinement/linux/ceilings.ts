/**
 * The ceilings of one process, as the kernel keeps them; getrlimit(2). They hold for every process of a run by
 * itself, and are inherited.
 *
 * @module
 */
import { errnoName, type Kernel } from "./kernel.ts";
import { TAG_RESOURCE } from "./run_tag.ts";

/** What one run's processes may use, each. */
export interface Ceilings {
  /** Address space, in bytes. */
  readonly memoryBytes: number;
  /** Processor time, in seconds. */
  readonly cpuSec: number;
  /** The highest file descriptor, plus one. */
  readonly openFiles: number;
  /** The largest file that may be written, in bytes. */
  readonly fileBytes: number;
}

/** Resource numbers: include/uapi/asm-generic/resource.h. */
export const RESOURCE = {
  cpu: 0,
  fileSize: 1,
  core: 4,
  processes: 6,
  openFiles: 7,
  addressSpace: 9,
} as const;

/** A soft and a hard limit. */
export interface Limit {
  readonly soft: bigint;
  readonly hard: bigint;
}

/**
 * The limits to land, by resource. The hard ones are as low as the soft ones, so that nobody raises them; only of
 * processor time there is one second more, in which SIGXCPU says why the process ends before SIGKILL comes.
 */
export function limitsOf(ceilings: Ceilings, tag: bigint): ReadonlyMap<number, Limit> {
  const both = (value: number | bigint): Limit => ({ soft: BigInt(value), hard: BigInt(value) });
  return new Map([
    [RESOURCE.cpu, { soft: BigInt(ceilings.cpuSec), hard: BigInt(ceilings.cpuSec + 1) }],
    [RESOURCE.fileSize, both(ceilings.fileBytes)],
    [RESOURCE.core, both(0)],
    [RESOURCE.openFiles, both(ceilings.openFiles)],
    [RESOURCE.addressSpace, both(ceilings.memoryBytes)],
    // Last: a process that carries the mark has all its limits.
    [TAG_RESOURCE, both(tag)],
  ]);
}

/** struct rlimit64. */
const LIMIT_BYTES = 16;

/** Reads a process's limit, or the negative error number. */
export function readLimit(kernel: Kernel, pid: number, resource: number): Limit | number {
  const old = new Uint8Array(LIMIT_BYTES);
  const result = kernel.call("prlimit64", pid, resource, null, old);
  if (result < 0) return result;
  const view = new DataView(old.buffer);
  return { soft: view.getBigUint64(0, true), hard: view.getBigUint64(8, true) };
}

/** What the server's own hard limits are: nobody but root may give more than that. */
export function ownHardLimits(kernel: Kernel, resources: Iterable<number>): ReadonlyMap<number, bigint> {
  return new Map([...resources].map((resource) => {
    const limit = readLimit(kernel, 0, resource);
    if (typeof limit === "number") throw new Error(`prlimit64: ${errnoName(-limit)}`);
    return [resource, limit.hard];
  }));
}

/**
 * Sets all limits of a process that has not begun.
 *
 * @param most what {@link ownHardLimits} told: a limit above it is lowered to it
 * @returns null, or what went wrong
 */
export function landLimits(
  kernel: Kernel,
  pid: number,
  limits: ReadonlyMap<number, Limit>,
  most: ReadonlyMap<number, bigint>,
): string | null {
  for (const [resource, { soft, hard }] of limits) {
    const cap = most.get(resource) ?? hard;
    const bytes = new Uint8Array(LIMIT_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, soft < cap ? soft : cap, true);
    view.setBigUint64(8, hard < cap ? hard : cap, true);
    const result = kernel.call("prlimit64", pid, resource, bytes, null);
    if (result < 0) return `the limit of resource ${resource} did not land: ${errnoName(-result)}`;
  }
  return null;
}
