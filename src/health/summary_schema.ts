/**
 * What is told of the server's health.
 *
 * @module
 */
import * as z from "zod";
import { PRIORITIES } from "../config/health_schema.ts";
import { HEALTH_STATUSES } from "../core/health_status.ts";

const status = z.enum(HEALTH_STATUSES);
const timestamp = z.iso.datetime();
const priority = z.enum(PRIORITIES);
const seconds = z.number().min(0);
const count = z.int().min(0);

/** A round of checks, and those before it. Durations are in seconds. */
export const healthSummarySchema = z.strictObject({
  overall_status: status.describe("What the checks say together"),
  timestamp: timestamp.describe("When the latest round was over"),
  checks: z.record(
    z.string(),
    z.strictObject({
      status,
      message: z.string(),
      duration: seconds,
      priority,
      metadata: z.record(z.string(), z.unknown()),
    }),
  ),
  metadata: z.strictObject({
    total_checks: count,
    healthy_checks: count,
    degraded_checks: count,
    unhealthy_checks: count,
    critical_failures: count.describe("Critical checks that are unhealthy"),
    average_duration: seconds,
    check_priorities: z.record(z.string(), priority),
  }),
  history: z.array(z.strictObject({ timestamp, status, check_count: count }))
    .describe("The last rounds, the latest at the end"),
});

/** See {@link healthSummarySchema}. */
export type HealthSummary = Readonly<z.output<typeof healthSummarySchema>>;

/** The answer to `GET /health`. Only who may read is told more than how well the server is, and when that was found. */
export const healthAnswerSchema = z.strictObject({
  status: status.describe("As overall_status, but for a server that stops: that one is unhealthy"),
  timestamp,
  transport: z.literal("http").optional(),
  version: z.string().optional(),
  stopping: z.boolean().optional(),
  ...healthSummarySchema.omit({ timestamp: true }).partial().shape,
});
