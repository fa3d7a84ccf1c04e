/**
 * What a caller may ask for.
 *
 * `planRun` checks a request against the tool and says what to do about each mistake. This says the same to readers, as
 * far as it is the same for every tool; a test holds the two together.
 *
 * @module
 */
import * as z from "zod";
import { CORRELATION_ID_PATTERN } from "../core/ids.ts";

/** The shortest time-out that a caller may ask for, in seconds. */
export const MIN_TIMEOUT_SEC = 0.1;

/** A request. */
export const runRequestSchema = z.strictObject({
  target: z.string().exactOptional().describe("What to aim at, as the tool takes it"),
  parameters: z.record(z.string(), z.unknown()).exactOptional()
    .describe("The tool's own parameters; its input_schema describes them"),
  extra_args: z.string().exactOptional().describe(
    "Further flags in one line, as far as the tool's grammar has them",
  ),
  timeout_sec: z.number().min(MIN_TIMEOUT_SEC).exactOptional()
    .describe("Seconds after which the run is stopped, at most the tool's own timeout_sec"),
  correlation_id: z.string().regex(new RegExp(CORRELATION_ID_PATTERN)).exactOptional()
    .describe("The caller's own id for the run, for the log"),
});

/** The names of a request's fields. */
export const REQUEST_FIELDS: readonly string[] = Object.keys(runRequestSchema.shape);

/** A request before it is checked: its values come from outside, and so may other fields. */
export type RunRequest = { readonly [Field in keyof z.infer<typeof runRequestSchema>]?: unknown };
