import fc from "fast-check";
import assert from "node:assert/strict";
import { PRIORITIES } from "../../src/config/health_schema.ts";
import { HEALTH_STATUSES, type HealthStatus } from "../../src/core/health_status.ts";
import { combine, type Weighed } from "../../src/health/combine.ts";

/** The same rules read as grades: each result has one by itself, and the worst counts. */
function worst(results: readonly Weighed[]): HealthStatus {
  const isAllInformationalDown = results.every(({ priority, status }) =>
    priority !== "informational" || status === "unhealthy"
  );
  const grades = results.map(({ priority, status }) => {
    if (status === "healthy") return 0;
    if (status === "degraded") return 1;
    return { critical: 2, important: 1, informational: isAllInformationalDown ? 1 : 0 }[priority];
  });
  return HEALTH_STATUSES[Math.max(0, ...grades)]!;
}

const result = fc.record<Weighed>({
  status: fc.constantFrom(...HEALTH_STATUSES),
  priority: fc.constantFrom(...PRIORITIES),
});

Deno.test("combine: agrees with a second reading of the rules, whatever the results", () => {
  const seen = new Set<HealthStatus>();
  fc.assert(
    fc.property(fc.array(result, { maxLength: 8 }), (results) => {
      const combined = combine(results);
      seen.add(combined);
      assert.equal(combined, worst(results));
      assert.equal(combine(results.toReversed()), combined, "the order says nothing");
    }),
    { numRuns: 5000 },
  );
  assert.equal(seen.size, 3);
});

for (
  const [what, results, expected] of [
    ["no check at all", [], "healthy"],
    ["a critical one unhealthy", [["critical", "unhealthy"], ["important", "healthy"]], "unhealthy"],
    ["a critical one degraded", [["critical", "degraded"], ["important", "healthy"]], "degraded"],
    ["an important one unhealthy", [["critical", "healthy"], ["important", "unhealthy"]], "degraded"],
    ["an informational one degraded", [["critical", "healthy"], ["informational", "degraded"]], "degraded"],
    ["one of two informational ones unhealthy", [
      ["informational", "unhealthy"],
      ["informational", "healthy"],
    ], "healthy"],
    ["all informational ones unhealthy", [
      ["critical", "healthy"],
      ["informational", "unhealthy"],
      ["informational", "unhealthy"],
    ], "degraded"],
    ["all that is informational, and unhealthy", [["informational", "unhealthy"]], "degraded"],
  ] as const
) {
  Deno.test(`combine: ${what} is ${expected}`, () => {
    assert.equal(combine(results.map(([priority, status]) => ({ priority, status }))), expected);
  });
}
