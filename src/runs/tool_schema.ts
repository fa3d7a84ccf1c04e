/**
 * A tool as `bulkhead tools --json` and HTTP show it.
 *
 * @module
 */
import * as z from "zod";
import { breakerSchema } from "../catalog/manifest.ts";
import { TARGET_KINDS } from "../policy/target.ts";

const count = z.int().min(0);
const seconds = z.number().min(0);
const breakerState = z.enum(["closed", "open", "half_open"]);

/** A tool's circuit breaker: its settings, as the configuration has them, its state, and what became of its calls. */
export const breakerInformationSchema = z.strictObject({
  state: breakerState,
  forced: z.boolean().describe("Whether an operator holds the breaker in this state"),
  retry_after_sec: count.describe("Seconds until a call may be let through; 0 if one would be now"),
  settings: breakerSchema.required(),
  consecutive_failures: count,
  calls: count.describe("Calls let through, those still in flight among them"),
  successes: count,
  failures: count,
  excluded: count.describe("Calls that the breaker does not judge by, such as cancelled ones"),
  rejections: count.describe("Calls refused"),
  failure_reasons: z.record(z.string(), count),
  transitions: count,
  recent_transitions: z.array(z.strictObject({
    at: z.iso.datetime(),
    from: breakerState,
    to: breakerState,
    cause: z.string(),
  })).describe("The latest, oldest first"),
});

/** A tool. */
export const toolInformationSchema = z.strictObject({
  name: z.string(),
  title: z.string(),
  description: z.string().describe("Ends with the targets that are allowed now"),
  enabled: z.boolean(),
  available: z.boolean().describe("Whether its program is there, and may be started"),
  offered: z.boolean().describe("Whether clients may use it now"),
  command: z.string().describe("The program as the manifest names it"),
  path: z.string().nullable().describe("The program as it was found"),
  why_not: z.string().nullable().describe("Why it is not offered"),
  remedy: z.string().nullable().describe("What to do about it"),
  declared_in: z.string().describe("The manifest"),
  target_kinds: z.array(z.enum(TARGET_KINDS)),
  max_addresses: count,
  modes: z.array(z.string()),
  timeout_sec: seconds.describe("Seconds; the default and the most a caller may ask for"),
  concurrency: count.describe("How many runs go on at once"),
  max_queue: count.describe("How many runs may wait"),
  limits: z.strictObject({
    memory_mb: count,
    cpu_sec: count.nullable().describe("Null when it follows from the run's time-out"),
    open_files: count,
    file_size_mb: count,
    processes: count.nullable().describe("Null when they are not counted"),
  }).describe("What a run is held to"),
  intrusive: z.boolean().describe("Whether every run needs leave"),
  circuit_breaker: breakerInformationSchema,
  running: count,
  queued: count,
  annotations: z.record(z.string(), z.union([z.boolean(), z.string()])).describe("As in MCP"),
  input_schema: z.record(z.string(), z.unknown()).describe("The JSON Schema of a call's arguments over MCP"),
});

/** What {@link toolInformationSchema} describes. */
export type ToolInformation = Readonly<z.infer<typeof toolInformationSchema>>;
