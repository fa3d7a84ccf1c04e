/**
 * What this process knows of itself without any permission.
 *
 * @module
 */

/** One reading. */
export interface ProcessReading {
  readonly pid: number;
  /** When the process was started, in milliseconds since 1970. */
  readonly startedWallMs: number;
  /** What it holds of the machine's memory, all its threads together, without the programs that it runs. */
  readonly residentBytes: number;
  /** The processors' time that it has used, in milliseconds; null until {@link knowCpuTime} has been waited for. */
  readonly cpuMs: number | null;
}

let cpuUsage: (() => { readonly user: number; readonly system: number }) | null = null;

/** Loads what tells the processors' time. It is a part of Node that takes a while, so it is not on the way to the start. */
export async function knowCpuTime(): Promise<void> {
  cpuUsage = (await import("node:process")).default.cpuUsage;
}

/** Reads. */
export function readProcess(): ProcessReading {
  const usage = cpuUsage?.() ?? null;
  return {
    pid: Deno.pid,
    startedWallMs: performance.timeOrigin,
    residentBytes: Deno.memoryUsage().rss,
    cpuMs: usage === null ? null : (usage.user + usage.system) / 1000,
  };
}
