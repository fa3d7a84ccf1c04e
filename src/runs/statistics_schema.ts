/**
 * Statistics as HTTP shows them.
 *
 * @module
 */
import * as z from "zod";

const count = z.int().min(0);
const rate = z.number().min(0).max(1).nullable();
const seconds = z.number().min(0);

const distribution = z.strictObject({
  count: z.int().min(1).describe("How many runs it is about"),
  min: seconds,
  mean: seconds,
  max: seconds,
  p50: seconds.describe("The smallest time that at least 50 percent of the runs did not exceed"),
  p95: seconds,
  p99: seconds,
}).nullable();

const counts = z.strictObject({
  runs: count.describe("Runs that have ended since the server has started"),
  outcomes: z.strictObject({
    success: count,
    failure: count,
    timeout: count,
    killed: count,
    cancelled: count,
  }),
  refusals: count.describe("Requests that were refused, so that nothing was started"),
  refusal_reasons: z.record(z.string(), count).describe("Only the reasons that there were"),
  success_rate: rate.describe("Successes among the runs that were not cancelled; null when there are none"),
});

const toolStatistics = z.strictObject({
  ...counts.shape,
  recent_failure_rate: rate.describe(
    "What was no success among the latest 100 runs that were not cancelled; null when there are none",
  ),
  execution_time_sec: distribution.describe("From a program's start to its end, of the latest 1,000 runs"),
  queue_time_sec: distribution.describe("How long these had waited for their turn"),
  last_run_at: z.iso.datetime().nullable().describe("When the latest run has ended"),
  running: count.nullable().describe("Runs that have their turn now; null for what is no tool now"),
  queued: count.nullable().describe("Runs that wait for it; null for what is no tool now"),
  circuit_breaker: z.enum(["closed", "half_open", "open"]).nullable(),
});

/** The answer to `GET /stats`. */
export const statisticsSchema = z.strictObject({
  since: z.iso.datetime().describe("When counting began"),
  uptime_sec: seconds,
  tools: z.record(z.string(), toolStatistics).describe(
    "By name; `other` is what was asked for and is no tool",
  ),
  totals: z.strictObject({ ...counts.shape, running: count, queued: count }),
});

/** The statistics of the server. */
export type Statistics = z.infer<typeof statisticsSchema>;
