import assert from "node:assert/strict";
import { REFUSAL_ANSWERS, refusalBody } from "../../src/core/refusal.ts";
import { exitCodeOf, type Outcome, type RunResult } from "../../src/core/result.ts";

/** The contract's table: error_type, HTTP status, exit code, and what is said over MCP. */
const TABLE = {
  invalid: ["validation_error", 400, 3, "result"],
  too_large: ["validation_error", 413, 3, "result"],
  too_slow: ["validation_error", 408, 3, "result"],
  approval_required: ["approval_required", 403, 3, "result"],
  approval_declined: ["approval_declined", 403, 3, "result"],
  unknown_tool: ["not_found", 404, 2, "invalid_params"],
  disabled: ["disabled", 409, 4, "result"],
  unavailable: ["not_found", 503, 4, "result"],
  queue_full: ["queue_full", 429, 4, "result"],
  rate_limited: ["rate_limited", 429, 4, "result"],
  breaker_open: ["circuit_breaker_open", 503, 4, "result"],
  cancelled: ["cancelled", 503, 1, "result"],
  shutting_down: ["cancelled", 503, 4, "result"],
};

Deno.test("refusal: every condition is answered as the contract says", () => {
  const answers = Object.entries(REFUSAL_ANSWERS).map((
    [condition, { errorType, httpStatus, exitCode, mcp }],
  ) => [condition, [errorType, httpStatus, exitCode, mcp]] as const);
  assert.deepEqual(Object.fromEntries(answers), TABLE);
});

Deno.test("refusal: its wire form has the contract's fields, and the data only where there is some", () => {
  const refusal = { condition: "breaker_open", error: "e", remedy: "r" } as const;
  assert.deepEqual(refusalBody(refusal), {
    error_type: "circuit_breaker_open",
    error: "e",
    recovery_suggestion: "r",
  });
  assert.deepEqual(refusalBody({ ...refusal, field: "target", retryAfterSec: 3 }), {
    error_type: "circuit_breaker_open",
    error: "e",
    recovery_suggestion: "r",
    field: "target",
    retry_after_sec: 3,
  });
});

for (
  const [outcome, code] of [
    ["success", 0],
    ["failure", 1],
    ["timeout", 1],
    ["killed", 1],
    ["cancelled", 1],
  ] as const satisfies readonly (readonly [Outcome, 0 | 1])[]
) {
  Deno.test(`result: a run that ended in ${outcome} exits with ${code}`, () => {
    assert.equal(exitCodeOf({ outcome } as RunResult), code);
  });
}
