/**
 * What is said over HTTP, beside a run's request and result and the tools: those are the same everywhere, and so their
 * schemas are in `src/core` and `src/runs`.
 *
 * @module
 */
import * as z from "zod";
import { ERROR_TYPES, refusalBodySchema } from "../core/refusal.ts";
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

/** The answer to `GET /config`. */
export const configSchema = z.strictObject({
  file: z.string().nullable().describe("The file that was read, or null"),
  config: z.record(z.string(), z.unknown())
    .describe("Nested as in the file; an optional key that is not set is null"),
  sources: z.record(z.string(), z.string()).describe("Where each value comes from, by the path of its key"),
});
