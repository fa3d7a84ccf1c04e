/**
 * What a check of the server's health is, and what it finds.
 *
 * @module
 */
import type { PRIORITIES } from "../config/health_schema.ts";
import type { HealthStatus } from "../core/health_status.ts";

/** What a check's result means for the server as a whole. */
export type Priority = (typeof PRIORITIES)[number];

/** What a check has found. */
export interface CheckOutcome {
  readonly status: HealthStatus;
  /** One line for people. The monitor escapes and shortens it, and takes secrets out. */
  readonly message: string;
  /** What belongs to it, to be sent as JSON: plain values only, and few of them. */
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
   * @param signal is aborted when the time-out of the check is over, or the server stops. What was begun for the check
   * is to be ended then. It may still say what it knows, if it does so at once: otherwise, and when it throws, the
   * check is told to have timed out
   */
  check(signal: AbortSignal): CheckOutcome | Promise<CheckOutcome>;
}
