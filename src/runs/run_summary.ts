/**
 * What a list of runs says of each, spelled as clients see it.
 *
 * @module
 */
import * as z from "zod";
import type { RunResult } from "../core/result.ts";
import type { RunOutput, StartedRun } from "./run_observer.ts";

const count = z.int().min(0);
const seconds = z.number().min(0);

/** A run in a list: what its result says without the output, and when it was started and for whom. */
export const runSummarySchema = z.strictObject({
  run_id: z.uuid(),
  tool: z.string(),
  target: z.string().nullable(),
  outcome: z.enum(["success", "failure", "timeout", "killed", "cancelled", "running"]),
  returncode: z.int().nullable(),
  signal: z.string().nullable(),
  started_at: z.iso.datetime().describe("When the program was started"),
  execution_time_sec: seconds.describe("Of a run that goes on: until now"),
  queue_time_sec: seconds,
  stdout_bytes: count.describe(
    "Bytes that the program wrote; of a run that goes on, those that are kept so far",
  ),
  stderr_bytes: count,
  truncated_stdout: z.boolean(),
  truncated_stderr: z.boolean(),
  timed_out: z.boolean(),
  error: z.string().nullable(),
  error_type: z.string().nullable(),
  correlation_id: z.string(),
  client: z.string().describe("Who asked: a token's name, an address or a transport"),
});

/** A run in a list. */
export type RunSummary = z.output<typeof runSummarySchema>;

/** How a run ended, or that it goes on. */
export type RunOutcome = RunSummary["outcome"];

/** All of a run: the contract's result, and when it was started and for whom. */
export type RunRecord =
  & Omit<RunResult, "outcome">
  & Readonly<Pick<RunSummary, "outcome" | "started_at" | "client">>;

/** What a list says of a run that has ended. */
export function summaryOf({ startedAtMs, client }: StartedRun, result: RunResult): RunSummary {
  return {
    run_id: result.run_id,
    tool: result.tool,
    target: result.target,
    outcome: result.outcome,
    returncode: result.returncode,
    signal: result.signal,
    started_at: new Date(startedAtMs).toISOString(),
    execution_time_sec: result.execution_time_sec,
    queue_time_sec: result.queue_time_sec,
    stdout_bytes: result.stdout_bytes,
    stderr_bytes: result.stderr_bytes,
    truncated_stdout: result.truncated_stdout,
    truncated_stderr: result.truncated_stderr,
    timed_out: result.timed_out,
    error: result.error,
    error_type: result.error_type,
    correlation_id: result.correlation_id,
    client,
  };
}

/**
 * What there is of a run that goes on: a result in which nothing has been decided.
 *
 * @param elapsedMs milliseconds since its start
 * @param output what it has written so far
 */
export function runningRecord(run: StartedRun, elapsedMs: number, output: RunOutput): RunRecord {
  const decoder = new TextDecoder();
  return {
    run_id: run.runId,
    tool: run.tool,
    target: run.target,
    argv: run.argv,
    outcome: "running",
    returncode: null,
    signal: null,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
    stdout_bytes: output.stdout.length,
    stderr_bytes: output.stderr.length,
    truncated_stdout: false,
    truncated_stderr: false,
    timed_out: false,
    execution_time_sec: Math.round(elapsedMs) / 1000,
    queue_time_sec: Math.round(run.waitedMs) / 1000,
    error: null,
    error_type: null,
    correlation_id: run.correlationId,
    parsed: null,
    metadata: {},
    started_at: new Date(run.startedAtMs).toISOString(),
    client: run.client,
  };
}

/** What a list says of a run that goes on. */
export function runningSummary(run: StartedRun, elapsedMs: number, output: RunOutput): RunSummary {
  const { argv: _argv, stdout: _stdout, stderr: _stderr, parsed: _parsed, metadata: _metadata, ...summary } =
    runningRecord(run, elapsedMs, { stdout: NOTHING, stderr: NOTHING });
  return { ...summary, stdout_bytes: output.stdout.length, stderr_bytes: output.stderr.length };
}

const NOTHING = new Uint8Array();
