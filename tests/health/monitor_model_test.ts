/** The monitor against whatever may happen to it, in any order. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { HEALTH_STATUSES, type HealthStatus } from "../../src/core/health_status.ts";
import type { HealthCheck } from "../../src/health/check.ts";
import { combine } from "../../src/health/combine.ts";
import { HealthMonitor, HISTORY_LENGTH } from "../../src/health/monitor.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FEW } from "../support/few.ts";
import { PlayedCheck } from "./support.ts";

/** Lets promises settle that wait for nothing else: a timer for each of so many steps would take minutes. */
async function flush(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await null;
}

const TIMEOUT_MS = 1000;
const LAST_WORD_MS = 100;

type Event =
  | { readonly type: "advance"; readonly ms: number }
  | { readonly type: "answer"; readonly check: number; readonly status: HealthStatus }
  | { readonly type: "fail"; readonly check: number }
  | { readonly type: "settings"; readonly intervalMs: number }
  | { readonly type: "round" | "start" | "stop" };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("advance"), ms: fc.constantFrom(1, 100, 500, 1000, 4000) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("answer"),
      check: fc.nat(2),
      status: fc.constantFrom(...HEALTH_STATUSES),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("fail"), check: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("settings"), intervalMs: fc.constantFrom(1000, 5000) }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("round") }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("start") }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("stop") }) },
);

/** What each check has to be found, told by its own record of when it was asked and answered. */
class Witness implements HealthCheck {
  readonly played: PlayedCheck;
  /** What its answer is, if it has one. */
  said: HealthStatus | "failed" | null = null;
  saidMs = 0;
  askedMs = -1;

  constructor(readonly name: string, readonly priority: HealthCheck["priority"], readonly clock: FakeClock) {
    this.played = new PlayedCheck(name, priority);
  }

  check(signal: AbortSignal) {
    this.said = null;
    this.askedMs = this.clock.now();
    return this.played.check(signal);
  }

  get expected(): HealthStatus {
    const isLate = this.said === null || this.saidMs >= this.askedMs + TIMEOUT_MS + LAST_WORD_MS;
    return isLate || this.said === "failed" ? "unhealthy" : this.said as HealthStatus;
  }
}

Deno.test("monitor: whatever happens, rounds are one at a time, and say what the checks have said", async () => {
  let rounds = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 80 }), async (events) => {
      const clock = new FakeClock();
      const checks = [
        new Witness("a", "critical", clock),
        new Witness("b", "important", clock),
        new Witness("c", "informational", clock),
      ];
      const held = { intervalMs: 2000, timeoutMs: TIMEOUT_MS };
      const monitor = new HealthMonitor({ checks: () => checks, settings: () => held, clock });
      let isStopped = false;
      let known = monitor.latest;
      for (const event of events) {
        switch (event.type) {
          case "advance":
            // In small steps, so that promises settle when they would.
            for (let ms = event.ms; ms > 0; ms -= 100) {
              clock.advance(Math.min(ms, 100));
              await flush();
              judge();
            }
            break;
          case "answer":
          case "fail": {
            const check = checks[event.check]!;
            if (check.played.going === 0 || check.said !== null) break;
            check.said = event.type === "fail" ? "failed" : event.status;
            check.saidMs = clock.now();
            if (event.type === "fail") check.played.fail(new Error("no"));
            else check.played.answer(event.status);
            break;
          }
          case "settings":
            held.intervalMs = event.intervalMs;
            monitor.reschedule();
            break;
          case "round":
            void monitor.round();
            break;
          case "start":
            monitor.start();
            break;
          case "stop":
            monitor.stop();
            isStopped = true;
        }
        await flush();
        judge();
      }
      monitor.stop();
      await flush();
      assert.equal(clock.pending, 0, "no timer is left");

      /** What must be so at any time. */
      function judge() {
        for (const { played } of checks) assert(played.mostGoing <= 1, "never twice at once");
        assert(monitor.history.length <= HISTORY_LENGTH);
        const { latest } = monitor;
        if (isStopped) return assert.equal(latest, known, "a stopped one records nothing");
        if (latest === known) return;
        known = latest;
        rounds++;
        assert.equal(monitor.history.at(-1)!.status, latest!.status);
        const results = checks.map(({ name }) => latest!.checks.get(name)!);
        assert.equal(latest!.status, combine(results));
        for (const [index, { status, durationMs }] of results.entries()) {
          assert(Number.isFinite(durationMs) && durationMs >= 0);
          assert.equal(status, checks[index]!.expected, `${checks[index]!.name} at ${clock.now()}`);
        }
      }
    }),
    { numRuns: FEW ? 20 : 200 },
  );
  assert(rounds > (FEW ? 20 : 200), `${rounds} rounds were judged`);
});
