/**
 * The check of the machine: processors, memory, and the disk of the folder of state.
 *
 * @module
 */
import type { DiskReading, MachineReading, MemoryReading } from "../../confinement/machine_reading.ts";
import type { CheckOutcome, HealthCheck } from "../check.ts";
import { inTime } from "../in_time.ts";
import { ProcessorShare } from "../processor_share.ts";

/** What is too much, in percent. */
export interface Thresholds {
  readonly cpuThreshold: number;
  readonly memoryThreshold: number;
  readonly diskThreshold: number;
}

/** What it needs. */
export interface SystemResources {
  /** Reads the machine; rejects when nobody can. */
  readonly measure: () => Promise<MachineReading>;
  /** Asked each time: a reload may bring others. */
  readonly thresholds: () => Thresholds;
}

/**
 * With less than this, in bytes, a disk is as good as full: folders for runs cannot be made, nothing can be logged, so
 * no run would go well. A share of it would say nothing: one percent may be a hundred gigabytes.
 */
export const LEAST_DISK_BYTES = 16 * 1_048_576;

/**
 * Makes the check. Whatever is over its threshold is degraded, and so is what cannot be read: a machine that has much to
 * do is not ill. Only a disk on which nothing more can be written is unhealthy.
 *
 * How busy the processors were is told since the round before; the first round has no figure.
 */
export function systemResources({ measure, thresholds }: SystemResources): HealthCheck {
  const share = new ProcessorShare();
  return {
    name: "system_resources",
    priority: "critical",
    async check(signal) {
      const limits = thresholds();
      let reading: MachineReading | null;
      try {
        reading = await inTime(measure(), signal);
      } catch (error) {
        return unread((error as Error).message, limits);
      }
      if (reading === null) return unread("there was no answer in time", limits);
      const { processors } = reading;
      return judge(reading, processors === null ? null : share.take(processors), limits);
    },
  };
}

/** Says what a reading means. */
function judge(reading: MachineReading, cpu: number | null, limits: Thresholds): CheckOutcome {
  const { disk, memory, problems } = reading;
  const memoryShare = memory === null ? null : takenOf(memory);
  const diskShare = disk === null ? null : usedOf(disk);
  const full = disk === null ? null : fullness(disk);
  const too = [
    over("CPU usage", cpu, limits.cpuThreshold),
    over("memory usage", memoryShare, limits.memoryThreshold),
    over("disk usage", diskShare, limits.diskThreshold),
    ...problems,
  ].filter((one) => one !== null);
  const measured = [
    figure("CPU", cpu ?? "not measured yet"),
    figure("memory", memoryShare),
    figure("disk", diskShare),
  ];
  return {
    status: full !== null ? "unhealthy" : too.length > 0 ? "degraded" : "healthy",
    message: [full, ...too].filter((one) => one !== null).join("; ") ||
      measured.filter((one) => one !== null).join(", "),
    metadata: metadataOf(limits, {
      cpu,
      memory: memoryShare,
      disk: diskShare,
      diskAvailableBytes: disk?.availableBytes ?? null,
    }),
  };
}

function unread(reason: string, limits: Thresholds): CheckOutcome {
  return {
    status: "degraded",
    message: `processors, memory and disk could not be read: ${reason}`,
    metadata: metadataOf(limits, { cpu: null, memory: null, disk: null, diskAvailableBytes: null }),
  };
}

/** What is measured, each in percent; null where it is not known. */
interface Measured {
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly disk: number | null;
  readonly diskAvailableBytes: number | null;
}

function metadataOf(limits: Thresholds, { cpu, memory, disk, diskAvailableBytes }: Measured) {
  return {
    cpu_percent: rounded(cpu),
    memory_percent: rounded(memory),
    disk_percent: rounded(disk),
    disk_available_bytes: diskAvailableBytes,
    cpu_threshold: limits.cpuThreshold,
    memory_threshold: limits.memoryThreshold,
    disk_threshold: limits.diskThreshold,
  };
}

/** What is taken of the memory, in percent. */
function takenOf({ totalBytes, availableBytes }: MemoryReading): number | null {
  return share(totalBytes - availableBytes, totalBytes);
}

/** What is taken of what the server's user may have, in percent, as df(1) has it. */
function usedOf({ totalBytes, freeBytes, availableBytes }: DiskReading): number | null {
  const usedBytes = totalBytes - freeBytes;
  return share(usedBytes, usedBytes + availableBytes);
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? Math.min(100, Math.max(0, 100 * part / whole)) : null;
}

/** Why nothing more can be written, or null. */
function fullness({ totalBytes, availableBytes, filesLeft }: DiskReading): string | null {
  // Some file systems, such as an overlay of nothing, tell of no space at all.
  if (totalBytes > 0 && availableBytes < LEAST_DISK_BYTES) {
    return `the disk of the folder for state is full: ${Math.floor(availableBytes / 1_048_576)} MiB are left`;
  }
  return filesLeft === 0 ? "the disk of the folder for state can take no more files" : null;
}

function over(what: string, percent: number | null, threshold: number): string | null {
  if (percent === null || percent <= threshold) return null;
  return `${what} is high: ${rounded(percent)} %, more than ${threshold} %`;
}

function figure(what: string, percent: number | string | null): string | null {
  if (percent === null) return null;
  return `${what} ${typeof percent === "number" ? `${rounded(percent)} %` : percent}`;
}

/** To a tenth. */
function rounded(percent: number | null): number | null {
  return percent === null ? null : Math.round(percent * 10) / 10;
}
