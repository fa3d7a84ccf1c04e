/**
 * A run as those see it who ask for it later: in full, and in a list.
 *
 * @module
 */
import * as z from "zod";
import { OUTCOMES, type RunResult, runResultSchema } from "../core/result.ts";
import type { RunOutput, StartedRun } from "./run_observer.ts";

/** How runs end, and that they go on. */
export const RUN_OUTCOMES = [...OUTCOMES, "running"] as const;

/** All of a run: the contract's result, and when it was started and for whom. */
export const runRecordSchema = runResultSchema.extend({
  outcome: z.enum(RUN_OUTCOMES).describe(
    "While it is running, the run's other fields say what is known so far",
  ),
  started_at: z.iso.datetime().describe("When the program was started"),
  client: z.string().describe(
    "Who asked: a token's name, an address, a transport, or a check of the server's own",
  ),
});

/** A run in a list: what its record says without arguments, output, and what was made of it. */
export const runSummarySchema = runRecordSchema.omit({
  argv: true,
  stdout: true,
  stderr: true,
  parsed: true,
  metadata: true,
});

/** All of a run. */
export type RunRecord = Readonly<z.output<typeof runRecordSchema>>;

/** A run in a list. */
export type RunSummary = Readonly<z.output<typeof runSummarySchema>>;

/** What a list says of a run that has ended. */
export function summaryOf(run: StartedRun, result: RunResult): RunSummary {
  return summarise({ ...result, ...aboutStart(run) });
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
    argv: [...run.argv],
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
    ...aboutStart(run),
  };
}

/** What a list says of a run that goes on. */
export function runningSummary(run: StartedRun, elapsedMs: number, output: RunOutput): RunSummary {
  // Nothing is made a text for it.
  const summary = summarise(runningRecord(run, elapsedMs, { stdout: NOTHING, stderr: NOTHING }));
  return { ...summary, stdout_bytes: output.stdout.length, stderr_bytes: output.stderr.length };
}

function aboutStart({ startedAtMs, client }: StartedRun): Pick<RunRecord, "started_at" | "client"> {
  return { started_at: new Date(startedAtMs).toISOString(), client };
}

function summarise(record: RunRecord): RunSummary {
  const { argv: _argv, stdout: _stdout, stderr: _stderr, parsed: _parsed, metadata: _metadata, ...summary } =
    record;
  return summary;
}

const NOTHING = new Uint8Array();
