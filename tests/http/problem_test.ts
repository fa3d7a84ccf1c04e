import assert from "node:assert/strict";
import { REFUSAL_ANSWERS, type RefusalCondition } from "../../src/core/refusal.ts";
import { problem, refusalProblem } from "../../src/http/problem.ts";

Deno.test("problem: a refusal's fields are exactly the contract's, with its data beside them", async () => {
  const refusal = {
    condition: "queue_full",
    error: "too many",
    remedy: "Wait.",
    field: "target",
    retryAfterSec: 7,
  } as const;
  const response = refusalProblem(refusal, "c-1");
  assert.equal(response.headers.get("retry-after"), "7");
  assert.deepEqual(await response.json(), {
    type: "about:blank",
    title: "Too many runs are waiting",
    status: 429,
    detail: "too many",
    error_type: "queue_full",
    recovery_suggestion: "Wait.",
    field: "target",
    retry_after_sec: 7,
    correlation_id: "c-1",
  });
});

for (const [condition, answer] of Object.entries(REFUSAL_ANSWERS)) {
  Deno.test(`problem: ${condition} is answered by the table`, async () => {
    const refusal = { condition: condition as RefusalCondition, error: "e", remedy: "r" };
    const response = refusalProblem(refusal, "c");
    const { status, title, error_type } = await response.json();
    assert.deepEqual([response.status, status, title, error_type], [
      answer.httpStatus,
      answer.httpStatus,
      answer.title,
      answer.errorType,
    ]);
    assert.equal(response.headers.has("retry-after"), false);
  });
}

Deno.test("problem: headers of its own are kept, and the type is a problem's", () => {
  const about = { status: 405, title: "t", detail: "d", remedy: "r", errorType: "validation_error" };
  const response = problem(about, "c", { allow: "GET", "content-type": "text/html" });
  assert.deepEqual([response.headers.get("allow"), response.headers.get("content-type")], [
    "GET",
    "application/problem+json",
  ]);
});

Deno.test("problem: what must not be shown raw is escaped, and reads the same", async () => {
  const about = {
    status: 404,
    title: "t",
    detail: "a\u202eb\u0085c\u2028",
    remedy: "r",
    errorType: "not_found",
  };
  const text = await problem(about, "c").text();
  assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}]/u);
  assert.equal(JSON.parse(text).detail, about.detail);
});
