/**
 * Refusals: runs that never started. One table says, for every condition, what each transport answers.
 *
 * @module
 */

import * as z from "zod";

/** The stable error names that clients see in `error_type`. */
export const ERROR_TYPES = [
  "validation_error",
  "approval_required",
  "approval_declined",
  "not_found",
  "disabled",
  "queue_full",
  "rate_limited",
  "circuit_breaker_open",
  "execution_error",
  "resource_exhausted",
  "timeout",
  "cancelled",
  "unknown",
] as const;

/** One of {@link ERROR_TYPES}. */
export type ErrorType = (typeof ERROR_TYPES)[number];

/** How one condition is answered: by HTTP status, by the exit code of `bulkhead call`, and over MCP. */
export interface RefusalAnswer {
  readonly errorType: ErrorType;
  readonly title: string;
  readonly httpStatus: number;
  readonly exitCode: number;
  /** `result`: a tool result with isError; `invalid_params`: the JSON-RPC error -32602. */
  readonly mcp: "result" | "invalid_params";
}

/** Why a run was refused, and the answer that follows from it everywhere. */
export const REFUSAL_ANSWERS = {
  invalid: answer("validation_error", "The request is not valid", 400, 3),
  too_large: answer("validation_error", "The request is too large", 413, 3),
  too_slow: answer("validation_error", "The request came too slowly", 408, 3),
  approval_required: answer("approval_required", "The run needs leave", 403, 3),
  approval_declined: answer("approval_declined", "Leave was not given", 403, 3),
  unknown_tool: answer("not_found", "No such tool", 404, 2, "invalid_params"),
  disabled: answer("disabled", "The tool is disabled", 409, 4),
  unavailable: answer("not_found", "The tool is not available", 503, 4),
  queue_full: answer("queue_full", "Too many runs are waiting", 429, 4),
  rate_limited: answer("rate_limited", "Too many requests", 429, 4),
  breaker_open: answer("circuit_breaker_open", "The circuit breaker is open", 503, 4),
  cancelled: answer("cancelled", "The run was cancelled before it started", 503, 1),
  shutting_down: answer("cancelled", "The server is shutting down", 503, 4),
} as const satisfies Record<string, RefusalAnswer>;

/** A row of {@link REFUSAL_ANSWERS}. */
export type RefusalCondition = keyof typeof REFUSAL_ANSWERS;

/** A run that never started. Nothing was spawned. */
export interface Refusal {
  readonly condition: RefusalCondition;
  /** What is wrong, naming the field. */
  readonly error: string;
  /** What to do about it. */
  readonly remedy: string;
  /** The request's field at fault, such as `target` or `parameters.ports`. */
  readonly field?: string;
  /** Seconds until a new try makes sense. */
  readonly retryAfterSec?: number;
}

/** The wire form of a refusal, shared by MCP's structured content, `call --json` and HTTP problems. */
export const refusalBodySchema = z.strictObject({
  error_type: z.enum(ERROR_TYPES),
  error: z.string().describe("What is wrong"),
  recovery_suggestion: z.string().describe("What to do about it"),
  field: z.string().exactOptional().describe("The request's field at fault, such as parameters.ports"),
  retry_after_sec: z.int().min(1).exactOptional().describe("Seconds until a new try makes sense"),
});

/** What {@link refusalBodySchema} describes. */
export type RefusalBody = Readonly<z.infer<typeof refusalBodySchema>>;

/** Renders a refusal for clients. */
export function refusalBody(refusal: Refusal): RefusalBody {
  return {
    error_type: REFUSAL_ANSWERS[refusal.condition].errorType,
    error: refusal.error,
    recovery_suggestion: refusal.remedy,
    ...(refusal.field !== undefined && { field: refusal.field }),
    ...(refusal.retryAfterSec !== undefined && { retry_after_sec: refusal.retryAfterSec }),
  };
}

/** A wait as clients are told of it: Retry-After is whole seconds (RFC 9110 section 10.2.3), and 0 would mean at once. */
export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

function answer(
  errorType: ErrorType,
  title: string,
  httpStatus: number,
  exitCode: number,
  mcp: "result" | "invalid_params" = "result",
): RefusalAnswer {
  return { errorType, title, httpStatus, exitCode, mcp };
}
