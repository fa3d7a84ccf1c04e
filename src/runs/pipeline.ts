/**
 * The one road from a request to an answer: resolve, validate, approve, admit, execute, classify, record.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { OutputListener } from "../confinement/compartment.ts";
import type { Clock } from "../core/clock.ts";
import { FailedRequest, stackOf } from "../core/failed_request.ts";
import { isCorrelationId, newId } from "../core/ids.ts";
import { JoinedSignal } from "../core/joined_signal.ts";
import { type Refusal, REFUSAL_ANSWERS } from "../core/refusal.ts";
import { quote } from "../core/text.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { type AdmissionSettings, Gate, SHUTTING_DOWN } from "./admission.ts";
import { Approver, type IntrusiveSettings, type LeaveOfCaller } from "./approval.ts";
import { type Enforced, execute, type ExecutionSettings, type ReportedRun } from "./execute.ts";
import { type Lookups, planWithLookups } from "./lookups.ts";
import type { Plan, RunRequest } from "./plan.ts";
import type { RunObserver } from "./run_observer.ts";
import { no, type Step } from "./step.ts";
import {
  disablement,
  findTool,
  isOffered,
  type Toolbox,
  type ToolboxEntry,
  unavailability,
} from "./toolbox.ts";

/** The configuration's part in every run. */
export interface PipelineSettings extends IntrusiveSettings, AdmissionSettings, ExecutionSettings {
  readonly maxArgsBytes: number;
}

/** What the configuration says now, as a whole: a reload puts another one in its place. */
export interface Rules {
  readonly policy: TargetPolicy;
  readonly settings: PipelineSettings;
}

/** What the pipeline works with. */
export interface PipelineParts {
  readonly toolbox: Toolbox;
  /** Asked for each run, and once more before it is executed. */
  readonly rules: () => Rules;
  /** Whether that client may still run tools: asked once more before a run is executed. */
  readonly mayRun: (client: string) => boolean;
  /** What plans may ask for. */
  readonly lookups: Lookups;
  /** What is enforced on every program; decided while the first requests may already be there. */
  readonly enforced: () => Promise<Enforced>;
  /** Told of each request when it is answered: exactly once, whatever came of it. */
  readonly record: (answered: AnsweredRequest) => void;
  /** Told of each run whose program is started, in this order. */
  readonly observers: readonly RunObserver[];
  readonly clock: Clock;
}

/** The answer to a request: a result of a run that happened, or a refusal. */
export type RunAnswer = ({ readonly kind: "result" } & ReportedRun) | RefusedRun;

/** The answer to a request that was refused. */
export interface RefusedRun {
  readonly kind: "refusal";
  readonly refusal: Refusal;
  readonly correlationId: string;
}

/** A request that was answered, for whoever keeps count. */
export interface AnsweredRequest {
  /** As it was asked for: there need not be such a tool. */
  readonly tool: string;
  readonly client: string;
  /** Null when the server failed to answer. */
  readonly answer: RunAnswer | null;
}

/** The surroundings of one request. */
export interface RunContext extends LeaveOfCaller {
  /** Aborting it cancels the run, wherever it is. */
  readonly signal: AbortSignal;
  /** Who asks: `stdio`, `cli`, over HTTP the name of the token or, without tokens, the address. */
  readonly client: string;
  readonly onOutput?: OutputListener;
  /** Called when the program is about to be started; what is refused from then on is rare. */
  readonly onStart?: () => void;
}

/** A request that was found good, and the rules and the entry by which it was. */
interface Prepared {
  readonly rules: Rules;
  readonly entry: ToolboxEntry;
  readonly plan: Plan;
}

const logger = getLogger(["bulkhead", "runs"]);

/** Runs tools. */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #approver: Approver;
  readonly #gate: Gate;
  readonly #stopped = new AbortController();
  readonly #going = new Set<Promise<unknown>>();

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#approver = new Approver(parts.clock);
    this.#gate = new Gate(() => parts.rules().settings, parts.clock);
  }

  /** Whether new runs are taken. */
  get admitting(): boolean {
    return this.#gate.open;
  }

  /**
   * Answers one request.
   *
   * @throws {FailedRequest} for a bug, and never for anything that a caller can send
   */
  run(toolName: string, request: RunRequest, context: RunContext): Promise<RunAnswer> {
    const answer = this.#recorded(toolName, request, context);
    this.#going.add(answer);
    return answer.finally(() => this.#going.delete(answer));
  }

  /** Answers a request of which no more than the tool's name could be understood. */
  refuse(tool: string, refusal: Refusal, client: string): RefusedRun {
    const answer = this.#refused(tool, refusal, newId());
    this.#record({ tool, client, answer });
    return answer;
  }

  /** Lets those that wait already feel that the rules have changed. */
  refresh(): void {
    this.#gate.refresh();
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

  async #recorded(tool: string, request: RunRequest, context: RunContext): Promise<RunAnswer> {
    let answer: RunAnswer | null = null;
    try {
      answer = await this.#answer(tool, request, context);
      return answer;
    } finally {
      this.#record({ tool, client: context.client, answer });
    }
  }

  /** The answer is the caller's, whatever becomes of the count. */
  #record(answered: AnsweredRequest): void {
    try {
      this.#parts.record(answered);
    } catch (error) {
      logger.error("a request was answered and not recorded", { error: stackOf(error) });
    }
  }

  async #answer(toolName: string, request: RunRequest, context: RunContext): Promise<RunAnswer> {
    const given = request.correlation_id;
    const correlationId = typeof given === "string" && isCorrelationId(given) ? given : newId();
    let step: Step<ReportedRun>;
    try {
      step = await this.#run(toolName, request, correlationId, context);
    } catch (error) {
      throw new FailedRequest(correlationId, error);
    }
    return step.ok ? { kind: "result", ...step.value } : this.#refused(toolName, step.refusal, correlationId);
  }

  #refused(toolName: string, refusal: Refusal, correlationId: string): RefusedRun {
    logger.info("run refused", {
      // What no tool is called was chosen by the caller: it may be long, or look like something else.
      tool: this.#parts.toolbox.has(toolName) ? toolName : quote(toolName),
      correlation_id: correlationId,
      error_type: REFUSAL_ANSWERS[refusal.condition].errorType,
      error: refusal.error,
    });
    return { kind: "refusal", refusal, correlationId };
  }

  async #run(
    toolName: string,
    request: RunRequest,
    correlationId: string,
    context: RunContext,
  ): Promise<Step<ReportedRun>> {
    // Nothing is looked up, which takes a program of its own, for what is not let in anyhow.
    if (!this.#gate.open) return no(SHUTTING_DOWN);
    using joined = new JoinedSignal(context.signal, this.#stopped.signal);
    const { signal } = joined;
    const prepared = await this.#prepareWhileOpen(toolName, request, signal);
    if (!prepared.ok) return prepared;
    const { rules, entry, plan } = prepared.value;
    const approved = await this.#approver.approve(entry, plan, correlationId, context, rules.settings);
    if (!approved.ok) return approved;
    const admitted = await this.#gate.admit(entry, context.client, signal);
    if (!admitted.ok) return admitted;
    const admission = admitted.value;
    try {
      const current = await this.#stillGood(prepared.value, request, signal);
      if (!current.ok) return current;
      if (!this.#parts.mayRun(context.client)) return no(TAKEN_BACK);
      return await execute({
        entry: current.value.entry,
        plan: current.value.plan,
        settings: current.value.rules.settings,
        enforced: this.#parts.enforced,
        admission,
        correlationId,
        client: context.client,
        signal,
        onOutput: context.onOutput,
        onStart: context.onStart,
        observers: this.#parts.observers,
        clock: this.#parts.clock,
      });
    } finally {
      admission.release();
    }
  }

  /** {@link Pipeline.#prepare}, given up when the gate is closed meanwhile. */
  async #prepareWhileOpen(
    toolName: string,
    request: RunRequest,
    signal: AbortSignal,
  ): Promise<Step<Prepared>> {
    using whileOpen = new JoinedSignal(signal, this.#gate.closed);
    const prepared = await this.#prepare(toolName, request, whileOpen.signal);
    return prepared.ok || this.#gate.open || signal.aborted ? prepared : no(SHUTTING_DOWN);
  }

  /** Resolves and validates. */
  async #prepare(toolName: string, request: RunRequest, signal: AbortSignal): Promise<Step<Prepared>> {
    const rules = this.#parts.rules();
    const resolved = this.#resolve(toolName);
    if (!resolved.ok) return resolved;
    const entry = resolved.value;
    const { policy, settings } = rules;
    const { lookups } = this.#parts;
    const plan = await planWithLookups(entry.tool, request, policy, settings.maxArgsBytes, lookups, signal);
    return plan.ok ? { ok: true, value: { rules, entry, plan: plan.value } } : plan;
  }

  /** The request by the rules of now, which may be others than those by which it began to wait. */
  async #stillGood(before: Prepared, request: RunRequest, signal: AbortSignal): Promise<Step<Prepared>> {
    const { name } = before.entry.tool;
    let prepared = before;
    // Names are looked up to judge it anew, and meanwhile the rules may change once more.
    while (!this.#isOfNow(prepared, name)) {
      const now = await this.#prepare(name, request, signal);
      if (!now.ok) return now;
      // Leave was given, by a person or by the configuration, for what was planned then.
      if (now.value.plan.intrusive.length > 0) return no(CHANGED);
      prepared = now.value;
    }
    return { ok: true, value: prepared };
  }

  #isOfNow({ rules, entry }: Prepared, name: string): boolean {
    return this.#parts.rules() === rules && this.#parts.toolbox.get(name) === entry;
  }

  /** Known, enabled, program present. */
  #resolve(name: string): Step<ToolboxEntry> {
    const found = findTool(this.#parts.toolbox, name);
    if (!found.ok) return found;
    const entry = found.value;
    const off = disablement(entry);
    if (off !== null) {
      return no({
        condition: "disabled",
        error: `${name} cannot be used: ${off.reason}`,
        remedy: off.remedy,
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
}

const CHANGED: Refusal = {
  condition: "approval_required",
  error: "the configuration has changed since leave was given for this run",
  remedy: "Ask again: it is decided anew.",
};

const TAKEN_BACK: Refusal = {
  condition: "cancelled",
  error: "the token that this run was asked for with was taken back while it waited",
  remedy: "A person may give a token the scope execute in the server's auth.tokens_file.",
};
