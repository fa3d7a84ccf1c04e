import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type BreakerOptions,
  type BreakerOutcome,
  type BreakerSettings,
  type BreakerTransition,
  CircuitBreaker,
  DEFAULT_BREAKER_SETTINGS,
  type Ticket,
} from "../../src/resilience/circuit_breaker.ts";
import { FAKE_EPOCH_MS, FakeClock } from "../support/fake_clock.ts";

/** A breaker with short, round numbers and without jitter unless `options` say otherwise. */
function setUp(options: Partial<BreakerOptions> = {}) {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker({
    failureThreshold: 3,
    recoveryTimeoutMs: 100,
    maxRecoveryTimeoutMs: 300,
    timeoutMultiplier: 2,
    jitter: 0,
    clock,
    random: () => 0.5,
    ...options,
  });
  const admit = (): Ticket => {
    const admission = breaker.admit();
    assert(admission.ok, "an admission was expected");
    return admission.ticket;
  };
  const call = (outcome: BreakerOutcome, times = 1): void => {
    for (let i = 0; i < times; i++) admit().record(outcome);
  };
  /** Opens a closed breaker, and lets the open period pass. */
  const tripAndWait = (): void => {
    call("failure", 3);
    clock.advance(100);
  };
  const state = () => breaker.statistics().state;
  return { clock, breaker, admit, call, tripAndWait, state };
}

Deno.test("breaker: every failure counts, and the threshold opens it (D10)", () => {
  const { breaker, call, state } = setUp();
  call("failure", 2);
  assert.equal(state(), "closed");
  call("failure");
  assert.equal(state(), "open");
  assert.equal(breaker.statistics().failures, 3);
  assert.deepEqual(breaker.admit(), { ok: false, retryAfterMs: 100, state: "open" });
});

Deno.test("breaker: a success starts the count anew, an excluded call does not touch it", () => {
  const { breaker, call, state } = setUp();
  call("failure", 2);
  call("success");
  call("failure", 2);
  assert.equal(state(), "closed");
  call("excluded");
  assert.equal(breaker.statistics().consecutiveFailures, 2);
  call("failure");
  assert.equal(state(), "open");
});

Deno.test("breaker: refuses for as long as the open period lasts and says how long", () => {
  const { clock, breaker, call } = setUp();
  call("failure", 3);
  clock.advance(40);
  assert.deepEqual(breaker.admit(), { ok: false, retryAfterMs: 60, state: "open" });
  clock.advance(59);
  assert.deepEqual(breaker.admit(), { ok: false, retryAfterMs: 1, state: "open" });
  clock.advance(1);
  assert.equal(breaker.admit().ok, true);
});

Deno.test("breaker: the first call after the open period makes it half-open and is the probe (D11)", () => {
  const { breaker, admit, tripAndWait, state } = setUp();
  tripAndWait();
  assert.equal(state(), "open");
  const probe = admit();
  assert.equal(state(), "half_open");
  assert.deepEqual(breaker.admit(), { ok: false, retryAfterMs: 1_000, state: "half_open" });
  probe.record("success");
  assert.equal(state(), "closed");
});

Deno.test("breaker: at most halfOpenMaxProbes are in flight at once", () => {
  const { breaker, admit, tripAndWait } = setUp({ halfOpenMaxProbes: 2, successThreshold: 3 });
  tripAndWait();
  const first = admit();
  admit();
  assert.equal(breaker.admit().ok, false);
  first.record("success");
  admit();
  assert.equal(breaker.admit().ok, false);
});

Deno.test("breaker: successThreshold successes close it", () => {
  const { call, tripAndWait, state } = setUp({ successThreshold: 2 });
  tripAndWait();
  call("success");
  assert.equal(state(), "half_open");
  call("success");
  assert.equal(state(), "closed");
});

Deno.test("breaker: after it has closed, the count of failures starts at 0", () => {
  const { call, tripAndWait, state } = setUp();
  tripAndWait();
  call("success");
  call("failure", 2);
  assert.equal(state(), "closed");
});

Deno.test("breaker: each failed probe opens it for longer, to the maximum; closing forgets that", () => {
  const { clock, breaker, call, tripAndWait } = setUp();
  tripAndWait();
  for (const expectedMs of [200, 300, 300]) {
    call("failure");
    assert.equal(breaker.statistics().retryAfterMs, expectedMs);
    clock.advance(expectedMs);
  }
  call("success");
  call("failure", 3);
  assert.equal(breaker.statistics().retryAfterMs, 100);
});

Deno.test("breaker: an excluded probe frees its place and moves nothing", () => {
  const { breaker, admit, tripAndWait, state } = setUp();
  tripAndWait();
  admit().record("excluded");
  assert.equal(state(), "half_open");
  assert.equal(breaker.statistics().retryAfterMs, 0);
  admit().record("success");
  assert.equal(state(), "closed");
});

Deno.test("breaker: a ticket that is disposed of unrecorded counts as excluded", () => {
  const { breaker, admit, tripAndWait } = setUp();
  tripAndWait();
  {
    using _forgotten = admit();
  }
  {
    using probe = admit();
    probe.record("success");
  }
  const { excluded, successes, state } = breaker.statistics();
  assert.deepEqual({ excluded, successes, state }, { excluded: 1, successes: 1, state: "closed" });
});

Deno.test("breaker: a ticket counts once", () => {
  const { breaker, admit, state } = setUp();
  const ticket = admit();
  for (let i = 0; i < 5; i++) ticket.record("failure");
  ticket.record("success");
  const { failures, successes, consecutiveFailures } = breaker.statistics();
  assert.deepEqual({ failures, successes, consecutiveFailures }, {
    failures: 1,
    successes: 0,
    consecutiveFailures: 1,
  });
  assert.equal(state(), "closed");
});

Deno.test("breaker: a late outcome is counted but never moves a newer state", () => {
  const { breaker, admit, tripAndWait, call, state } = setUp();
  const [lateSuccess, lateFailure, lateExcluded, latest] = [admit(), admit(), admit(), admit()];
  tripAndWait();
  lateSuccess.record("success");
  assert.equal(state(), "open");
  const probe = admit();
  lateFailure.record("failure");
  lateExcluded.record("excluded");
  assert.equal(state(), "half_open");
  assert.equal(breaker.admit().ok, false, "the probe's place is still taken");
  probe.record("success");
  call("failure", 2);
  latest.record("failure");
  assert.equal(state(), "closed");
  const { calls, successes, failures, excluded, consecutiveFailures } = breaker.statistics();
  assert.deepEqual([calls, successes, failures, excluded, consecutiveFailures], [10, 2, 7, 1, 2]);
});

Deno.test("breaker: a probe of an earlier half-open period is late in the next one", () => {
  const { clock, admit, tripAndWait, state } = setUp({ halfOpenMaxProbes: 2 });
  tripAndWait();
  const [slow, failing] = [admit(), admit()];
  failing.record("failure");
  clock.advance(200);
  admit();
  slow.record("success");
  assert.equal(state(), "half_open");
});

Deno.test("breaker: precheck answers as admit would and takes nothing; its refusals count as refusals", () => {
  const { clock, breaker, call, state } = setUp();
  assert.deepEqual(breaker.precheck(), { ok: true });
  call("failure", 3);
  assert.deepEqual(breaker.precheck(), { ok: false, retryAfterMs: 100, state: "open" });
  clock.advance(100);
  assert.deepEqual([breaker.precheck(), breaker.precheck()], [{ ok: true }, { ok: true }]);
  assert.equal(state(), "open");
  breaker.admit();
  assert.deepEqual(breaker.precheck(), { ok: false, retryAfterMs: 1_000, state: "half_open" });
  const { calls, rejections } = breaker.statistics();
  assert.deepEqual({ calls, rejections }, { calls: 4, rejections: 2 });
});

Deno.test("breaker: forced open, it refuses until an operator ends that", () => {
  const { clock, breaker, admit, state } = setUp();
  const late = admit();
  breaker.forceOpen();
  late.record("success");
  clock.advance(1_000_000);
  assert.deepEqual(breaker.admit(), { ok: false, retryAfterMs: 300, state: "open" });
  assert.equal(breaker.statistics().forced, true);
  breaker.reset();
  assert.equal(breaker.statistics().forced, false);
  assert.equal(state(), "closed");
  admit();
});

Deno.test("breaker: forced closed, it admits whatever fails; a reset returns it to its rule", () => {
  const { breaker, call, state } = setUp();
  call("failure", 3);
  breaker.forceClosed();
  call("failure", 10);
  assert.equal(state(), "closed");
  const { forced, consecutiveFailures } = breaker.statistics();
  assert.deepEqual({ forced, consecutiveFailures }, { forced: true, consecutiveFailures: 10 });
  breaker.reset();
  call("failure", 2);
  assert.equal(state(), "closed");
  call("failure");
  assert.equal(state(), "open");
});

Deno.test("breaker: a reset forgets failures, the longer time-out and the tickets before it", () => {
  const { breaker, admit, call, tripAndWait, state } = setUp();
  tripAndWait();
  call("failure");
  breaker.reset();
  call("failure", 2);
  const late = admit();
  breaker.reset();
  assert.equal(breaker.statistics().consecutiveFailures, 0);
  late.record("failure");
  call("failure", 2);
  assert.equal(state(), "closed");
  call("failure");
  assert.equal(breaker.statistics().retryAfterMs, 100);
});

Deno.test("breaker: configure changes the next decisions and leaves a period that has begun", () => {
  const { clock, breaker, call, state } = setUp();
  call("failure", 2);
  breaker.configure({ failureThreshold: 2 });
  assert.equal(state(), "closed");
  call("failure");
  assert.equal(state(), "open");
  breaker.configure({
    recoveryTimeoutMs: 10,
    timeoutMultiplier: 1,
    successThreshold: 2,
    halfOpenMaxProbes: 2,
  });
  assert.equal(breaker.statistics().retryAfterMs, 100);
  clock.advance(100);
  breaker.admit();
  call("success");
  assert.equal(state(), "half_open");
  call("success");
  call("failure", 2);
  assert.equal(breaker.statistics().retryAfterMs, 10);
});

Deno.test("breaker: settings out of range are refused by name and change nothing", () => {
  const { breaker, call, state } = setUp();
  const wrong: [keyof BreakerSettings, Partial<BreakerSettings>][] = [
    ["failureThreshold", { failureThreshold: 0 }],
    ["failureThreshold", { failureThreshold: 1.5 }],
    ["successThreshold", { successThreshold: 0 }],
    ["halfOpenMaxProbes", { halfOpenMaxProbes: NaN }],
    ["recoveryTimeoutMs", { recoveryTimeoutMs: 0.5 }],
    ["recoveryTimeoutMs", { recoveryTimeoutMs: NaN }],
    ["recoveryTimeoutMs", { recoveryTimeoutMs: Infinity, maxRecoveryTimeoutMs: Infinity }],
    ["maxRecoveryTimeoutMs", { recoveryTimeoutMs: 301 }],
    ["maxRecoveryTimeoutMs", { maxRecoveryTimeoutMs: 99 }],
    ["maxRecoveryTimeoutMs", { maxRecoveryTimeoutMs: Infinity }],
    ["timeoutMultiplier", { timeoutMultiplier: 0.9 }],
    ["timeoutMultiplier", { timeoutMultiplier: Infinity }],
    ["jitter", { jitter: -0.1 }],
    ["jitter", { jitter: 1 }],
    ["jitter", { jitter: NaN }],
  ];
  for (const [name, settings] of wrong) {
    const expected = { name: "RangeError", message: new RegExp(`^${name} must be`) };
    assert.throws(() => breaker.configure({ failureThreshold: 1, ...settings }), expected);
    assert.throws(() => setUp(settings), expected);
  }
  call("failure", 2);
  assert.equal(state(), "closed");
});

Deno.test("breaker: the defaults", () => {
  assert.deepEqual(DEFAULT_BREAKER_SETTINGS, {
    failureThreshold: 5,
    recoveryTimeoutMs: 60_000,
    successThreshold: 1,
    halfOpenMaxProbes: 1,
    timeoutMultiplier: 1.5,
    maxRecoveryTimeoutMs: 300_000,
    jitter: 0.1,
  });
  const breaker = new CircuitBreaker({ clock: new FakeClock(), random: () => 0.5 });
  for (let i = 0; i < 5; i++) {
    const admission = breaker.admit();
    if (admission.ok) admission.ticket.record("failure");
  }
  assert.deepEqual(breaker.precheck(), { ok: false, retryAfterMs: 60_000, state: "open" });
});

Deno.test("breaker: jitter makes an open period shorter or longer by its fraction, and no more", () => {
  fc.assert(fc.property(
    fc.double({ min: 0, max: 0.99, noNaN: true }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.integer({ min: 1, max: 100_000 }),
    (jitter, chance, recoveryTimeoutMs) => {
      const maxRecoveryTimeoutMs = recoveryTimeoutMs;
      const { clock, breaker, call } = setUp({
        jitter,
        random: () => chance,
        recoveryTimeoutMs,
        maxRecoveryTimeoutMs,
      });
      call("failure", 3);
      const { retryAfterMs } = breaker.statistics();
      assert(retryAfterMs >= Math.max(1, Math.floor(recoveryTimeoutMs * (1 - jitter))));
      assert(retryAfterMs <= Math.ceil(recoveryTimeoutMs * (1 + jitter)));
      assert(chance < 0.5 ? retryAfterMs <= recoveryTimeoutMs : retryAfterMs >= recoveryTimeoutMs);
      clock.advance(retryAfterMs - 1);
      assert.equal(breaker.precheck().ok, false);
      clock.advance(1);
      assert.equal(breaker.precheck().ok, true);
    },
  ));
});

Deno.test("breaker: jitter does not add up from one open period to the next", () => {
  const { clock, breaker, call } = setUp({ jitter: 0.5, random: () => 0, maxRecoveryTimeoutMs: 10_000 });
  call("failure", 3);
  for (const expectedMs of [50, 100, 200]) {
    assert.equal(breaker.statistics().retryAfterMs, expectedMs);
    clock.advance(expectedMs);
    call("failure");
  }
});

Deno.test("breaker: counts failures by reason, 16 by name and the rest as other", () => {
  const { breaker, admit } = setUp({ failureThreshold: 1_000 });
  for (let i = 0; i < 20; i++) admit().record("failure", `reason ${i}`);
  admit().record("failure", "reason 3");
  admit().record("success", "not a failure");
  const { failureReasons } = breaker.statistics();
  assert.equal(Object.keys(failureReasons).length, 17);
  assert.deepEqual([failureReasons["reason 3"], failureReasons["reason 15"], failureReasons.other], [
    2,
    1,
    4,
  ]);
});

Deno.test("breaker: a failure without a reason is unspecified, and no reason harms the table", () => {
  const { breaker, admit, call } = setUp();
  call("failure");
  admit().record("failure", "__proto__");
  assert.deepEqual(Object.entries(breaker.statistics().failureReasons), [["unspecified", 1], [
    "__proto__",
    1,
  ]]);
});

Deno.test("breaker: reports its transitions, to a listener and in the statistics", () => {
  const seen: BreakerTransition[] = [];
  const { clock, breaker, call, tripAndWait } = setUp({
    onTransition: (transition) => seen.push(transition),
  });
  tripAndWait();
  call("failure");
  clock.advance(200);
  call("success");
  breaker.forceOpen();
  breaker.reset();
  const expected: BreakerTransition[] = [
    { atMs: 0, wallAtMs: FAKE_EPOCH_MS + 0, from: "closed", to: "open", cause: "failure" },
    { atMs: 100, wallAtMs: FAKE_EPOCH_MS + 100, from: "open", to: "half_open", cause: "admit" },
    { atMs: 100, wallAtMs: FAKE_EPOCH_MS + 100, from: "half_open", to: "open", cause: "failure" },
    { atMs: 300, wallAtMs: FAKE_EPOCH_MS + 300, from: "open", to: "half_open", cause: "admit" },
    { atMs: 300, wallAtMs: FAKE_EPOCH_MS + 300, from: "half_open", to: "closed", cause: "success" },
    { atMs: 300, wallAtMs: FAKE_EPOCH_MS + 300, from: "closed", to: "open", cause: "force_open" },
    { atMs: 300, wallAtMs: FAKE_EPOCH_MS + 300, from: "open", to: "closed", cause: "reset" },
  ];
  assert.deepEqual(seen, expected);
  assert.deepEqual(breaker.statistics().recentTransitions, expected);
  assert.equal(breaker.statistics().transitions, 7);
});

Deno.test("breaker: remembers the latest 20 transitions, and a snapshot does not change afterwards", () => {
  const { clock, breaker } = setUp();
  for (let i = 0; i < 15; i++) {
    breaker.forceOpen();
    breaker.reset();
    clock.advance(1);
  }
  const { transitions, recentTransitions } = breaker.statistics();
  breaker.reset();
  assert.equal(transitions, 30);
  assert.deepEqual(
    recentTransitions.map(({ atMs }) => atMs),
    [5, 6, 7, 8, 9, 10, 11, 12, 13, 14].flatMap((t) => [t, t]),
  );
});

Deno.test("breaker: the listener is called after the state has changed, and may throw", () => {
  const states: string[] = [];
  const { breaker, call, tripAndWait, state } = setUp({
    onTransition: () => {
      states.push(breaker.statistics().state);
      throw new Error("a faulty listener");
    },
  });
  tripAndWait();
  call("success");
  assert.deepEqual(states, ["open", "half_open", "closed"]);
  assert.equal(state(), "closed");
});

Deno.test("breaker: a listener may move the breaker on; the ticket handed out meanwhile is late", () => {
  const { breaker, admit, tripAndWait, state } = setUp({
    onTransition: ({ to }) => {
      if (to === "half_open") breaker.reset();
    },
  });
  tripAndWait();
  admit().record("failure");
  assert.equal(state(), "closed");
  assert.equal(breaker.statistics().consecutiveFailures, 0);
});

Deno.test("breaker: uses no timers", () => {
  const { clock, tripAndWait } = setUp();
  tripAndWait();
  assert.equal(clock.pending, 0);
});
