/**
 * The check of the server's own process.
 *
 * @module
 */
import { type Clock, isoTime } from "../../core/clock.ts";
import type { HealthCheck } from "../check.ts";
import type { ProcessReading } from "../process_reading.ts";

/** What it needs. */
export interface ProcessHealth {
  readonly read: () => ProcessReading;
  /** The longest of late, in milliseconds. */
  readonly lag: () => number;
  readonly clock: Clock;
}

/** Being later than this, in milliseconds, is felt by clients. */
export const HIGH_LAG_MS = 1000;

/**
 * Makes the check. That it answers at all says that the process lives, so it is never unhealthy; when its thread comes
 * late to its work, because it has too much of it or too little of the processors, that is degraded.
 */
export function processHealth({ read, lag, clock }: ProcessHealth): HealthCheck {
  let before: { readonly atMs: number; readonly cpuMs: number } | null = null;
  return {
    name: "process_health",
    priority: "important",
    check() {
      const { pid, startedWallMs, residentBytes, cpuMs } = read();
      const atMs = clock.now();
      const lagMs = lag();
      const cpuPercent = before === null || cpuMs === null || atMs <= before.atMs
        ? null
        : 100 * (cpuMs - before.cpuMs) / (atMs - before.atMs);
      before = cpuMs === null ? null : { atMs, cpuMs };
      const isLate = lagMs > HIGH_LAG_MS;
      return {
        status: isLate ? "degraded" : "healthy",
        message: isLate
          ? `the server came to its work ${Math.round(lagMs)} ms late within the last half minute`
          : "the process is running",
        metadata: {
          pid,
          age_seconds: Math.round(Math.max(0, clock.wall() - startedWallMs) / 100) / 10,
          create_time: isoTime(startedWallMs),
          memory_mb: Math.round(residentBytes / 1_048_576 * 100) / 100,
          cpu_percent: cpuPercent === null ? null : Math.round(cpuPercent * 10) / 10,
          event_loop_lag_ms: Math.round(lagMs),
        },
      };
    },
  };
}
