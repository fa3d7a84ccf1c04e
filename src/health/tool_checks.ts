/**
 * Checks of the user's own: runs of tools that must succeed. They go the one road of every run, so that targets, rates,
 * breakers and queues hold for them as for any client.
 *
 * @module
 */
import type { RefusalCondition } from "../core/refusal.ts";
import { escapeLine, withRemedy } from "../core/text.ts";
import { checkClient } from "../runs/check_client.ts";
import type { Pipeline, RunAnswer } from "../runs/pipeline.ts";
import type { RunRequest } from "../runs/plan.ts";
import type { CheckOutcome, HealthCheck, HealthStatus, Priority } from "./check.ts";

/** A run of `health.checks`. */
export interface ToolCheckSettings {
  readonly name: string;
  readonly priority: Priority;
  readonly tool: string;
  readonly target?: string | undefined;
  /** Typed values, as in the body of a request. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  readonly extra_args?: string | undefined;
}

/** The request that a check makes. */
export function requestOf({ target, parameters, extra_args }: ToolCheckSettings): RunRequest {
  return {
    ...(target !== undefined && { target }),
    ...(parameters !== undefined && { parameters }),
    ...(extra_args !== undefined && { extra_args }),
  };
}

/**
 * What a refusal says about the tool. Where others have taken all places, or the server stops, nothing was found out;
 * behind an open breaker are repeated failures, and the rest is a mistake that does not go away by itself.
 */
const REFUSED: Readonly<Record<RefusalCondition, HealthStatus>> = {
  invalid: "unhealthy",
  too_large: "unhealthy",
  too_slow: "unhealthy",
  approval_required: "unhealthy",
  approval_declined: "unhealthy",
  unknown_tool: "unhealthy",
  disabled: "unhealthy",
  unavailable: "unhealthy",
  queue_full: "degraded",
  rate_limited: "degraded",
  breaker_open: "unhealthy",
  cancelled: "degraded",
  shutting_down: "degraded",
};

/** Nobody is there who could give leave for an intrusive run. */
export const INTRUSIVE = "a check makes no intrusive runs: choose a tool or flags that are not marked so";

/** The checks that these settings describe, each under its own name. */
export function toolChecks(
  settings: readonly ToolCheckSettings[],
  pipeline: Pick<Pipeline, "run">,
): HealthCheck[] {
  return settings.map((one) => ({
    name: one.name,
    priority: one.priority,
    async check(signal): Promise<CheckOutcome> {
      const context = { signal, client: checkClient(one.name), mayIntrude: false };
      const answer = await pipeline.run(one.tool, requestOf(one), context);
      return outcomeOf(one.tool, answer, signal.aborted);
    },
  }));
}

/** @param isLate whether the time of the check was over before the answer came */
function outcomeOf(tool: string, answer: RunAnswer, isLate: boolean): CheckOutcome {
  if (answer.kind === "refusal") {
    const { condition, error, remedy } = answer.refusal;
    const message = condition === "approval_required" ? INTRUSIVE : escapeLine(withRemedy(error, remedy));
    return { status: REFUSED[condition], message, metadata: { tool } };
  }
  const { outcome, error, run_id, execution_time_sec } = answer.result;
  const metadata = { tool, run_id, outcome, execution_time_sec };
  if (outcome === "success") return { status: "healthy", message: `${tool} succeeded`, metadata };
  if (outcome === "cancelled") {
    // Otherwise it was the server's stop.
    return isLate
      ? { status: "unhealthy", message: `${tool} had not ended when the time of a check was over`, metadata }
      : { status: "degraded", message: `${tool} was cancelled`, metadata };
  }
  return { status: "unhealthy", message: escapeLine(error ?? `${tool}: ${outcome}`), metadata };
}
