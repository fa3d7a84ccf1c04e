/**
 * What the scribe reads of the machine for the server's health: processors, memory, and the disk of the folder of state.
 *
 * @module
 */
import { type Check, count, hasExactly, listOf, orNull, textUpTo } from "./message_table.ts";

/** The time of all processors together since the machine was started, in milliseconds: two readings make a share. */
export interface ProcessorTimes {
  readonly busyMs: number;
  readonly idleMs: number;
}

/** The machine's memory. */
export interface MemoryReading {
  readonly totalBytes: number;
  /** What programs could still be given without swapping. */
  readonly availableBytes: number;
}

/** A file system, as statvfs(3) has it. */
export interface DiskReading {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** What of it the server's user may have: some is kept for root. */
  readonly availableBytes: number;
  /** Files and folders that can still be made; null where the file system does not count them. */
  readonly filesLeft: number | null;
}

/** One reading. What could not be read is null, and `problems` says why. */
export interface MachineReading {
  readonly processors: ProcessorTimes | null;
  readonly memory: MemoryReading | null;
  readonly disk: DiskReading | null;
  readonly problems: readonly string[];
}

/** UTF-16 units of one problem. */
export const PROBLEM_LENGTH = 512;

/** Whether a value is a {@link MachineReading}. */
export const isMachineReading: Check = hasExactly({
  processors: orNull(hasExactly({ busyMs: count, idleMs: count })),
  memory: orNull(hasExactly({ totalBytes: count, availableBytes: count })),
  disk: orNull(hasExactly({
    totalBytes: count,
    freeBytes: count,
    availableBytes: count,
    filesLeft: orNull(count),
  })),
  problems: listOf(textUpTo(PROBLEM_LENGTH), 3),
});
