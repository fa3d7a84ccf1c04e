/**
 * What single checks mean for the server as a whole.
 *
 * @module
 */
import type { HealthStatus } from "../core/health_status.ts";
import type { Priority } from "./check.ts";

/** A check's result, as far as it counts. */
export interface Weighed {
  readonly status: HealthStatus;
  readonly priority: Priority;
}

/**
 * Combines the results of all checks.
 *
 * A critical one that is unhealthy makes the server unhealthy. Otherwise an important one that is unhealthy, or any that
 * is degraded, makes it degraded; so do informational ones when there are some and all of them are unhealthy. Without
 * any check it is healthy.
 */
export function combine(results: readonly Weighed[]): HealthStatus {
  const isUnhealthy = ({ status }: Weighed) => status === "unhealthy";
  const of = (priority: Priority) => results.filter((result) => result.priority === priority);
  if (of("critical").some(isUnhealthy)) return "unhealthy";
  if (of("important").some(isUnhealthy)) return "degraded";
  if (results.some(({ status }) => status === "degraded")) return "degraded";
  const informational = of("informational");
  return informational.length > 0 && informational.every(isUnhealthy) ? "degraded" : "healthy";
}
