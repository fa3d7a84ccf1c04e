import fc from "fast-check";
import assert from "node:assert/strict";
import {
  type BreakerEvent,
  type BreakerOutcome,
  type BreakerSettings,
  type BreakerStateName,
  type BreakerTransition,
  CircuitBreaker,
  type Ticket,
} from "../../src/resilience/circuit_breaker.ts";
import { FAKE_EPOCH_MS, FakeClock } from "../support/fake_clock.ts";

/** One stay in one state: the reference writes down what happened in it and works out the rest when asked. */
interface Period {
  readonly name: BreakerStateName;
  readonly forced: boolean;
  /** What it began with, and when. */
  readonly cause: BreakerEvent;
  readonly beganMs: number;
  /** Length before and end after jitter; of an open period only. */
  readonly lengthMs: number;
  readonly endMs: number;
  /** Outcomes of the calls admitted in this period; `undefined` for those in flight. */
  readonly outcomes: (BreakerOutcome | undefined)[];
  /** The outcomes again, in the order in which they arrived while this period was the present one. */
  readonly arrivals: BreakerOutcome[];
}

/** The reference: a diary of periods and no counters. */
class ReferenceBreaker {
  readonly diary: Period[] = [];
  readonly reasons: string[] = [];
  nowMs = 0;
  refused = 0;
  #drawn = 0;

  constructor(public settings: BreakerSettings, readonly chances: readonly number[]) {
    this.#begin("closed", false, "reset");
  }

  get present(): Period {
    const last = this.diary.at(-1);
    assert(last);
    return last;
  }

  /** For how long an admission is refused; 0 if it is not. */
  refusedForMs(): number {
    const { name, forced, endMs, outcomes } = this.present;
    if (forced) return name === "open" ? this.settings.maxRecoveryTimeoutMs : 0;
    if (name === "open") return endMs > this.nowMs ? Math.ceil(endMs - this.nowMs) : 0;
    if (name === "closed") return 0;
    const inFlight = outcomes.filter((outcome) => outcome === undefined).length;
    return inFlight >= this.settings.halfOpenMaxProbes ? 1_000 : 0;
  }

  /** Returns where the outcome of the call is to be written down, or undefined for a refusal. */
  admit(): { readonly period: Period; readonly index: number } | undefined {
    if (this.refusedForMs() > 0) {
      this.refused++;
      return undefined;
    }
    if (this.present.name === "open") this.#begin("half_open", false, "admit");
    return { period: this.present, index: this.present.outcomes.push(undefined) - 1 };
  }

  record(
    entry: { readonly period: Period; readonly index: number },
    outcome: BreakerOutcome,
    reason: string,
  ): void {
    const { period, index } = entry;
    if (period.outcomes[index] !== undefined) return;
    period.outcomes[index] = outcome;
    if (outcome === "failure") this.reasons.push(reason);
    if (period !== this.present) return;
    period.arrivals.push(outcome);
    const successes = period.arrivals.filter((arrival) => arrival === "success").length;
    if (period.name === "closed") {
      const trips = outcome === "failure" && this.failuresInARow() >= this.settings.failureThreshold;
      if (trips && !period.forced) this.#begin("open", false, "failure", this.settings.recoveryTimeoutMs);
    } else if (outcome === "failure") {
      const before = this.diary.at(-2)?.lengthMs ?? NaN;
      this.#begin("open", false, "failure", before * this.settings.timeoutMultiplier);
    } else if (outcome === "success" && successes >= this.settings.successThreshold) {
      this.#begin("closed", false, "success");
    }
  }

  operate(cause: "force_open" | "force_closed" | "reset"): void {
    this.#begin(cause === "force_open" ? "open" : "closed", cause !== "reset", cause);
  }

  /** Every transition, from one period to the next. */
  transitions(): BreakerTransition[] {
    return this.diary.slice(1).map(({ name, cause, beganMs }, index) => {
      const before = this.diary[index];
      assert(before);
      return { atMs: beganMs, wallAtMs: FAKE_EPOCH_MS + beganMs, from: before.name, to: name, cause };
    });
  }

  failuresInARow(): number {
    const since = this.diary.findLastIndex((period) => period.name === "closed");
    const arrivals = this.diary.slice(since).flatMap((period) => period.arrivals);
    const afterSuccess = arrivals.slice(arrivals.lastIndexOf("success") + 1);
    return afterSuccess.filter((arrival) => arrival === "failure").length;
  }

  count(outcome: BreakerOutcome): number {
    return this.diary.flatMap((period) => period.outcomes).filter((each) => each === outcome).length;
  }

  failureReasons(): Record<string, number> {
    const named = [...new Set(this.reasons)].slice(0, 16);
    const keys = this.reasons.map((reason) => named.includes(reason) ? reason : "other");
    return Object.fromEntries(
      [...new Set(keys)].map((key) => [key, keys.filter((each) => each === key).length]),
    );
  }

  #begin(name: BreakerStateName, forced: boolean, cause: BreakerEvent, wantedMs = NaN): void {
    const lengthMs = Math.min(wantedMs, this.settings.maxRecoveryTimeoutMs);
    let endMs = NaN;
    if (!Number.isNaN(lengthMs)) {
      const [shortestMs, longestMs] = [
        lengthMs * (1 - this.settings.jitter),
        lengthMs * (1 + this.settings.jitter),
      ];
      const chance = this.chances[this.#drawn++ % this.chances.length] ?? NaN;
      endMs = this.nowMs + Math.max(1, Math.round(shortestMs + (longestMs - shortestMs) * chance));
    }
    this.diary.push({
      name,
      forced,
      cause,
      beganMs: this.nowMs,
      lengthMs,
      endMs,
      outcomes: [],
      arrivals: [],
    });
  }
}

/** Settings whose sums come out exact in floating point, so that both sides round the same way. */
const settings: fc.Arbitrary<BreakerSettings> = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 4 }),
  recoveryTimeoutMs: fc.integer({ min: 1, max: 20 }),
  successThreshold: fc.integer({ min: 1, max: 3 }),
  halfOpenMaxProbes: fc.integer({ min: 1, max: 3 }),
  timeoutMultiplier: fc.constantFrom(1, 1.5, 2),
  maxRecoveryTimeoutMs: fc.integer({ min: 20, max: 60 }),
  jitter: fc.constantFrom(0, 0, 0.125, 0.5, 0.75),
});

type Command =
  | { readonly kind: "admit" | "precheck" | "forceOpen" | "forceClosed" | "reset" | "wait" }
  | {
    readonly kind: "record";
    readonly nth: number;
    readonly outcome: BreakerOutcome;
    readonly reason: string;
  }
  | { readonly kind: "dispose"; readonly nth: number }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "configure"; readonly settings: Partial<BreakerSettings> };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("admit" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("precheck" as const) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("record" as const),
      nth: fc.nat({ max: 4 }),
      outcome: fc.constantFrom<BreakerOutcome>(
        "failure",
        "failure",
        "failure",
        "success",
        "success",
        "excluded",
      ),
      reason: fc.nat({ max: 24 }).map((n) => `reason ${n}`),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("dispose" as const), nth: fc.nat({ max: 4 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      ms: fc.nat({ max: 48 }).map((n) => n / 4),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("forceOpen" as const, "forceClosed" as const, "reset" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: settings.chain((all) =>
      fc.record({
        kind: fc.constant("configure" as const),
        settings: fc.subarray(Object.keys(all) as (keyof BreakerSettings)[])
          .map((names): Partial<BreakerSettings> =>
            Object.fromEntries(names.map((name) => [name, all[name]]))
          ),
      })
    ),
  },
);

/** Runs one history on both sides and compares them after each command. */
class Comparison {
  readonly #clock = new FakeClock();
  readonly #breaker: CircuitBreaker;
  readonly #reference: ReferenceBreaker;
  readonly #calls: { ticket: Ticket; entry: { period: Period; index: number } }[] = [];
  readonly #told: BreakerTransition[] = [];

  constructor(settings: BreakerSettings, chances: readonly number[]) {
    let drawn = 0;
    const random = () => chances[drawn++ % chances.length] ?? NaN;
    const onTransition = (transition: BreakerTransition) => void this.#told.push(transition);
    this.#breaker = new CircuitBreaker({ ...settings, clock: this.#clock, random, onTransition });
    this.#reference = new ReferenceBreaker(settings, chances);
  }

  run(command: Command): void {
    switch (command.kind) {
      case "admit":
        this.#admit();
        break;
      case "precheck":
        this.#precheck();
        break;
      case "record": {
        // Counted from the newest, so that late outcomes are there but do not prevail.
        const call = this.#calls.at(-1 - command.nth);
        if (call === undefined) break;
        this.#reference.record(call.entry, command.outcome, command.reason);
        call.ticket.record(command.outcome, command.reason);
        break;
      }
      case "dispose": {
        const call = this.#calls.at(-1 - command.nth);
        if (call === undefined) break;
        this.#reference.record(call.entry, "excluded", "");
        call.ticket[Symbol.dispose]();
        break;
      }
      case "advance":
        this.#advance(command.ms);
        break;
      case "wait":
        this.#waitAsTold();
        break;
      case "forceOpen":
        this.#reference.operate("force_open");
        this.#breaker.forceOpen();
        break;
      case "forceClosed":
        this.#reference.operate("force_closed");
        this.#breaker.forceClosed();
        break;
      case "reset":
        this.#reference.operate("reset");
        this.#breaker.reset();
        break;
      case "configure":
        this.#reference.settings = { ...this.#reference.settings, ...command.settings };
        this.#breaker.configure(command.settings);
    }
    this.#compare();
  }

  #admit(): void {
    const retryAfterMs = this.#reference.refusedForMs();
    const entry = this.#reference.admit();
    const admission = this.#breaker.admit();
    if (entry === undefined) {
      assert.deepEqual(admission, { ok: false, retryAfterMs, state: this.#reference.present.name });
    } else {
      assert(admission.ok, "admitted");
      this.#calls.push({ ticket: admission.ticket, entry });
    }
  }

  #precheck(): void {
    const retryAfterMs = this.#reference.refusedForMs();
    if (retryAfterMs > 0) this.#reference.refused++;
    assert.deepEqual(
      this.#breaker.precheck(),
      retryAfterMs === 0 ? { ok: true } : { ok: false, retryAfterMs, state: this.#reference.present.name },
    );
  }

  #advance(ms: number): void {
    this.#reference.nowMs += ms;
    this.#clock.advance(ms);
  }

  /** Does what a refusal asks for: of an open period, exactly its rest is too long to wait by no millisecond. */
  #waitAsTold(): void {
    const { name, forced } = this.#reference.present;
    const leftMs = this.#reference.refusedForMs();
    if (name !== "open" || forced || leftMs === 0) return;
    this.#advance(leftMs - 1);
    assert.equal(this.#breaker.statistics().retryAfterMs, 1);
    this.#advance(1);
    assert.equal(this.#breaker.statistics().retryAfterMs, 0);
  }

  #compare(): void {
    const reference = this.#reference;
    const retryAfterMs = reference.refusedForMs();
    const { name, forced } = reference.present;
    const { recentTransitions, ...statistics } = this.#breaker.statistics();
    assert.deepEqual(statistics, {
      state: name,
      forced,
      retryAfterMs,
      calls: this.#calls.length,
      rejections: reference.refused,
      successes: reference.count("success"),
      failures: reference.count("failure"),
      excluded: reference.count("excluded"),
      failureReasons: reference.failureReasons(),
      consecutiveFailures: reference.failuresInARow(),
      transitions: reference.diary.length - 1,
    });
    const transitions = reference.transitions();
    assert.deepEqual(recentTransitions, transitions.slice(-20));
    assert.deepEqual(this.#told, transitions);
  }
}

Deno.test("breaker: any history agrees with a naive reference", () => {
  const chances = fc.array(fc.nat({ max: 7 }).map((eighths) => eighths / 8), { minLength: 1 });
  fc.assert(
    fc.property(
      settings,
      chances,
      fc.array(command, { maxLength: 120, size: "max" }),
      (settings, chances, history) => {
        const comparison = new Comparison(settings, chances);
        for (const command of history) comparison.run(command);
      },
    ),
    { numRuns: 1_000 },
  );
});
