/**
 * Statistics of runs by tool, for people and scripts that do not speak Prometheus' language: counts since the start,
 * rates, and distributions of the latest runs. Told of the same facts as the metrics.
 *
 * @module
 */
import { isoTime } from "../core/clock.ts";
import type { RefusalCondition } from "../core/refusal.ts";
import type { Outcome } from "../core/result.ts";
import { type DistributionSummary, RecentDistribution } from "./distribution.ts";
import { requireFinite } from "./metric.ts";
import type { RunFacts } from "./run_metrics.ts";
import { OTHER } from "./series.ts";

/** How many of a tool's latest runs its distributions are about. */
export const DISTRIBUTION_RUNS = 1000;

/** How many of a tool's latest runs its recent failure rate is about. */
export const RECENT_RUNS = 100;

/** How many tools have statistics of their own; what comes later counts as `other`. Reloads bring new names. */
const MAX_TOOLS = 1000;

/** Counts of runs and refusals since the server has started. */
export interface RunCounts {
  /** Runs that have ended. */
  readonly runs: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Requests that were refused: nothing was started. */
  readonly refusals: number;
  /** Only the reasons that there were. */
  readonly refusal_reasons: Readonly<Partial<Record<RefusalCondition, number>>>;
  /** Successes among the runs that were not cancelled, 0 to 1; null when there are none. */
  readonly success_rate: number | null;
}

/** The statistics of one tool. */
export interface ToolStatistics extends RunCounts {
  /** Failures, time-outs and kills among the latest 100 runs that were not cancelled, 0 to 1; null when there are none. */
  readonly recent_failure_rate: number | null;
  /** From the program's start to its end, of the latest 1,000 runs; null when there are none. */
  readonly execution_time_sec: DistributionSummary | null;
  /** The time that these had waited for their turn. */
  readonly queue_time_sec: DistributionSummary | null;
  /** When the latest run ended (RFC 3339), or null. */
  readonly last_run_at: string | null;
}

/** What is counted of one tool. */
class ToolRecord {
  readonly outcomes: Record<Outcome, number> = {
    success: 0,
    failure: 0,
    timeout: 0,
    killed: 0,
    cancelled: 0,
  };
  readonly reasons = new Map<RefusalCondition, number>();
  readonly execution = new RecentDistribution(DISTRIBUTION_RUNS);
  readonly queue = new RecentDistribution(DISTRIBUTION_RUNS);
  /** Of the latest runs that were not cancelled, oldest first, whether each was a success. */
  recent: readonly boolean[] = [];
  lastRunAtMs: number | null = null;
}

/** Records what happens to runs, and sums it up. */
export class RunStatistics {
  readonly #isKnown: (tool: string) => boolean;
  readonly #wall: () => number;
  readonly #tools = new Map<string, ToolRecord>();

  /**
   * @param isKnown whether there is a tool of that name; others count as `other`
   * @param wall the time, in milliseconds since 1970
   */
  constructor(isKnown: (tool: string) => boolean, wall: () => number) {
    this.#isKnown = isKnown;
    this.#wall = wall;
  }

  /**
   * Records a run that has ended, whatever its outcome.
   *
   * @throws {RangeError} if a number is negative or not finite.
   */
  recordRun({ tool, outcome, durationMs, waitedMs }: RunFacts): void {
    for (const ms of [durationMs, waitedMs]) requireFinite("a run's statistics", ms, 0);
    const record = this.#of(tool);
    record.execution.observe(durationMs / 1000);
    record.queue.observe(waitedMs / 1000);
    record.outcomes[outcome]++;
    if (outcome !== "cancelled") {
      record.recent = [...record.recent, outcome === "success"].slice(-RECENT_RUNS);
    }
    record.lastRunAtMs = this.#wall();
  }

  /** Records a run that was refused. */
  recordRefusal(tool: string, reason: RefusalCondition): void {
    const { reasons } = this.#of(tool);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }

  /** The statistics of a tool; one that nobody has asked for has zeros. */
  ofTool(tool: string): ToolStatistics {
    return describe(this.#tools.get(tool) ?? new ToolRecord());
  }

  /** The tools that have been asked for, by name; `other` for those that there were not. */
  get recorded(): readonly string[] {
    return [...this.#tools.keys()].sort();
  }

  /** All tools together. */
  totals(): RunCounts {
    const all = new ToolRecord();
    for (const { outcomes, reasons } of this.#tools.values()) {
      for (const outcome of Object.keys(outcomes) as Outcome[]) all.outcomes[outcome] += outcomes[outcome];
      for (const [reason, count] of reasons) all.reasons.set(reason, (all.reasons.get(reason) ?? 0) + count);
    }
    return counts(all);
  }

  #of(tool: string): ToolRecord {
    const hasOwn = this.#tools.has(tool) || (this.#isKnown(tool) && this.#tools.size < MAX_TOOLS);
    const name = hasOwn ? tool : OTHER;
    const record = this.#tools.get(name) ?? new ToolRecord();
    this.#tools.set(name, record);
    return record;
  }
}

function describe(record: ToolRecord): ToolStatistics {
  const { recent, execution, queue, lastRunAtMs } = record;
  return {
    ...counts(record),
    recent_failure_rate: rate(recent.filter((success) => !success).length, recent.length),
    execution_time_sec: execution.summary(),
    queue_time_sec: queue.summary(),
    last_run_at: lastRunAtMs === null ? null : isoTime(lastRunAtMs),
  };
}

function counts({ outcomes, reasons }: ToolRecord): RunCounts {
  const runs = sum(Object.values(outcomes));
  return {
    runs,
    outcomes: { ...outcomes },
    refusals: sum(reasons.values()),
    refusal_reasons: Object.fromEntries([...reasons].sort(([a], [b]) => a < b ? -1 : 1)),
    success_rate: rate(outcomes.success, runs - outcomes.cancelled),
  };
}

/** Null where there is nothing to divide by: JSON has no NaN. */
function rate(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
