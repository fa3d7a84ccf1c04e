/**
 * Leave for what a manifest marks as intrusive: by the configuration, and by a person unless it waives the question.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { abortionOf } from "../confinement/compartment.ts";
import type { Clock } from "../core/clock.ts";
import type { Refusal } from "../core/refusal.ts";
import { SHUTTING_DOWN } from "./admission.ts";
import type { Plan } from "./plan.ts";
import type { ApprovalAnswer, ApprovalQuestion, AskPerson } from "./question.ts";
import { no, type Step } from "./step.ts";
import type { ToolboxEntry } from "./toolbox.ts";

/** The configuration's part. */
export interface IntrusiveSettings {
  readonly allowIntrusive: boolean;
  readonly confirmIntrusive: boolean;
}

/** The caller's part. */
export interface LeaveOfCaller {
  /** Aborting it withdraws the request, an open question included. */
  readonly signal: AbortSignal;
  /** Whether this caller may be given leave for intrusive runs at all. */
  readonly mayIntrude: boolean;
  /** Asks the person behind the caller; absent when its client cannot ask. */
  readonly ask?: AskPerson;
}

/**
 * How long a question stays open, in milliseconds. A person who was called to the screen needs minutes, and a question
 * of an hour ago is approved without being read. No permit is held meanwhile.
 */
export const ANSWER_LIMIT_MS = 300_000;

const logger = getLogger(["bulkhead", "runs"]);

/** Decides about intrusive runs, until it is closed. */
export class Approver {
  readonly #clock: Clock;
  readonly #closed = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks nobody any more, and ends the questions that are open: what they would allow is not let in now. */
  close(): void {
    this.#closed.abort();
  }

  /** Goes on with an ordinary run, and with an intrusive one that is given leave. */
  async approve(
    entry: ToolboxEntry,
    plan: Plan,
    correlationId: string,
    caller: LeaveOfCaller,
    settings: IntrusiveSettings,
  ): Promise<Step<null>> {
    const { intrusive } = plan;
    if (intrusive.length === 0) return LEAVE;
    const about = { tool: entry.tool.name, correlation_id: correlationId, intrusive };
    const refuse = (reason: string, refusal: Refusal) => {
      logger.info("intrusive run refused", { ...about, reason });
      return no(refusal);
    };
    const what = intrusive.join(", ");
    if (!settings.allowIntrusive) return refuse("not allowed", notAllowed(what));
    if (!caller.mayIntrude) return refuse("not open to the caller", notOpen(what));
    if (!settings.confirmIntrusive) {
      logger.info("intrusive run approved", { ...about, by: "configuration" });
      return LEAVE;
    }
    if (caller.ask === undefined) return refuse("the client cannot ask", cannotAsk(what));
    const withdrawal = () => {
      if (caller.signal.aborted) return refuse("cancelled", CANCELLED_BEFORE_LEAVE);
      return this.#closed.signal.aborted ? refuse("shutting down", SHUTTING_DOWN) : null;
    };
    const before = withdrawal();
    if (before !== null) return before;
    const question = questionOf(entry, plan);
    logger.info("intrusive run put to a person", about);
    // Arguments may hold a caller's secrets, such as a header with a token.
    logger.debug("intrusive run put to a person: arguments", { ...about, argv: question.argv });
    const answer = await this.#answerTo(question, caller.ask, caller.signal, correlationId);
    // An answer that came too late to be of use gives no leave either.
    const meanwhile = withdrawal();
    if (meanwhile !== null) return meanwhile;
    switch (answer) {
      case "approved":
        logger.info("intrusive run approved", { ...about, by: "person" });
        return LEAVE;
      case "declined":
        logger.info("intrusive run declined", about);
        return no(declined(what));
      case "busy":
        return refuse("another question is open", busy(what));
      case "unanswered":
        return refuse("unanswered", unanswered(what));
    }
  }

  /** Asks; the question ends with its answer, the time limit, the request or the server, whichever is first. */
  async #answerTo(
    question: ApprovalQuestion,
    ask: AskPerson,
    signal: AbortSignal,
    correlationId: string,
  ): Promise<ApprovalAnswer> {
    const withdrawn = AbortSignal.any([signal, this.#closed.signal]);
    // Of this question alone: a run that is cancelled after its approval must not withdraw what was answered.
    const over = new AbortController();
    const end = () => over.abort("the question is no longer open");
    withdrawn.addEventListener("abort", end, { once: true });
    const cancelTimer = this.#clock.after(ANSWER_LIMIT_MS, end);
    try {
      const answer = await Promise.race([ask(question, over.signal), abortionOf(over.signal)]);
      return answer === true ? "unanswered" : answer;
    } catch (error) {
      const about = { tool: question.tool, correlation_id: correlationId };
      logger.warn("a question was not answered", { ...about, error: String(error) });
      return "unanswered";
    } finally {
      cancelTimer();
      withdrawn.removeEventListener("abort", end);
    }
  }
}

const LEAVE = { ok: true, value: null } as const;

function questionOf({ tool, availability }: ToolboxEntry, plan: Plan): ApprovalQuestion {
  if (!availability.available) throw new Error(`${tool.name} was resolved without a program`);
  const { target, intrusive, args } = plan;
  return { tool: tool.name, target, intrusive, argv: [availability.path, ...args] };
}

const WAIVER = "A person may waive the question with security.confirm_intrusive: false.";

const CANCELLED_BEFORE_LEAVE: Refusal = {
  condition: "cancelled",
  error: "the run was cancelled before a person had given leave for it",
  remedy: "Ask again when it is wanted.",
};

function notAllowed(what: string): Refusal {
  return {
    condition: "approval_required",
    error: `intrusive use (${what}) is not allowed`,
    remedy: "A person may allow it with security.allow_intrusive: true. Leave it out otherwise.",
  };
}

function notOpen(what: string): Refusal {
  return {
    condition: "approval_required",
    error: `intrusive use (${what}) is not open to callers over HTTP without a token`,
    remedy: "Use stdio, the command line or a token (auth.tokens_file), where the configuration decides. " +
      "Leave it out otherwise.",
  };
}

function cannotAsk(what: string): Refusal {
  return {
    condition: "approval_required",
    error: `intrusive use (${what}) must be confirmed by a person, and this client cannot ask one`,
    remedy: `An MCP client with elicitation can, and so can bulkhead call at a terminal. ${WAIVER}`,
  };
}

function busy(what: string): Refusal {
  return {
    condition: "approval_required",
    error:
      `intrusive use (${what}) must be confirmed by a person, who is still being asked about another run`,
    remedy: "Wait until that run is answered, then ask again: one question at a time.",
  };
}

/** Not `approval_declined`: nobody said no, so that it may be asked again when somebody is there. */
function unanswered(what: string): Refusal {
  return {
    condition: "approval_required",
    error: `intrusive use (${what}) must be confirmed by a person, and nobody did`,
    remedy: "Ask again only when somebody is there to answer, within " +
      `${ANSWER_LIMIT_MS / 1000} s; leave it out otherwise. ${WAIVER}`,
  };
}

function declined(what: string): Refusal {
  return {
    condition: "approval_declined",
    error: `a person was asked about intrusive use (${what}) and declined it`,
    remedy: "Leave it out. Ask again only if that person says so.",
  };
}
