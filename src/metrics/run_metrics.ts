/**
 * What the server measures of its runs, as one table, and the object that is told about them.
 *
 * Waiting and running are apart (D13): a run that stands in the queue is `queued` and not `running`, and its duration
 * begins with its program. A tool whose name is not known is counted as `other`, because callers choose what they ask
 * for.
 *
 * @module
 */
import type { RefusalCondition } from "../core/refusal.ts";
import type { Outcome } from "../core/result.ts";
import { Counter } from "./counter.ts";
import { ObservedGauge, type Reading } from "./gauge.ts";
import { Histogram } from "./histogram.ts";
import type { Registry } from "./registry.ts";
import { OTHER } from "./series.ts";

/** Seconds: a name is looked up in hundredths of one, a network is scanned in minutes. */
const DURATION_BOUNDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800];
/** Seconds: a run that need not wait waits for 0. */
const WAIT_BOUNDS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300];

/** Every metric of the runs. */
export const RUN_METRICS = {
  runs: {
    name: "bulkhead_runs_total",
    help: "Runs that have ended, by how they ended.",
    labelNames: ["tool", "outcome"],
  },
  refusals: {
    name: "bulkhead_refusals_total",
    help: "Requests for a run that were refused, by the reason; nothing was started.",
    labelNames: ["tool", "reason"],
  },
  duration: {
    name: "bulkhead_run_duration_seconds",
    help: "Time from the start of a run's program to its end.",
    labelNames: ["tool"],
    bounds: DURATION_BOUNDS,
  },
  queueWait: {
    name: "bulkhead_queue_wait_seconds",
    help: "Time that runs which have ended had waited for their turn.",
    labelNames: ["tool"],
    bounds: WAIT_BOUNDS,
  },
  running: {
    name: "bulkhead_running",
    help: "Runs that have their turn now.",
    labelNames: ["tool"],
  },
  queued: {
    name: "bulkhead_queued",
    help: "Runs that wait for their turn now.",
    labelNames: ["tool"],
  },
  breakerState: {
    name: "bulkhead_circuit_breaker_state",
    help: "1 for the state that a tool's circuit breaker is in now, 0 for the others.",
    labelNames: ["tool", "state"],
  },
  breakerTransitions: {
    name: "bulkhead_circuit_breaker_transitions_total",
    help: "Transitions of circuit breakers, by the state after.",
    labelNames: ["tool", "to"],
  },
  outputBytes: {
    name: "bulkhead_output_bytes_total",
    help: "Bytes that programs have written, kept or not.",
    labelNames: ["tool", "stream"],
  },
  truncatedOutputs: {
    name: "bulkhead_truncated_outputs_total",
    help: "Streams of which a part was not kept.",
    labelNames: ["tool", "stream"],
  },
  limitKills: {
    name: "bulkhead_limit_kills_total",
    help: "Runs that were ended because they had reached a limit other than the time-out.",
    labelNames: ["tool", "limit"],
  },
} as const;

/** The states of a circuit breaker. */
const BREAKER_STATES = ["closed", "half_open", "open"] as const;
const STREAMS = ["stdout", "stderr"] as const;

/** A state of a circuit breaker. */
export type BreakerStateLabel = typeof BREAKER_STATES[number];

/** What is measured of a run that has ended. */
export interface RunFacts {
  readonly tool: string;
  readonly outcome: Outcome;
  /** From the program's start to its end, in milliseconds: at least 0. */
  readonly durationMs: number;
  /** The time in the queue, in milliseconds: at least 0. */
  readonly waitedMs: number;
  /** What the program has written to each stream, in bytes, kept or not. */
  readonly bytes: Readonly<Record<"stdout" | "stderr", number>>;
  /** Whether less was kept of each stream. */
  readonly truncated: Readonly<Record<"stdout" | "stderr", boolean>>;
  /** The limit that ended the run, as the manifest calls it (`output` is what is kept of it), or null for none. */
  readonly limit: "cpu_sec" | "file_size_mb" | "memory_mb" | "output" | null;
}

/** How a tool is doing at one moment. */
export interface ToolReading {
  readonly tool: string;
  readonly running: number;
  readonly queued: number;
  readonly breakerState: BreakerStateLabel;
}

/**
 * Records what happens to runs in the metrics of a registry.
 *
 * @example
 * ```ts
 * import { Registry } from "./registry.ts";
 * import { RunMetrics } from "./run_metrics.ts";
 * import { renderMetrics } from "./text_format.ts";
 *
 * const registry = new Registry();
 * const metrics = new RunMetrics(registry, (tool) => tool === "dig");
 * metrics.observe(() => [{ tool: "dig", running: 1, queued: 0, breakerState: "closed" }]);
 * metrics.recordRefusal("dig", "queue_full");
 * console.log(renderMetrics(registry));
 * ```
 */
export class RunMetrics {
  readonly #isKnown: (tool: string) => boolean;
  readonly #runs = new Counter(RUN_METRICS.runs);
  readonly #refusals = new Counter(RUN_METRICS.refusals);
  readonly #duration = new Histogram(RUN_METRICS.duration);
  readonly #queueWait = new Histogram(RUN_METRICS.queueWait);
  readonly #breakerTransitions = new Counter(RUN_METRICS.breakerTransitions);
  readonly #outputBytes = new Counter(RUN_METRICS.outputBytes);
  readonly #truncatedOutputs = new Counter(RUN_METRICS.truncatedOutputs);
  readonly #limitKills = new Counter(RUN_METRICS.limitKills);
  #readTools: () => Iterable<ToolReading> = () => [];

  /**
   * @param isKnown whether there is a tool of that name; others become the label `other`
   * @throws {RangeError} if the registry has one of these metrics already.
   */
  constructor(registry: Registry, isKnown: (tool: string) => boolean) {
    this.#isKnown = isKnown;
    const gauges = [
      new ObservedGauge(RUN_METRICS.running, () => this.#readings(({ running }) => running)),
      new ObservedGauge(RUN_METRICS.queued, () => this.#readings(({ queued }) => queued)),
      new ObservedGauge(RUN_METRICS.breakerState, () => this.#stateReadings()),
    ];
    for (
      const metric of [
        this.#runs,
        this.#refusals,
        this.#duration,
        this.#queueWait,
        this.#breakerTransitions,
        this.#outputBytes,
        this.#truncatedOutputs,
        this.#limitKills,
        ...gauges,
      ]
    ) registry.register(metric);
  }

  /**
   * Records a run that has ended, whatever its outcome.
   *
   * @throws {RangeError} if a number is negative or not finite.
   */
  recordRun(facts: RunFacts): void {
    const tool = this.#toolLabel(facts.tool);
    this.#runs.inc({ tool, outcome: facts.outcome });
    this.#duration.observe({ tool }, facts.durationMs / 1_000);
    this.#queueWait.observe({ tool }, facts.waitedMs / 1_000);
    for (const stream of STREAMS) {
      this.#outputBytes.inc({ tool, stream }, facts.bytes[stream]);
      if (facts.truncated[stream]) this.#truncatedOutputs.inc({ tool, stream });
    }
    if (facts.limit !== null) this.#limitKills.inc({ tool, limit: facts.limit });
  }

  /** Records a run that was refused. */
  recordRefusal(tool: string, reason: RefusalCondition): void {
    this.#refusals.inc({ tool: this.#toolLabel(tool), reason });
  }

  /** Records that the circuit breaker of a tool has gone over to a state. */
  recordTransition(tool: string, to: BreakerStateLabel): void {
    this.#breakerTransitions.inc({ tool: this.#toolLabel(tool), to });
  }

  /** Says where each scrape finds how the tools are doing; it replaces what was said before. */
  observe(readTools: () => Iterable<ToolReading>): void {
    this.#readTools = readTools;
  }

  #toolLabel(tool: string): string {
    return this.#isKnown(tool) ? tool : OTHER;
  }

  *#readings(valueOf: (reading: ToolReading) => number): Iterable<Reading<"tool">> {
    for (const reading of this.#readTools()) {
      yield { labels: { tool: this.#toolLabel(reading.tool) }, value: valueOf(reading) };
    }
  }

  *#stateReadings(): Iterable<Reading<"tool" | "state">> {
    for (const { tool, breakerState } of this.#readTools()) {
      for (const state of BREAKER_STATES) {
        yield { labels: { tool: this.#toolLabel(tool), state }, value: state === breakerState ? 1 : 0 };
      }
    }
  }
}
