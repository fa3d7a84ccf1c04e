/**
 * What a check of the server's health is, and what it finds.
 *
 * @module
 */
import { PRIORITIES } from "../config/health_schema.ts";

/** How well something is. */
export type HealthStatus = "healthy" | "degraded" | "unhealthy";

/** What a check's result means for the server as a whole. */
export type Priority = (typeof PRIORITIES)[number];

/** What a check has found. */
export interface CheckOutcome {
  readonly status: HealthStatus;
  /** One line for people. The monitor escapes and shortens it, and takes secrets out. */
  readonly message: string;
  /** What belongs to it, to be sent as JSON: plain values only, and no secrets. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** One check. The monitor asks it once a round, and never again before it has answered. */
export interface HealthCheck {
  /** Its name among all checks of the server: `[a-z][a-z0-9_]*`. Of two with one name the first counts. */
  readonly name: string;
  readonly priority: Priority;
  /**
   * Finds out. What it throws is told as unhealthy.
   *
   * @param signal is aborted when the time-out of the check is over, or the server stops: what is found then is not
   * asked for any more, and what was begun for it is to be ended
   */
  check(signal: AbortSignal): CheckOutcome | Promise<CheckOutcome>;
}
