/**
 * Measuring runs: what the pipeline answers, as the facts that metrics are made of.
 *
 * @module
 */
import type { RunMetrics, ToolReading } from "../metrics/run_metrics.ts";
import type { AnsweredRequest } from "./pipeline.ts";
import { occupancy, type Toolbox } from "./toolbox.ts";

/** Takes one answered request into account: a run that happened, or a refusal; what a bug left unanswered is neither. */
export function measure(metrics: RunMetrics, { tool, answer }: AnsweredRequest): void {
  if (answer === null) return;
  if (answer.kind === "refusal") return metrics.recordRefusal(tool, answer.refusal.condition);
  const { result, limit } = answer;
  metrics.recordRun({
    tool,
    outcome: result.outcome,
    durationMs: result.execution_time_sec * 1000,
    waitedMs: result.queue_time_sec * 1000,
    bytes: { stdout: result.stdout_bytes, stderr: result.stderr_bytes },
    truncated: { stdout: result.truncated_stdout, stderr: result.truncated_stderr },
    limit,
  });
}

/** How each tool is doing now. */
export function readTools(toolbox: Toolbox): ToolReading[] {
  return [...toolbox.values()].map((entry) => ({
    tool: entry.tool.name,
    ...occupancy(entry),
    breakerState: entry.breaker.statistics().state,
  }));
}
