/**
 * A run's ceilings, from its tool's limits and its time-out.
 *
 * @module
 */
import type { ToolLimits } from "../catalog/tool.ts";
import type { Ceilings } from "../confinement/linux/ceilings.ts";
import type { TreeCeilings } from "../confinement/warden_protocol.ts";

const MIB = 1_048_576;

/**
 * The ceilings of each process, and those of all of a run's processes together as far as there are any.
 *
 * @param longestMs how long the run can last at all. Without a limit of its own, a process may compute for so long on
 * one processor: no program that ends in time reaches that, and one that should outlive every attempt to end it does.
 * @param enforced which of the ceilings on all processes the machine has
 */
export function ceilingsOf(
  limits: ToolLimits,
  longestMs: number,
  enforced: readonly string[],
): { readonly ceilings: Ceilings; readonly tree: TreeCeilings } {
  const memoryBytes = limits.memoryMb * MIB;
  return {
    ceilings: {
      memoryBytes,
      cpuSec: limits.cpuSec ?? Math.ceil(longestMs / 1000) + 1,
      openFiles: limits.openFiles,
      fileBytes: limits.fileSizeMb * MIB,
    },
    tree: {
      memoryBytes: enforced.includes("memory") ? memoryBytes : null,
      processes: enforced.includes("processes") ? limits.processes : null,
    },
  };
}
