/**
 * Executing an admitted run: in its compartment, then judged, told to the breaker, and put together as a result.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { abortionOf, type OutputListener } from "../confinement/compartment.ts";
import { CHILD_ENVIRONMENT } from "../confinement/child_environment.ts";
import type { Tier } from "../confinement/tier.ts";
import type { Clock } from "../core/clock.ts";
import { newId } from "../core/ids.ts";
import type { Refusal } from "../core/refusal.ts";
import type { RunResult } from "../core/result.ts";
import { noteRun } from "../logging/run_ids.ts";
import type { Admission } from "./admission.ts";
import { ceilingsOf } from "./ceilings.ts";
import { type Classification, classify, type ReachedLimit } from "./classify.ts";
import type { Plan } from "./plan.ts";
import { lostEnding, report } from "./report.ts";
import { ObservedRun, type RunObserver } from "./run_observer.ts";
import { startFailure } from "./start_failure.ts";
import { no, type Step } from "./step.ts";
import type { ToolboxEntry } from "./toolbox.ts";

/** The configuration's part in every execution. */
export interface ExecutionSettings {
  readonly maxStdoutBytes: number;
  readonly maxStderrBytes: number;
  readonly killGraceMs: number;
  readonly onFlood: "drain" | "kill";
}

/** What is enforced on every program. */
export interface Enforced {
  readonly tier: Tier;
  /** Which ceilings on a run's processes together there are: `memory`, `processes`. */
  readonly treeCeilings: readonly string[];
}

/** A run that may begin. */
export interface AdmittedRun {
  readonly entry: ToolboxEntry;
  readonly plan: Plan;
  readonly admission: Admission;
  readonly correlationId: string;
  /** Who asks. */
  readonly client: string;
  readonly settings: ExecutionSettings;
  /** Decided while the first runs may already be there. */
  readonly enforced: () => Promise<Enforced>;
  /** Aborting it cancels the run. */
  readonly signal: AbortSignal;
  readonly onOutput?: OutputListener | undefined;
  /** Called when the program is about to be started: a result will come, but where it cannot be started after all. */
  readonly onStart?: (() => void) | undefined;
  readonly observers: readonly RunObserver[];
  readonly clock: Clock;
}

/** What a run came to: the contract's result, and a readable account of `parsed`, or null. */
export interface ReportedRun {
  readonly result: RunResult;
  readonly summary: string | null;
  /** The limit that is known to have ended the run, or null. */
  readonly limit: ReachedLimit | null;
}

const logger = getLogger(["bulkhead", "runs"]);

/** The refusal of a run that was cancelled before its program started. */
const CANCELLED_BEFORE: Refusal = {
  condition: "cancelled",
  error: "the run was cancelled before it began",
  remedy: "Ask again when it is wanted.",
};

/** A run that did not happen. It says nothing about the tool, so that no breaker hides the reason from others. */
const NOTHING_RAN: Classification = {
  outcome: "cancelled",
  error: null,
  errorType: "cancelled",
  breaker: "excluded",
};

/** Executes a run. A program that did not start is a refusal: nothing ran. */
export async function execute(run: AdmittedRun): Promise<Step<ReportedRun>> {
  const { entry, plan, admission, correlationId, settings } = run;
  const { tool, availability, executor } = entry;
  if (executor === null || !availability.available) {
    throw new Error(`${tool.name} was resolved without a program`);
  }
  const enforced = await Promise.race([run.enforced(), abortionOf(run.signal)]);
  if (enforced === true) {
    admission.record(NOTHING_RAN);
    return no(CANCELLED_BEFORE);
  }
  const runId = newId();
  noteRun(runId, correlationId);
  const about = { run_id: runId, tool: tool.name, correlation_id: correlationId };
  logger.info("run started", { ...about, target: plan.target });
  // Arguments may hold a caller's secrets, such as a header with a token.
  logger.debug("arguments", { ...about, args: plan.args });
  run.onStart?.();
  using observed = new ObservedRun({
    runId,
    tool: tool.name,
    target: plan.target,
    argv: [availability.path, ...plan.args],
    correlationId,
    client: run.client,
    waitedMs: admission.waitedMs,
    startedAtMs: run.clock.wall(),
  }, run.observers);
  const limits = ceilingsOf(tool.limits, plan.timeoutMs + settings.killGraceMs, enforced.treeCeilings);
  const execution = await executor.run(
    {
      id: runId,
      args: plan.args,
      env: CHILD_ENVIRONMENT,
      deadlineMs: plan.timeoutMs,
      killGraceMs: settings.killGraceMs,
      maxBytes: { stdout: settings.maxStdoutBytes, stderr: settings.maxStderrBytes },
      onFlood: settings.onFlood,
      ...limits,
    },
    run.signal,
    (stream, bytes, soFar) => {
      observed.output(stream, bytes, soFar);
      run.onOutput?.(stream, bytes, soFar);
    },
  );
  if (execution.status === "cancelled") {
    admission.record(NOTHING_RAN);
    return no(CANCELLED_BEFORE);
  }
  if (execution.status === "not_started") {
    admission.record(NOTHING_RAN);
    logger.warn("a program could not be started", { ...about, reason: execution.reason });
    return no(startFailure(tool.name, availability.path, enforced.tier, execution));
  }
  const ending = execution.status === "ended" ? execution.ending : lostEnding(execution);
  const classification: Classification = execution.status === "ended"
    ? classify(ending, {
      toolName: tool.name,
      successExitCodes: tool.manifest.success_exit_codes,
      targetExitCodes: tool.manifest.target_exit_codes,
      timeoutMs: plan.timeoutMs,
      callerShortened: plan.callerShortened,
      memoryMb: enforced.tier === "kernel" ? tool.limits.memoryMb : null,
    })
    : {
      outcome: "failure",
      error: execution.reason,
      errorType: "execution_error",
      breaker: "failure",
    };
  admission.record(classification);
  const made = await report(
    {
      runId,
      correlationId,
      tool: entry,
      path: availability.path,
      plan,
      waitedMs: admission.waitedMs,
      tier: enforced.tier,
      ceilings: limits.ceilings,
    },
    { ending, output: execution.output },
    classification,
  );
  const reported: ReportedRun = { ...made, limit: classification.limit ?? null };
  const { outcome, returncode, execution_time_sec, queue_time_sec } = reported.result;
  logger.info("run ended", { ...about, outcome, returncode, execution_time_sec, queue_time_sec });
  observed.ended(reported, execution.output);
  return { ok: true, value: reported };
}
