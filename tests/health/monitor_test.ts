import assert from "node:assert/strict";
import type { CheckOutcome, HealthCheck } from "../../src/health/check.ts";
import { type HealthChange, HealthMonitor, HISTORY_LENGTH } from "../../src/health/monitor.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { PlayedCheck, steady } from "./support.ts";

const INTERVAL_MS = 30_000;

function setUp(checks: readonly HealthCheck[]) {
  const clock = new FakeClock();
  const held = { checks, settings: { intervalMs: INTERVAL_MS, timeoutMs: 1000 } };
  const monitor = new HealthMonitor({
    checks: () => held.checks,
    settings: () => held.settings,
    clock,
  });
  const changes: HealthChange[] = [];
  const unlisten = monitor.onChange((change) => changes.push(change));
  /** Moves time on, and lets what follows from it happen. */
  const advance = async (ms: number) => {
    clock.advance(ms);
    await flush();
  };
  return { clock, held, monitor, changes, unlisten, advance };
}

Deno.test("monitor: the first round begins with the start, the next an interval after the end", async () => {
  const check = new PlayedCheck("one");
  const { clock, monitor, advance } = setUp([check]);
  assert.deepEqual([check.asked, clock.pending, monitor.latest], [0, 0, null]);
  monitor.start();
  monitor.start();
  assert.equal(check.asked, 1);
  await advance(500);
  check.answer();
  await flush();
  assert.equal(monitor.latest?.status, "healthy");
  await advance(INTERVAL_MS - 1);
  assert.equal(check.asked, 1);
  await advance(1);
  assert.equal(check.asked, 2);
  monitor.stop();
  await flush();
  assert.equal(clock.pending, 0);
});

Deno.test("monitor: rounds do not overlap, however slow a check is and however many ask for one (D18)", async () => {
  const slow = new PlayedCheck("slow");
  const { clock, held, monitor, advance } = setUp([
    slow,
    steady("fast", () => ({ status: "healthy", message: "" })),
  ]);
  held.settings = { intervalMs: 1000, timeoutMs: 60_000 };
  monitor.start();
  const rounds = [monitor.round(), monitor.round()];
  assert.equal(rounds[0], rounds[1]);
  await advance(59_000);
  assert.deepEqual([slow.asked, slow.mostGoing, monitor.latest], [1, 1, null]);
  slow.answer();
  assert.equal(await rounds[0], monitor.latest);
  await advance(1000);
  assert.deepEqual([slow.asked, slow.mostGoing], [2, 1]);
  slow.answer();
  await flush();
  // One out of turn puts the next one off.
  await advance(999);
  const extra = monitor.round();
  slow.answer();
  await extra;
  await advance(999);
  assert.equal(slow.asked, 3);
  monitor.stop();
  await flush();
  assert.equal(clock.pending, 0);
});

Deno.test("monitor: a check that blocks for ever holds nobody up: others are asked each round (D18)", async () => {
  const stuck = new PlayedCheck("stuck");
  let asked = 0;
  const other = steady("other", () => ({ status: "healthy", message: `${++asked}` }));
  const { monitor, advance } = setUp([stuck, other]);
  monitor.start();
  // The time-out, and what may still be said after it; later rounds need not wait.
  await flush();
  await advance(1000);
  await advance(100);
  for (let round = 1; round <= 5; round++) {
    assert.equal(monitor.history.length, round);
    assert.equal(monitor.latest!.status, "unhealthy");
    assert.match(monitor.latest!.checks.get("stuck")!.message, /^timed out/);
    assert.equal(monitor.latest!.checks.get("other")!.message, `${round}`);
    await advance(INTERVAL_MS);
  }
  assert.equal(stuck.asked, 1);
  monitor.stop();
});

Deno.test("monitor: all checks of a round are asked at once, each name once, in their order", async () => {
  const parts = [
    new PlayedCheck("a"),
    new PlayedCheck("b", "informational"),
    new PlayedCheck("a", "important"),
  ];
  const { monitor } = setUp(parts);
  monitor.start();
  assert.deepEqual(parts.map(({ asked }) => asked), [1, 1, 0]);
  parts[1]!.answer("unhealthy");
  parts[0]!.answer();
  const round = await monitor.current();
  assert.deepEqual([...round!.checks].map(([name, { priority }]) => `${name} ${priority}`), [
    "a critical",
    "b informational",
  ]);
  monitor.stop();
});

Deno.test("monitor: settings and checks are asked for anew, and a shorter interval counts at once", async () => {
  const check = new PlayedCheck("one");
  const { clock, held, monitor, advance } = setUp([check]);
  monitor.start();
  check.answer();
  await flush();
  await advance(10_000);
  held.settings = { intervalMs: 5000, timeoutMs: 50 };
  monitor.reschedule();
  await advance(0);
  assert.equal(check.asked, 2, "it was due already");
  // While a round goes on there is nothing to put off.
  monitor.reschedule();
  await advance(50);
  await advance(100);
  assert.equal(monitor.latest!.checks.get("one")!.message, "timed out after 0.1 s");
  held.settings = { intervalMs: 60_000, timeoutMs: 1000 };
  held.checks = [steady("two", () => ({ status: "degraded", message: "" }))];
  monitor.reschedule();
  await advance(59_999);
  assert.deepEqual([...monitor.latest!.checks.keys()], ["one"]);
  await advance(1);
  assert.deepEqual([...monitor.latest!.checks.keys()], ["two"]);
  assert.equal(clock.pending, 1);
  monitor.stop();
  assert.equal(clock.pending, 0);
});

Deno.test("monitor: a hundred rounds are remembered", async () => {
  let count = 0;
  const { monitor } = setUp([
    steady("one", () => ({ status: ++count > 5 ? "healthy" : "degraded", message: "" })),
  ]);
  for (let round = 0; round < HISTORY_LENGTH + 5; round++) await monitor.round();
  assert.deepEqual([HISTORY_LENGTH, monitor.history.length], [100, 100]);
  assert.equal(monitor.history.some(({ status }) => status === "degraded"), false);
  assert.equal(monitor.history[0]!.checkCount, 1);
});

Deno.test("monitor: changes are told, those of single checks too; what was unknown counts as healthy", async () => {
  const now: { a: CheckOutcome["status"]; b: CheckOutcome["status"] } = { a: "healthy", b: "healthy" };
  const { monitor, changes, unlisten } = setUp([
    steady("a", () => ({ status: now.a, message: "" })),
    steady("b", () => ({ status: now.b, message: "" }), "informational"),
    steady("c", () => ({ status: "healthy", message: "" }), "informational"),
  ]);
  const told = async (next: Partial<typeof now>) => {
    Object.assign(now, next);
    await monitor.round();
    return changes.splice(0).map(({ round, before, changed }) => [
      before,
      round.status,
      changed.map(({ name, before }) => `${name} was ${before}`),
    ]);
  };
  assert.deepEqual(await told({}), []);
  assert.deepEqual(await told({ b: "unhealthy" }), [["healthy", "healthy", ["b was healthy"]]]);
  assert.deepEqual(await told({}), []);
  assert.deepEqual(await told({ a: "degraded" }), [["healthy", "degraded", ["a was healthy"]]]);
  assert.deepEqual(await told({ a: "unhealthy", b: "healthy" }), [
    ["degraded", "unhealthy", ["a was degraded", "b was unhealthy"]],
  ]);
  unlisten();
  assert.deepEqual(await told({ a: "healthy" }), []);
});

Deno.test("monitor: the first round is told when it is not healthy", async () => {
  const { monitor, changes } = setUp([steady("a", () => ({ status: "degraded", message: "" }))]);
  await monitor.round();
  assert.deepEqual(changes.map(({ before, changed }) => [before, changed]), [
    ["healthy", [{ name: "a", before: "healthy" }]],
  ]);
});

Deno.test("monitor: a stop ends what goes on; it leaves no timer, no round and no change behind", async () => {
  const check = new PlayedCheck("one");
  const { clock, monitor, changes } = setUp([check]);
  const waiting = monitor.current();
  monitor.start();
  const round = monitor.round();
  monitor.stop();
  assert.equal(check.signals[0]!.aborted, true);
  assert.equal(await waiting, null);
  await round;
  assert.deepEqual([monitor.latest, monitor.history.length, changes.length, clock.pending], [null, 0, 0, 0]);
  monitor.start();
  monitor.reschedule();
  await monitor.round();
  assert.deepEqual([check.asked, clock.pending], [1, 0]);
});

Deno.test("monitor: a listener that throws ends neither the rounds nor what others are told", async () => {
  const { monitor, changes, advance, unlisten } = setUp([
    steady("one", () => ({ status: "degraded", message: "" })),
  ]);
  unlisten();
  monitor.onChange(() => {
    throw new Error("broken");
  });
  monitor.onChange((change) => changes.push(change));
  monitor.start();
  await flush();
  assert.equal(changes.length, 1);
  await advance(INTERVAL_MS);
  assert.equal(monitor.history.length, 2);
  monitor.stop();
});
