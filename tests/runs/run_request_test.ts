import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonSchemaOf } from "../../src/core/json_schema.ts";
import { planRun } from "../../src/runs/plan.ts";
import { REQUEST_FIELDS, runRequestSchema } from "../../src/runs/run_request.ts";
import { labPolicy, toolOf } from "../support/engine.ts";
import { FEW } from "../support/few.ts";
import { schemaMistake } from "../support/json_schema.ts";

const anything = fc.jsonValue({ maxDepth: 2 });

/** Each field with what it may be and what it may not. */
const body = fc.record({
  target: fc.oneof(
    { weight: 4, arbitrary: fc.constant("10.0.0.5") },
    anything.filter((v) => typeof v !== "string"),
  ),
  parameters: fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    anything.filter((value) => !isEmptyable(value)),
  ),
  extra_args: fc.oneof(
    { weight: 3, arbitrary: fc.constant("") },
    anything.filter((v) => typeof v !== "string"),
  ),
  timeout_sec: fc.oneof(
    fc.double({ min: 0.1, max: 60, noNaN: true }),
    fc.double({ min: -1, max: 0.0999, noNaN: true }),
    fc.constantFrom(0.1, 0, -0, 60),
    anything.filter((v) => typeof v !== "number"),
  ),
  correlation_id: fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
    fc.string(),
    fc.constantFrom("", "a".repeat(64), "a".repeat(65), "a\n", "\u00e9"),
    anything,
  ),
}, { requiredKeys: ["target"] });

/** Parameters of an object are the tool's own, which this is not about. */
function isEmptyable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const whole = fc.tuple(body, fc.dictionary(fc.string(), anything, { maxKeys: 1 }), fc.boolean()).map(
  ([known, unknown, isWithUnknown]) => isWithUnknown ? { ...unknown, ...known } : known,
);

Deno.test("request: what is said of it is what is checked", () => {
  const tool = toolOf();
  const schema = jsonSchemaOf(runRequestSchema);
  const numRuns = FEW ? 300 : 1000;
  let taken = 0;
  fc.assert(
    fc.property(whole, (request) => {
      const plan = planRun(tool, request, labPolicy(), 2048);
      const shown = plan.ok ? "a plan" : JSON.stringify(plan);
      assert.equal(runRequestSchema.safeParse(request).success, plan.ok, shown);
      assert.equal(schemaMistake(schema, request) === null, plan.ok, shown);
      if (plan.ok) taken++;
    }),
    { numRuns },
  );
  // About one in ten is.
  assert(taken > numRuns / 100, "hardly any was good");
});

Deno.test("request: its fields are the contract's", () => {
  assert.deepEqual(REQUEST_FIELDS, ["target", "parameters", "extra_args", "timeout_sec", "correlation_id"]);
});
