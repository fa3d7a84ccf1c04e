/**
 * Putting a result together: the contract's fields from an ended execution.
 *
 * @module
 */
import { parsers } from "../catalog/parsers/registry.ts";
import type { Execution } from "../confinement/compartment.ts";
import type { Ending } from "../confinement/protocol.ts";
import type { Ceilings } from "../confinement/linux/ceilings.ts";
import type { Tier } from "../confinement/tier.ts";
import type { RunResult } from "../core/result.ts";
import type { Classification } from "./classify.ts";
import type { Plan } from "./plan.ts";
import type { ToolboxEntry } from "./toolbox.ts";

const MIB = 1_048_576;

/** Puts the contract's result together. */
export async function report(
  run: {
    readonly runId: string;
    readonly correlationId: string;
    readonly tool: ToolboxEntry;
    readonly path: string;
    readonly plan: Plan;
    readonly waitedMs: number;
    readonly tier: Tier;
    readonly ceilings: Ceilings;
  },
  ended: { readonly ending: Ending; readonly output: { stdout: Uint8Array; stderr: Uint8Array } },
  { outcome, error, errorType }: Classification,
): Promise<{ result: RunResult; summary: string | null }> {
  const { ending, output } = ended;
  const { tool } = run.tool;
  const truncated = (stream: "stdout" | "stderr") => ending.bytes[stream] > output[stream].length;
  const partial = truncated("stdout") || ending.cause !== null || ending.code === null || ending.heldOpen;
  const parserName = tool.manifest.output?.parser;
  const parser = parserName === undefined ? null : await parsers[parserName]();
  const parsed = await parser?.parse({ ...output, partial }) ?? null;
  const decoder = new TextDecoder();
  const result: RunResult = {
    run_id: run.runId,
    tool: tool.name,
    target: run.plan.target,
    argv: [run.path, ...run.plan.args],
    outcome,
    returncode: ending.code,
    signal: ending.signal,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
    stdout_bytes: ending.bytes.stdout,
    stderr_bytes: ending.bytes.stderr,
    truncated_stdout: truncated("stdout"),
    truncated_stderr: truncated("stderr"),
    timed_out: outcome === "timeout",
    execution_time_sec: seconds(ending.durationMs),
    queue_time_sec: seconds(run.waitedMs),
    error,
    error_type: errorType,
    correlation_id: run.correlationId,
    parsed: parsed as Record<string, unknown> | null,
    metadata: {
      confinement: run.tier,
      // What each process was held to, in the units of the configuration.
      limits: run.tier === "basic" ? null : {
        memory_mb: run.ceilings.memoryBytes / MIB,
        cpu_sec: run.ceilings.cpuSec,
        open_files: run.ceilings.openFiles,
        file_size_mb: run.ceilings.fileBytes / MIB,
      },
      output_held_open: ending.heldOpen,
      parser: parserName ?? null,
    },
  };
  return { result, summary: parser !== null && parsed !== null ? parser.summarize(parsed) : null };
}

/** A run whose compartment died: nothing is known but what had come out of it. */
export function lostEnding(execution: Extract<Execution, { status: "lost" }>): Ending {
  const { stdout, stderr } = execution.output;
  return {
    code: null,
    signal: null,
    cause: null,
    bytes: { stdout: stdout.length, stderr: stderr.length },
    durationMs: execution.durationMs,
    heldOpen: false,
  };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
