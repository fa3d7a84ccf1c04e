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
  const times = cpus().map(({ times }) => times);
  if (times.length === 0) throw new Error("none is told of");
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    // Programs run with the least priority, which counts as `nice`: they are busy all the same.
    busyMs: sum(times.map(({ user, nice, sys, irq }) => user + nice + sys + irq)),
    idleMs: sum(times.map(({ idle }) => idle)),
  };
}

function readMemory(): MemoryReading {
  const { total, available } = Deno.systemMemoryInfo();
  return { totalBytes: total, availableBytes: available };
}

async function readDisk(folder: string): Promise<DiskReading> {
  const { statfs } = await import("node:fs/promises");
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(folder);
  return {
    totalBytes: blocks * bsize,
    freeBytes: bfree * bsize,
    availableBytes: bavail * bsize,
    filesLeft: files > 0 ? ffree : null,
  };
}
