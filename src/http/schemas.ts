/**
 * What is said over HTTP, beside runs, tools and the configuration: those are the same everywhere, and so their schemas
 * stand where they are made.
 *
 * @module
 */
import * as z from "zod";
import { ERROR_TYPES, refusalBodySchema } from "../core/refusal.ts";
import { runSummarySchema } from "../runs/run_summary.ts";
import { toolInformationSchema } from "../runs/tool_schema.ts";

const { recovery_suggestion, field, retry_after_sec } = refusalBodySchema.shape;

/** An error: RFC 9457 problem details, with the fields of a refusal beside them. */
export const problemSchema = z.strictObject({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().describe("What is wrong"),
  error_type: z.enum(ERROR_TYPES).nullable().describe("Null where it is about who asks, and not what for"),
  recovery_suggestion,
  field,
  retry_after_sec,
  correlation_id: z.string().describe("What the log has of it goes by this id"),
});

/** A body that says nothing: none at all will do. */
export const emptySchema = z.strictObject({});

/** The answer to `GET /tools`. */
export const toolListSchema = z.strictObject({ tools: z.array(toolInformationSchema) });

/** The answer to `GET /runs`. */
export const runListSchema = z.strictObject({
  runs: z.array(runSummarySchema),
  next: z.uuid().nullable().describe("What before takes to go on from here; null when there are no more"),
});

/** The answer to `GET /openapi.json`, which describes itself in full. */
export const openApiSchema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({}),
  paths: z.looseObject({}),
});
