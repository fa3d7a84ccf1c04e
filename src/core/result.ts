/**
 * The result of a run that happened: the contract's fields, spelled as clients see them.
 *
 * @module
 */
import * as z from "zod";
import { ERROR_TYPES } from "./refusal.ts";

/** How a run may end. */
export const OUTCOMES = ["success", "failure", "timeout", "killed", "cancelled"] as const;

/** How a run ended. */
export type Outcome = (typeof OUTCOMES)[number];

const count = z.int().min(0);
const seconds = z.number().min(0);
const object = z.record(z.string(), z.unknown());

/** One finished run, as `call --json`, HTTP and MCP report it. */
export const runResultSchema = z.strictObject({
  run_id: z.uuid().describe("The server's own id for the run"),
  tool: z.string(),
  target: z.string().nullable()
    .describe(
      "The normalised target: the very text that was checked and passed; null for a tool without one",
    ),
  argv: z.array(z.string()).min(1).describe("The program's absolute path and its arguments"),
  outcome: z.enum(OUTCOMES),
  returncode: z.int().nullable().describe("The exit code; null when a signal ended the program"),
  signal: z.string().nullable().describe("The signal that ended the program, such as SIGKILL; or null"),
  stdout: z.string(),
  stderr: z.string(),
  stdout_bytes: count.describe("Bytes written by the program, kept or not"),
  stderr_bytes: count.describe("Bytes written by the program, kept or not"),
  truncated_stdout: z.boolean(),
  truncated_stderr: z.boolean(),
  timed_out: z.boolean(),
  execution_time_sec: seconds.describe("Seconds from the program's start to its end"),
  queue_time_sec: seconds.describe("Seconds spent waiting for a permit"),
  error: z.string().nullable().describe("Why it is no success; null for one"),
  error_type: z.enum(ERROR_TYPES).nullable(),
  correlation_id: z.string().describe("The caller's own id, or one that the server made"),
  parsed: object.nullable().describe("What the tool's parser made of the output, or null"),
  metadata: object.describe("What the run was held to, and how its output was read"),
});

/** What {@link runResultSchema} describes. */
export type RunResult = Readonly<z.infer<typeof runResultSchema>>;

/** The exit code of `bulkhead call` for a run that happened: 0 for success, 1 for everything else. */
export function exitCodeOf(result: RunResult): 0 | 1 {
  return result.outcome === "success" ? 0 : 1;
}
