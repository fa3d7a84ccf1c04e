import assert from "node:assert/strict";
import type { HealthCheck } from "../../src/health/check.ts";
import { Checkups } from "../../src/health/checkup.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { PlayedCheck } from "./support.ts";

function setUp() {
  const clock = new FakeClock();
  return { clock, checkups: new Checkups(clock), check: new PlayedCheck("one") };
}

Deno.test("checkup: an answer in time is told with how long it took, and no timer is left", async () => {
  const { clock, checkups, check } = setUp();
  const asked = checkups.ask(check, 1000);
  clock.advance(250);
  check.answer("degraded", "slow");
  const { metadata, ...rest } = await asked;
  assert.deepEqual([rest, metadata], [
    { status: "degraded", message: "slow", durationMs: 250, priority: "critical" },
    {},
  ]);
  assert.deepEqual([clock.pending, check.signals[0]!.aborted], [0, false]);
});

Deno.test("checkup: a check that never returns has timed out, and is not asked again until it has (D18)", async () => {
  const { clock, checkups, check } = setUp();
  const asked = checkups.ask(check, 1500);
  clock.advance(1499);
  assert.equal(check.signals[0]!.aborted, false);
  clock.advance(1);
  assert.equal(check.signals[0]!.aborted, true);
  clock.advance(100);
  const result = await asked;
  assert.deepEqual([result.status, result.message], ["unhealthy", "timed out after 1.5 s"]);
  assert.equal(clock.pending, 0);

  clock.advance(58_400);
  const again = await checkups.ask(check, 1500);
  assert.deepEqual([again.status, again.durationMs], ["unhealthy", 60_000]);
  assert.equal(again.message, "timed out: it has not answered for 60 s, and is not asked again");
  // One of the same name is the same check, made anew.
  assert.equal((await checkups.ask(new PlayedCheck("one"), 1500)).message, again.message);
  assert.deepEqual([check.asked, clock.pending], [1, 0]);

  check.answer();
  await flush();
  const after = checkups.ask(check, 1500);
  await flush();
  check.answer("healthy", "back");
  assert.deepEqual([(await after).message, check.asked, check.mostGoing], ["back", 2, 1]);
});

Deno.test("checkup: what a check says at once when its time is over still counts", async () => {
  const { clock, checkups } = setUp();
  const check: HealthCheck = {
    name: "one",
    priority: "important",
    check: (signal) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve({ status: "degraded", message: "no answer yet" }))
      ),
  };
  const asked = checkups.ask(check, 1000);
  clock.advance(1000);
  const { status, message, durationMs } = await asked;
  assert.deepEqual([status, message, durationMs, clock.pending], ["degraded", "no answer yet", 1000, 0]);
});

Deno.test("checkup: what a check throws because its time is over is a time-out, not a failure", async () => {
  const { clock, checkups } = setUp();
  const check: HealthCheck = {
    name: "one",
    priority: "critical",
    check: (signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  };
  const asked = checkups.ask(check, 1000);
  clock.advance(1000);
  assert.equal((await asked).message, "timed out after 1 s");
});

for (
  const [what, error, message] of [
    ["an error", new TypeError("no such thing"), "the check failed: TypeError: no such thing"],
    ["a text", "why not", "the check failed: why not"],
    [
      "an object that throws again",
      {
        toString() {
          throw new Error("x");
        },
      },
      "the check failed: it does not say why",
    ],
    [
      "a secret and a new line",
      new Error("password=hunter2\nforged"),
      "the check failed: Error: password=[redacted]\\nforged",
    ],
  ] as const
) {
  Deno.test(`checkup: ${what}, thrown or rejected with, is unhealthy with a message that may be shown`, async () => {
    const { checkups, check, clock } = setUp();
    const rejected = checkups.ask(check, 1000);
    check.fail(error);
    const throwing: HealthCheck = {
      name: "two",
      priority: "critical",
      check: () => {
        throw error;
      },
    };
    for (const result of [await rejected, await checkups.ask(throwing, 1000)]) {
      assert.deepEqual([result.status, result.message], ["unhealthy", message]);
      assert.doesNotMatch(JSON.stringify(result), /checkup_test|hunter2/);
    }
    assert.equal(clock.pending, 0);
  });
}

Deno.test("checkup: when everything is abandoned, nothing is waited for any more", async () => {
  const { clock, checkups, check } = setUp();
  const asked = [checkups.ask(check, 1000), checkups.ask(new PlayedCheck("two"), 2000)];
  checkups.abandonAll();
  for (const result of await Promise.all(asked)) assert.equal(result.status, "unhealthy");
  assert.deepEqual([clock.pending, check.signals[0]!.aborted], [0, true]);
});
