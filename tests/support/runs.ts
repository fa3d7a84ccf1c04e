/**
 * Runs that nobody has made, as observers are told of them.
 *
 * @module
 */
import type { RunResult } from "../../src/core/result.ts";
import { keepInMemory, type RunKeeping } from "../../src/server/run_keeping.ts";
import type { ReportedRun } from "../../src/runs/execute.ts";
import type { RunOutput, StartedRun } from "../../src/runs/run_observer.ts";
import { FAKE_EPOCH_MS, FakeClock } from "./fake_clock.ts";

/** The id of a run by a number. */
export function runIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** A run that starts. */
export function startedRun(number: number, changes: Partial<StartedRun> = {}): StartedRun {
  return {
    runId: runIdOf(number),
    tool: "probe",
    target: "10.0.0.5",
    argv: ["/usr/bin/probe", "10.0.0.5"],
    correlationId: `c${number}`,
    client: "127.0.0.1",
    waitedMs: 250,
    startedAtMs: FAKE_EPOCH_MS + number,
    ...changes,
  };
}

/** What came of it: a success, unless `changes` say otherwise. */
export function reportedRun(
  run: StartedRun,
  output: RunOutput,
  changes: Partial<RunResult> = {},
): ReportedRun {
  const decoder = new TextDecoder();
  return {
    result: {
      run_id: run.runId,
      tool: run.tool,
      target: run.target,
      argv: [...run.argv],
      outcome: "success",
      returncode: 0,
      signal: null,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
      stdout_bytes: output.stdout.length,
      stderr_bytes: output.stderr.length,
      truncated_stdout: false,
      truncated_stderr: false,
      timed_out: false,
      execution_time_sec: 1.5,
      queue_time_sec: 0.25,
      error: null,
      error_type: null,
      correlation_id: run.correlationId,
      parsed: null,
      metadata: {},
      ...changes,
    },
    summary: null,
    limit: null,
  };
}

/** Bytes of both streams from texts, or bytes as they are. */
export function outputOf(stdout: string | Uint8Array = "", stderr: string | Uint8Array = ""): RunOutput {
  const bytes = (from: string | Uint8Array) =>
    typeof from === "string" ? new TextEncoder().encode(from) : from;
  return { stdout: bytes(stdout), stderr: bytes(stderr) };
}

/** Kept runs in memory, with much room. */
export function keptRuns(keep = 100, maxBytes = 10_000_000, clock = new FakeClock()): RunKeeping {
  return keepInMemory(() => ({ keep, maxBytes }), clock);
}
