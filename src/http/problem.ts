/**
 * Errors over HTTP: RFC 9457 problem details, with the fields of a refusal beside them.
 *
 * @module
 */
import { newId } from "../core/ids.ts";
import { type Refusal, REFUSAL_ANSWERS, refusalBody } from "../core/refusal.ts";
import { jsonAnswer } from "./json_answer.ts";

/** A problem that is no refusal: a route, a header, a bug. */
export interface HttpProblem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly remedy: string;
  /** Null where the contract's table of outcomes has none: who is asking, not what for. */
  readonly errorType: string | null;
}

/** Answers with a problem. */
export function problem(problem: HttpProblem, correlationId: string, headers: HeadersInit = {}): Response {
  return respond(problem.status, headers, {
    type: "about:blank",
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    error_type: problem.errorType,
    recovery_suggestion: problem.remedy,
    correlation_id: correlationId,
  });
}

/** Answers with a refusal. */
export function refusalProblem(refusal: Refusal, correlationId: string): Response {
  const { title, httpStatus } = REFUSAL_ANSWERS[refusal.condition];
  const { error, ...body } = refusalBody(refusal);
  const retry = refusal.retryAfterSec;
  const headers = new Headers();
  if (retry !== undefined) headers.set("retry-after", String(retry));
  // The rest may come at any time, so nothing else can be asked on that connection; RFC 9110, section 15.5.9.
  if (httpStatus === 408) headers.set("connection", "close");
  return respond(httpStatus, headers, {
    type: "about:blank",
    title,
    status: httpStatus,
    detail: error,
    ...body,
    correlation_id: correlationId,
  });
}

function respond(status: number, headers: HeadersInit, body: object): Response {
  return jsonAnswer(body, { status, type: "application/problem+json", headers });
}

/** There is nothing at the path that was asked for. */
export function notFound(detail: string, remedy: string): Response {
  return problem({ status: 404, title: "Not found", detail, errorType: "not_found", remedy }, newId());
}

/** The path is there, and the method is none of its own. */
export function methodNotAllowed(path: string, methods: readonly string[]): Response {
  const allow = methods.join(", ");
  return problem(
    {
      status: 405,
      title: "Method not allowed",
      detail: `${path} takes ${allow}`,
      errorType: "validation_error",
      remedy: `Use ${allow}.`,
    },
    newId(),
    { allow },
  );
}
