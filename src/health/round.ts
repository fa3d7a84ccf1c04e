/**
 * One round of checks: what was found, and the summary that is shown of it.
 *
 * @module
 */
import { isoTime } from "../core/clock.ts";
import type { HealthStatus } from "../core/health_status.ts";
import { redactJson, redactText } from "../core/redact.ts";
import { escapeLine } from "../core/text.ts";
import type { CheckOutcome, Priority } from "./check.ts";
import { combine } from "./combine.ts";
import type { HealthSummary } from "./summary_schema.ts";

/** What one check has found, and how long that took. */
export interface CheckResult {
  readonly status: HealthStatus;
  /** One line: escaped, without secrets, of at most {@link MESSAGE_LENGTH} UTF-16 units and a mark that it was cut. */
  readonly message: string;
  /** Plain values without secrets. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** At least 0. */
  readonly durationMs: number;
  readonly priority: Priority;
}

/** A round that is over. */
export interface HealthRound {
  readonly status: HealthStatus;
  /** When it was over, in milliseconds since 1970. */
  readonly wallMs: number;
  /** By the names of the checks, in their order. */
  readonly checks: ReadonlyMap<string, CheckResult>;
}

/** What is kept of an earlier round. */
export type PastRound = Pick<HealthRound, "status" | "wallMs"> & { readonly checkCount: number };

/** UTF-16 units of a check's message that are kept. */
export const MESSAGE_LENGTH = 500;

/** UTF-16 units that a check's metadata may have as JSON; what is longer is left out as a whole. */
export const METADATA_LENGTH = 8192;

/** Makes a result that may be shown of what a check has said. */
export function resultOf(
  { status, message, metadata = {} }: CheckOutcome,
  durationMs: number,
  priority: Priority,
): CheckResult {
  return {
    status,
    message: shown(message),
    metadata: plain(metadata),
    durationMs: Number.isFinite(durationMs) ? Math.max(0, durationMs) : 0,
    priority,
  };
}

function shown(message: string): string {
  const line = escapeLine(redactText(message));
  return line.length > MESSAGE_LENGTH ? `${line.slice(0, MESSAGE_LENGTH).toWellFormed()}…` : line;
}

function plain(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    const values = redactJson(metadata);
    return JSON.stringify(values).length > METADATA_LENGTH ? { left_out: "it was too long" } : values;
  } catch {
    return { left_out: "it cannot be written as JSON" };
  }
}

/** Makes a round of its checks. */
export function roundOf(checks: ReadonlyMap<string, CheckResult>, wallMs: number): HealthRound {
  return { status: combine([...checks.values()]), wallMs, checks };
}

/** How many rounds a summary shows of the history. */
const SHOWN_ROUNDS = 10;

/** Summarises a round and those before it. */
export function summaryOf(
  { status, wallMs, checks }: HealthRound,
  history: readonly PastRound[],
): HealthSummary {
  const results = [...checks.values()];
  const count = (wanted: HealthStatus) => results.filter((result) => result.status === wanted).length;
  const totalMs = results.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return {
    overall_status: status,
    timestamp: isoTime(wallMs),
    checks: eachOf(checks, ({ status, message, durationMs, priority, metadata }) => ({
      status,
      message,
      duration: seconds(durationMs),
      priority,
      metadata,
    })),
    metadata: {
      total_checks: results.length,
      healthy_checks: count("healthy"),
      degraded_checks: count("degraded"),
      unhealthy_checks: count("unhealthy"),
      critical_failures:
        results.filter(({ priority, status }) => priority === "critical" && status === "unhealthy").length,
      average_duration: results.length === 0 ? 0 : seconds(totalMs / results.length),
      check_priorities: eachOf(checks, ({ priority }) => priority),
    },
    history: history.slice(-SHOWN_ROUNDS).map(({ wallMs, status, checkCount }) => ({
      timestamp: isoTime(wallMs),
      status,
      check_count: checkCount,
    })),
  };
}

/** To the millisecond. */
function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

function eachOf<T>(
  checks: ReadonlyMap<string, CheckResult>,
  show: (result: CheckResult) => T,
): Record<string, T> {
  return Object.fromEntries([...checks].map(([name, result]) => [name, show(result)]));
}
