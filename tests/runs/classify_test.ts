import assert from "node:assert/strict";
import { type ClassificationRules, classify } from "../../src/runs/classify.ts";
import type { Ending } from "../../src/confinement/protocol.ts";
import { endingOf } from "../support/engine.ts";

const rules: ClassificationRules = {
  toolName: "probe",
  targetExitCodes: [7],
  successExitCodes: [0, 1],
  timeoutMs: 2500,
  callerShortened: false,
  memoryMb: null,
};
const shortened = { ...rules, callerShortened: true };

/** Each way to end, with the outcome, the error's type and what the breaker counts. */
const TABLE:
  readonly (readonly [string, Partial<Ending>, ClassificationRules, string, string | null, string])[] = [
    ["exit code 0", { code: 0 }, rules, "success", null, "success"],
    ["another success exit code", { code: 1 }, rules, "success", null, "success"],
    ["any other exit code", { code: 2 }, rules, "failure", "execution_error", "failure"],
    ["an exit code about the target", { code: 7 }, rules, "failure", "execution_error", "excluded"],
    ["a signal", { code: null, signal: "SIGSEGV" }, rules, "killed", "resource_exhausted", "failure"],
    [
      "its time-out",
      { code: null, signal: "SIGTERM", cause: "timeout" },
      rules,
      "timeout",
      "timeout",
      "failure",
    ],
    [
      "a time-out answered with exit code 0",
      { code: 0, cause: "timeout" },
      rules,
      "timeout",
      "timeout",
      "failure",
    ],
    [
      "the caller's own deadline",
      { code: null, cause: "timeout" },
      shortened,
      "timeout",
      "timeout",
      "excluded",
    ],
    ["cancellation", { code: null, cause: "cancelled" }, rules, "cancelled", "cancelled", "excluded"],
    [
      "cancellation, exit code 0",
      { code: 0, cause: "cancelled" },
      rules,
      "cancelled",
      "cancelled",
      "excluded",
    ],
    ["a flood", { code: null, cause: "flood" }, rules, "killed", "resource_exhausted", "failure"],
    ["failure within a shorter deadline", { code: 2 }, shortened, "failure", "execution_error", "failure"],
  ];

for (const [name, ending, given, outcome, errorType, breaker] of TABLE) {
  Deno.test(`classify: ${name} is ${outcome} and counts as ${breaker} (D10, D11)`, () => {
    const judged = classify(endingOf(ending), given);
    assert.deepEqual([judged.outcome, judged.errorType, judged.breaker], [outcome, errorType, breaker]);
    assert.equal(judged.error === null, outcome === "success");
  });
}

Deno.test("classify: each error names the tool and what ended it", () => {
  const said = (ending: Partial<Ending>) => classify(endingOf(ending), rules).error;
  assert.equal(said({ code: 7 }), "probe ended with exit code 7");
  assert.equal(said({ code: null, signal: "SIGKILL" }), "probe was ended by SIGKILL");
  assert.equal(said({ cause: "timeout" }), "probe was stopped after its time-out of 2.5 s");
});

Deno.test("classify: what ends like a program without memory names its limit, where there is one", () => {
  const limited = { ...rules, memoryMb: 16 };
  for (
    const ending of [{ code: null, signal: "SIGSEGV" }, { code: null, signal: "SIGABRT" }, { code: 127 }]
  ) {
    assert.match(classify(endingOf(ending), limited).error!, /raise limits\.memory_mb \(now 16\)$/);
    assert.doesNotMatch(classify(endingOf(ending), rules).error!, /memory/);
  }
  assert.doesNotMatch(classify(endingOf({ code: 3 }), limited).error!, /memory/);
});
