/**
 * Reading the machine, inside the scribe.
 *
 * @module
 */
import {
  type DiskReading,
  type MachineReading,
  type MemoryReading,
  PROBLEM_LENGTH,
  type ProcessorTimes,
} from "../machine_reading.ts";

/**
 * Reads everything that can be read. Never rejects, and waits for nothing but the disk.
 *
 * @param folder the one whose file system is looked at
 */
export async function readMachine(folder: string): Promise<MachineReading> {
  const problems: string[] = [];
  const unless = async <T>(what: string, read: () => T | Promise<T>): Promise<T | null> => {
    try {
      return await read();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(`${what} cannot be read: ${reason}`.slice(0, PROBLEM_LENGTH));
      return null;
    }
  };
  return {
    processors: await unless("the processors' times", readProcessors),
    memory: await unless("the memory", readMemory),
    disk: await unless("the disk", () => readDisk(folder)),
    problems,
  };
}

// These parts of Node are loaded when they are first needed: a tool that is called once has no health.

async function readProcessors(): Promise<ProcessorTimes> {
  const { cpus } = await import("node:os");
  return totalOf(cpus().map(({ times }) => times));
}

/** What one processor has done since the machine was started, in milliseconds, as Node tells it. */
interface NodeTimes {
  readonly user: number;
  readonly nice: number;
  readonly sys: number;
  readonly irq: number;
  readonly idle: number;
}

/**
 * The times of all processors together.
 *
 * @throws {Error} when there is none
 */
export function totalOf(processors: readonly NodeTimes[]): ProcessorTimes {
  if (processors.length === 0) throw new Error("none is told of");
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    // Programs run with the least priority, which counts as `nice`: they are busy all the same.
    busyMs: sum(processors.map(({ user, nice, sys, irq }) => user + nice + sys + irq)),
    idleMs: sum(processors.map(({ idle }) => idle)),
  };
}

function readMemory(): MemoryReading {
  const { total, available } = Deno.systemMemoryInfo();
  return { totalBytes: total, availableBytes: available };
}

async function readDisk(folder: string): Promise<DiskReading> {
  const { statfs } = await import("node:fs/promises");
  return diskOf(await statfs(folder));
}

/** A file system, as statfs(2) has it: in blocks of `bsize` bytes, and numbers of files. */
interface NodeDisk {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

/** The same in bytes. */
export function diskOf({ bsize, blocks, bfree, bavail, files, ffree }: NodeDisk): DiskReading {
  return {
    totalBytes: blocks * bsize,
    freeBytes: bfree * bsize,
    availableBytes: bavail * bsize,
    filesLeft: files > 0 ? ffree : null,
  };
}
