/**
 * The health of a running server: its own checks and those of the user, watched, logged and measured.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { HEALTH_STATUSES } from "../core/health_status.ts";
import { VERSION } from "../core/version.ts";
import { registerHealthMetrics } from "../metrics/health_metrics.ts";
import type { Registry } from "../metrics/registry.ts";
import { type ConfinementHealth, confinementHealth } from "./checks/confinement_health.ts";
import { processHealth } from "./checks/process_health.ts";
import { systemResources, type Thresholds } from "./checks/system_resources.ts";
import { type ToolHealth, toolHealth } from "./checks/tool_health.ts";
import type { HealthCheck } from "./check.ts";
import { EventLoopLag } from "./event_loop_lag.ts";
import { type HealthChange, HealthMonitor, type MonitorSettings } from "./monitor.ts";
import { knowCpuTime, readProcess } from "./process_reading.ts";

/** What it needs. */
export interface ServerHealthOptions extends Omit<ConfinementHealth, "clock">, ToolHealth {
  /** Asked each time: a reload may bring others. */
  readonly settings: () => MonitorSettings & Thresholds;
  /** The checks that the user has asked for. Asked at the beginning of each round. */
  readonly ownChecks: () => readonly HealthCheck[];
  readonly metrics: Registry;
  readonly clock: Clock;
}

const logger = getLogger(["bulkhead", "health"]);

/** Watches a server. */
export class ServerHealth {
  readonly monitor: HealthMonitor;
  readonly #lag: EventLoopLag;

  constructor(options: ServerHealthOptions) {
    const { settings, ownChecks, scribe, metrics, clock } = options;
    const lag = this.#lag = new EventLoopLag(clock);
    const tools = toolHealth(options);
    const first = [
      systemResources({ measure: () => scribe.measure(), thresholds: settings }),
      confinementHealth(options),
      processHealth({ read: readProcess, lag: () => lag.longestMs, clock }),
    ];
    const checks = () => [...first, ...tools(), ...ownChecks()];
    const monitor = this.monitor = new HealthMonitor({ checks, settings, clock });
    monitor.onChange(logChange);
    registerHealthMetrics(metrics, {
      version: VERSION,
      health: () => {
        const { latest } = monitor;
        if (latest === null) return null;
        const checks = [...latest.checks].map(([check, result]) => ({ check, ...result }));
        return { status: latest.status, checks };
      },
      lagMs: () => lag.longestMs,
      process: readProcess,
    });
  }

  /** Begins to watch, with a round at once. */
  start(): void {
    void knowCpuTime();
    this.#lag.start();
    this.monitor.start();
  }

  /** Watches no more; nothing is left that would keep the process alive. */
  stop(): void {
    this.#lag.stop();
    this.monitor.stop();
  }
}

/** Says what has changed: a warning when something is worse, else by the way. */
function logChange({ round, before, changed }: HealthChange): void {
  const checks = changed.map(({ name, before }) => {
    const { status, message } = round.checks.get(name)!;
    return { name, before, status, message };
  });
  const about = { status: round.status, before, checks };
  const rank = (status: typeof before) => HEALTH_STATUSES.indexOf(status);
  const isWorse = rank(round.status) > rank(before) ||
    checks.some(({ status, before }) => rank(status) > rank(before));
  // A check may change without the whole, as an informational one does.
  const what = round.status === before ? "a check of health" : "health";
  if (isWorse) logger.warn(`${what} is worse`, about);
  else logger.info(`${what} is better`, about);
}
