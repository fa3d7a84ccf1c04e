/**
 * The one road from a request to an answer: resolve, validate, approve, admit, execute, classify, record.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { isCorrelationId, newId } from "../core/ids.ts";
import { type Refusal, REFUSAL_ANSWERS } from "../core/refusal.ts";
import type { RunResult } from "../core/result.ts";
import { quote } from "../core/text.ts";
import { abortionOf, type OutputListener } from "../confinement/compartment.ts";
import { CHILD_ENVIRONMENT } from "../confinement/child_environment.ts";
import type { Tier } from "../confinement/tier.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { type Admission, Gate } from "./admission.ts";
import { Approver, type IntrusiveSettings, type LeaveOfCaller } from "./approval.ts";
import { ceilingsOf } from "./ceilings.ts";
import { classify } from "./classify.ts";
import { type Lookups, planWithLookups } from "./lookups.ts";
import type { Plan, RunRequest } from "./plan.ts";
import { lostEnding, report } from "./report.ts";
import { startFailure } from "./start_failure.ts";
import { no, type Step } from "./step.ts";
import { findTool, isOffered, type Toolbox, type ToolboxEntry, unavailability } from "./toolbox.ts";

/** The configuration's part in every run. */
export interface PipelineSettings extends IntrusiveSettings {
  readonly maxArgsBytes: number;
  readonly maxStdoutBytes: number;
  readonly maxStderrBytes: number;
  readonly killGraceMs: number;
  readonly onFlood: "drain" | "kill";
  /** Runs at once, all tools together. */
  readonly maxConcurrency: number;
  /** What is enforced on every program; decided while the first requests may already be there. */
  readonly enforced: () => Promise<Enforced>;
}

/** What is enforced on every program. */
export interface Enforced {
  readonly tier: Tier;
  /** Which ceilings on a run's processes together there are: `memory`, `processes`. */
  readonly treeCeilings: readonly string[];
}

/** What the pipeline works with. */
export interface PipelineParts {
  readonly toolbox: Toolbox;
  readonly policy: TargetPolicy;
  readonly settings: PipelineSettings;
  /** What plans may ask for. */
  readonly lookups: Lookups;
  readonly clock: Clock;
}

/** The answer to a request: a result of a run that happened, or a refusal. */
export type RunAnswer =
  | {
    readonly kind: "result";
    readonly result: RunResult;
    /** A readable account of `parsed`, or null. */
    readonly summary: string | null;
  }
  | { readonly kind: "refusal"; readonly refusal: Refusal; readonly correlationId: string };

/** The surroundings of one request. */
export interface RunContext extends LeaveOfCaller {
  /** Aborting it cancels the run, wherever it is. */
  readonly signal: AbortSignal;
  /** Who asks: `stdio`, `cli`, over HTTP the name of the token or, without tokens, the address. */
  readonly client: string;
  readonly onOutput?: OutputListener;
}

const logger = getLogger(["bulkhead", "runs"]);

const CANCELLED_BEFORE: Refusal = {
  condition: "cancelled",
  error: "the run was cancelled before it began",
  remedy: "Ask again when it is wanted.",
};

/** Runs tools. */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #approver: Approver;
  readonly #gate: Gate;
  readonly #stopped = new AbortController();
  readonly #going = new Set<Promise<unknown>>();

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#approver = new Approver(parts.settings, parts.clock);
    this.#gate = new Gate(parts.toolbox, parts.settings.maxConcurrency, parts.clock);
  }

  /** Whether new runs are taken. */
  get admitting(): boolean {
    return this.#gate.open;
  }

  /** Answers one request. Never throws for anything that a caller can send. */
  run(toolName: string, request: RunRequest, context: RunContext): Promise<RunAnswer> {
    const answer = this.#run(toolName, request, context);
    this.#going.add(answer);
    return answer.finally(() => this.#going.delete(answer));
  }

  /**
   * Stops admission, gives running tools `graceMs` milliseconds to finish, then cancels them.
   *
   * @param hurry aborting it ends the grace at once
   */
  async shutDown(graceMs: number, hurry: AbortSignal): Promise<void> {
    this.#gate.close();
    this.#approver.close();
    const stop = () => this.#stopped.abort();
    if (hurry.aborted) stop();
    else hurry.addEventListener("abort", stop, { once: true });
    const cancelTimer = this.#parts.clock.after(graceMs, stop);
    await Promise.allSettled([...this.#going]);
    cancelTimer();
    hurry.removeEventListener("abort", stop);
  }

  async #run(toolName: string, request: RunRequest, context: RunContext): Promise<RunAnswer> {
    const given = request.correlation_id;
    const correlationId = typeof given === "string" && isCorrelationId(given) ? given : newId();
    const refuse = (refusal: Refusal): RunAnswer => {
      logger.info("run refused", {
        tool: quote(toolName),
        correlation_id: correlationId,
        error_type: REFUSAL_ANSWERS[refusal.condition].errorType,
        error: refusal.error,
      });
      return { kind: "refusal", refusal, correlationId };
    };

    const resolved = this.#resolve(toolName);
    if (!resolved.ok) return refuse(resolved.refusal);
    const entry = resolved.value;
    const { policy, settings, lookups } = this.#parts;
    const signal = AbortSignal.any([context.signal, this.#stopped.signal]);
    const maxArgs = settings.maxArgsBytes;
    const planned = await planWithLookups(entry.tool, request, policy, maxArgs, lookups, signal);
    if (!planned.ok) return refuse(planned.refusal);
    const plan = planned.value;
    const approved = await this.#approver.approve(entry, plan, correlationId, context);
    if (!approved.ok) return refuse(approved.refusal);
    const admitted = await this.#gate.admit(entry, signal);
    if (!admitted.ok) return refuse(admitted.refusal);
    try {
      return await this.#execute(
        entry,
        plan,
        admitted.value,
        correlationId,
        { ...context, signal },
        refuse,
      );
    } finally {
      admitted.value.release();
    }
  }

  /** Known, enabled, program present. */
  #resolve(name: string): Step<ToolboxEntry> {
    const found = findTool(this.#parts.toolbox, name);
    if (!found.ok) return found;
    const entry = found.value;
    if (!entry.enabled) {
      return no({
        condition: "disabled",
        error: `${name} is disabled by the configuration`,
        remedy: "A person may enable it with tools.include and tools.exclude.",
      });
    }
    const missing = unavailability(entry);
    if (missing === null && isOffered(entry)) return found;
    return no({
      condition: "unavailable",
      error: `${name} is not available: ${missing?.reason ?? "it has no compartment"}`,
      remedy: missing?.remedy ?? "Restart the server.",
    });
  }

  async #execute(
    entry: ToolboxEntry,
    plan: Plan,
    admission: Admission,
    correlationId: string,
    context: RunContext,
    refuse: (refusal: Refusal) => RunAnswer,
  ): Promise<RunAnswer> {
    const { tool, availability, executor } = entry;
    const { settings } = this.#parts;
    if (executor === null || !availability.available) {
      throw new Error(`${tool.name} was resolved without a program`);
    }
    const enforced = await Promise.race([settings.enforced(), abortionOf(context.signal)]);
    if (enforced === true) {
      admission.record({ outcome: "cancelled", error: null, errorType: "cancelled", breaker: "excluded" });
      return refuse(CANCELLED_BEFORE);
    }
    const runId = newId();
    const about = { run_id: runId, tool: tool.name, correlation_id: correlationId };
    logger.info("run started", { ...about, target: plan.target });
    // Arguments may hold a caller's secrets, such as a header with a token.
    logger.debug("arguments", { ...about, args: plan.args });
    const ceilings = ceilingsOf(
      tool.limits,
      plan.timeoutMs + settings.killGraceMs,
      enforced.treeCeilings,
    );
    const execution = await executor.run(
      {
        id: runId,
        args: plan.args,
        env: CHILD_ENVIRONMENT,
        deadlineMs: plan.timeoutMs,
        killGraceMs: settings.killGraceMs,
        maxBytes: { stdout: settings.maxStdoutBytes, stderr: settings.maxStderrBytes },
        onFlood: settings.onFlood,
        ...ceilings,
      },
      context.signal,
      context.onOutput,
    );
    if (execution.status === "cancelled") {
      admission.record({ outcome: "cancelled", error: null, errorType: "cancelled", breaker: "excluded" });
      return refuse(CANCELLED_BEFORE);
    }
    if (execution.status === "not_started") {
      // Nothing ran, so that nothing is known of the tool: each caller is told the reason, and no breaker hides it.
      admission.record({
        outcome: "failure",
        error: execution.reason,
        errorType: "not_found",
        breaker: "excluded",
      });
      logger.warn("a program could not be started", { ...about, reason: execution.reason });
      return refuse(startFailure(tool.name, availability.path, enforced.tier, execution));
    }
    const ending = execution.status === "ended" ? execution.ending : lostEnding(execution);
    const classification = execution.status === "ended"
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
      } as const;
    admission.record(classification);
    const { result, summary } = await report(
      {
        runId,
        correlationId,
        tool: entry,
        path: availability.path,
        plan,
        waitedMs: admission.waitedMs,
        tier: enforced.tier,
        ceilings: ceilings.ceilings,
      },
      { ending, output: execution.output },
      classification,
    );
    logger.info("run ended", {
      run_id: runId,
      tool: tool.name,
      correlation_id: correlationId,
      outcome: result.outcome,
      returncode: result.returncode,
      execution_time_sec: result.execution_time_sec,
      queue_time_sec: result.queue_time_sec,
    });
    return { kind: "result", result, summary };
  }
}
