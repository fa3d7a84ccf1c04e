/**
 * The result of a run that happened: the contract's fields, spelled as clients see them.
 *
 * @module
 */
import type { ErrorType } from "./refusal.ts";

/** How a run ended. */
export type Outcome = "success" | "failure" | "timeout" | "killed" | "cancelled";

/** One finished run, as `call --json`, HTTP and MCP report it. */
export interface RunResult {
  /** A UUID of our own making. */
  readonly run_id: string;
  readonly tool: string;
  /** The normalised target: the very text that was checked and passed, or null for a tool without one. */
  readonly target: string | null;
  /** The program's absolute path and its arguments. */
  readonly argv: readonly string[];
  readonly outcome: Outcome;
  /** The exit code, or null when a signal ended the program. */
  readonly returncode: number | null;
  /** The signal that ended the program, such as SIGKILL, or null. */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes written by the program, kept or not. */
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
  readonly truncated_stdout: boolean;
  readonly truncated_stderr: boolean;
  readonly timed_out: boolean;
  /** Seconds from the program's start to its end. */
  readonly execution_time_sec: number;
  /** Seconds spent waiting for a permit. */
  readonly queue_time_sec: number;
  readonly error: string | null;
  readonly error_type: ErrorType | null;
  readonly correlation_id: string;
  /** What the tool's parser made of the output, or null. */
  readonly parsed: Readonly<Record<string, unknown>> | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The exit code of `bulkhead call` for a run that happened: 0 for success, 1 for everything else. */
export function exitCodeOf(result: RunResult): 0 | 1 {
  return result.outcome === "success" ? 0 : 1;
}
