import assert from "node:assert/strict";
import {
  MESSAGE_LENGTH,
  METADATA_LENGTH,
  type PastRound,
  resultOf,
  roundOf,
  summaryOf,
} from "../../src/health/round.ts";
import { FAKE_EPOCH_MS } from "../support/fake_clock.ts";

Deno.test("round: a message is one line without secrets, and not endless", () => {
  const shown = (message: string) => resultOf({ status: "healthy", message }, 0, "critical").message;
  assert.equal(shown("a\nb\u202e \u001b[31m"), "a\\nb\\u202e \\u001b[31m");
  assert.equal(shown("https://me:pw@lab/ is down"), "https://[redacted]@lab/ is down");
  assert.equal(shown("x".repeat(MESSAGE_LENGTH)).length, MESSAGE_LENGTH);
  const cut = shown(`${"x".repeat(MESSAGE_LENGTH - 1)}😀`);
  assert.equal(cut.length, MESSAGE_LENGTH + 1);
  assert.equal(cut.isWellFormed(), true);
});

Deno.test("round: metadata is plain, without secrets, and not endless", () => {
  const shown = (metadata: Record<string, unknown>) =>
    resultOf({ status: "healthy", message: "", metadata }, 0, "critical").metadata;
  assert.deepEqual(shown({ a: 1, b: [null, "x"], c: undefined, token: "t", d: NaN }), {
    a: 1,
    b: [null, "x"],
    token: "[redacted]",
    d: null,
  });
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  for (const bad of [circle, { big: 1n }]) {
    assert.deepEqual(shown(bad), { left_out: "it cannot be written as JSON" });
  }
  assert.deepEqual(shown({ long: "x".repeat(METADATA_LENGTH) }), { left_out: "it was too long" });
});

Deno.test("round: a duration is finite and not negative", () => {
  for (const [given, kept] of [[5, 5], [-1, 0], [NaN, 0], [Infinity, 0]] as const) {
    assert.equal(resultOf({ status: "healthy", message: "" }, given, "critical").durationMs, kept);
  }
});

Deno.test("round: the summary has every field of the contract", () => {
  const checks = new Map([
    ["a", resultOf({ status: "healthy", message: "fine" }, 1234, "critical")],
    ["b", resultOf({ status: "unhealthy", message: "gone", metadata: { n: 1 } }, 0, "critical")],
    ["c", resultOf({ status: "degraded", message: "slow" }, 66, "important")],
    ["d", resultOf({ status: "unhealthy", message: "gone" }, 0, "informational")],
  ]);
  const round = roundOf(checks, FAKE_EPOCH_MS);
  const history = Array.from({ length: 12 }, (_, count): PastRound => ({
    status: "healthy",
    wallMs: FAKE_EPOCH_MS + count * 1000,
    checkCount: count,
  }));
  const summary = summaryOf(round, history);
  assert.deepEqual({ ...summary, history: summary.history.length }, {
    overall_status: "unhealthy",
    timestamp: "2026-01-01T00:00:00.000Z",
    checks: {
      a: { status: "healthy", message: "fine", duration: 1.234, priority: "critical", metadata: {} },
      b: { status: "unhealthy", message: "gone", duration: 0, priority: "critical", metadata: { n: 1 } },
      c: { status: "degraded", message: "slow", duration: 0.066, priority: "important", metadata: {} },
      d: { status: "unhealthy", message: "gone", duration: 0, priority: "informational", metadata: {} },
    },
    metadata: {
      total_checks: 4,
      healthy_checks: 1,
      degraded_checks: 1,
      unhealthy_checks: 2,
      critical_failures: 1,
      average_duration: 0.325,
      check_priorities: { a: "critical", b: "critical", c: "important", d: "informational" },
    },
    history: 10,
  });
  assert.deepEqual(summary.history.at(-1), {
    timestamp: "2026-01-01T00:00:11.000Z",
    status: "healthy",
    check_count: 11,
  });
  assert.equal(summaryOf(roundOf(new Map(), 0), []).metadata.average_duration, 0);
});
