/**
 * What is measured of the server's health and of its process, as one table, and the function that has it scraped.
 *
 * @module
 */
import { HEALTH_STATUSES, type HealthStatus } from "../core/health_status.ts";
import { ObservedCounter, ObservedGauge, type Reading } from "./gauge.ts";
import type { Registry } from "./registry.ts";

/** A check each for 256 tools and 128 checks of the user's own, in three states, and what the server has itself. */
const MAX_CHECK_SERIES = 1_200;

/** Every metric of health and process. The last three have the names that all of Prometheus' own clients give them. */
export const HEALTH_METRICS = {
  health: {
    name: "bulkhead_health_status",
    help: "1 for how well the server is, by its latest round of checks, 0 for the others.",
    labelNames: ["status"],
  },
  check: {
    name: "bulkhead_health_check_status",
    help: "1 for what a check has found last, 0 for the others.",
    labelNames: ["check", "status"],
    maxSeries: MAX_CHECK_SERIES,
  },
  duration: {
    name: "bulkhead_health_check_duration_seconds",
    help: "How long a check has taken last.",
    labelNames: ["check"],
  },
  lag: {
    name: "bulkhead_event_loop_lag_seconds",
    help: "The longest that the server came late to its work within the last half minute.",
    labelNames: [],
  },
  build: {
    name: "bulkhead_build_info",
    help: "1, with the program's version.",
    labelNames: ["version"],
  },
  startTime: {
    name: "process_start_time_seconds",
    help: "When the process was started, in seconds since 1970.",
    labelNames: [],
  },
  residentMemory: {
    name: "process_resident_memory_bytes",
    help: "Memory that the process holds, without the programs that it runs.",
    labelNames: [],
  },
  cpu: {
    name: "process_cpu_seconds_total",
    help: "Time of the processors that the process has used, without the programs that it runs.",
    labelNames: [],
  },
} as const;

/** What a check has found last. */
export interface CheckReading {
  readonly check: string;
  readonly status: HealthStatus;
  /** At least 0. */
  readonly durationMs: number;
}

/** Where a scrape finds what it shows. */
export interface HealthReadings {
  readonly version: string;
  /** Null before anything was checked. */
  health(): { readonly status: HealthStatus; readonly checks: Iterable<CheckReading> } | null;
  /** In milliseconds. */
  lagMs(): number;
  /** `cpuMs` is null while it is not known. */
  process(): {
    readonly startedWallMs: number;
    readonly residentBytes: number;
    readonly cpuMs: number | null;
  };
}

/**
 * Has health and process scraped with the other metrics of a registry.
 *
 * @throws {RangeError} if the registry has one of these metrics already.
 */
export function registerHealthMetrics(registry: Registry, readings: HealthReadings): void {
  const { version } = readings;
  const single = (value: number | null): Reading<never>[] => value === null ? [] : [{ labels: {}, value }];
  const checks = () => [...readings.health()?.checks ?? []];
  for (
    const metric of [
      new ObservedGauge(HEALTH_METRICS.health, () => {
        const health = readings.health();
        return health === null ? [] : each(health.status, (status) => ({ status }));
      }),
      new ObservedGauge(
        HEALTH_METRICS.check,
        () => checks().flatMap((one) => each(one.status, (status) => ({ check: one.check, status }))),
      ),
      new ObservedGauge(
        HEALTH_METRICS.duration,
        () => checks().map(({ check, durationMs }) => ({ labels: { check }, value: durationMs / 1_000 })),
      ),
      new ObservedGauge(HEALTH_METRICS.lag, () => single(readings.lagMs() / 1_000)),
      new ObservedGauge(HEALTH_METRICS.build, () => [{ labels: { version }, value: 1 }]),
      new ObservedGauge(HEALTH_METRICS.startTime, () => single(readings.process().startedWallMs / 1_000)),
      new ObservedGauge(HEALTH_METRICS.residentMemory, () => single(readings.process().residentBytes)),
      new ObservedCounter(HEALTH_METRICS.cpu, () => {
        const { cpuMs } = readings.process();
        return single(cpuMs === null ? null : cpuMs / 1_000);
      }),
    ]
  ) registry.register(metric);
}

/** A reading for each status, 1 for the one that holds. */
function each<Labels>(
  holds: HealthStatus,
  labelsOf: (status: HealthStatus) => Labels,
): { readonly labels: Labels; readonly value: number }[] {
  return HEALTH_STATUSES.map((status) => ({ labels: labelsOf(status), value: status === holds ? 1 : 0 }));
}
