/**
 * Measuring runs: what the pipeline answers, as the facts that metrics are made of.
 *
 * @module
 */
import type { RefusalCondition } from "../core/refusal.ts";
import type { RunFacts, ToolReading } from "../metrics/run_metrics.ts";
import type { RunStatistics } from "../metrics/run_statistics.ts";
import type { AnsweredRequest } from "./pipeline.ts";
import type { Statistics } from "./statistics_schema.ts";
import { occupancy, type Toolbox } from "./toolbox.ts";

/** Whatever keeps count of runs. */
export interface RunRecorder {
  recordRun(facts: RunFacts): void;
  recordRefusal(tool: string, reason: RefusalCondition): void;
}

/** Takes one answered request into account: a run that happened, or a refusal; what a bug left unanswered is neither. */
export function measure(recorder: RunRecorder, { tool, answer }: AnsweredRequest): void {
  if (answer === null) return;
  if (answer.kind === "refusal") return recorder.recordRefusal(tool, answer.refusal.condition);
  const { result, limit } = answer;
  recorder.recordRun({
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

/** The statistics of every tool, those that are not there any more included, and of all together. */
export function accountOf(statistics: RunStatistics, toolbox: Toolbox): Pick<Statistics, "tools" | "totals"> {
  const now = new Map(readTools(toolbox).map((reading) => [reading.tool, reading]));
  const names = [...new Set([...now.keys(), ...statistics.recorded])].sort();
  const tools = names.map((name) => {
    const { running, queued, breakerState } = now.get(name) ??
      { running: null, queued: null, breakerState: null };
    return [name, { ...statistics.ofTool(name), running, queued, circuit_breaker: breakerState }] as const;
  });
  const readings = [...now.values()];
  const totals = {
    ...statistics.totals(),
    running: readings.reduce((sum, { running }) => sum + running, 0),
    queued: readings.reduce((sum, { queued }) => sum + queued, 0),
  };
  return { tools: Object.fromEntries(tools), totals };
}
