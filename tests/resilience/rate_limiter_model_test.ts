import fc from "fast-check";
import assert from "node:assert/strict";
import { RateLimiter, type RateLimits, type Taken } from "../../src/resilience/rate_limiter.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** So many parts make a token: the rates below let a whole number of them flow back in a millisecond. */
const PARTS = 2_000;

/**
 * The reference: how much is missing from each bucket, counted in whole parts of a token and refilled a millisecond
 * at a time. It knows no dates, no fractions and no order in which buckets become full.
 */
class ReferenceLimiter {
  #missing: { key: string; parts: number }[] = [];
  #sharedMissing = 0;

  constructor(public limits: RateLimits, readonly maxKeys: number) {}

  get size(): number {
    return this.#missing.length;
  }

  hasPlace(key: string): boolean {
    return this.#missing.some((bucket) => bucket.key === key);
  }

  take(key: string): Taken {
    if (!this.hasPlace(key) && this.size < this.maxKeys) this.#missing.push({ key, parts: 0 });
    const own = this.#missing.find((bucket) => bucket.key === key);
    const missing = own?.parts ?? this.#sharedMissing;
    if (missing + PARTS > this.limits.burst * PARTS) {
      for (let ms = 1;; ms++) {
        if (missing - ms * this.#partsEachMs() + PARTS <= this.limits.burst * PARTS) {
          return { ok: false, retryAfterMs: ms };
        }
      }
    }
    if (own === undefined) this.#sharedMissing += PARTS;
    else own.parts += PARTS;
    return { ok: true };
  }

  advance(ms: number): void {
    for (; ms > 0; ms--) {
      for (const bucket of this.#missing) bucket.parts -= this.#partsEachMs();
      this.#missing = this.#missing.filter((bucket) => bucket.parts > 0);
      this.#sharedMissing = Math.max(0, this.#sharedMissing - this.#partsEachMs());
    }
  }

  configure(limits: Partial<RateLimits>): void {
    this.limits = { ...this.limits, ...limits };
    const mostParts = this.limits.burst * PARTS;
    for (const bucket of this.#missing) bucket.parts = Math.min(bucket.parts, mostParts);
    this.#sharedMissing = Math.min(this.#sharedMissing, mostParts);
  }

  #partsEachMs(): number {
    return this.limits.perSecond * PARTS / 1_000;
  }
}

/** At none of these is a part worth as little time as what the limiter takes for the inexactness of a sum. */
const perSecond = fc.constantFrom(0.5, 1, 3, 7, 10, 50, 250, 333);
const burst = fc.integer({ min: 1, max: 6 });

type Command =
  | { readonly kind: "take"; readonly key: string; readonly times: number }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "wait"; readonly key: string }
  | { readonly kind: "configure"; readonly limits: Partial<RateLimits> };

const command: fc.Arbitrary<Command> = fc.nat({ max: 11 }).map((n) => `key ${n}`).chain((key) =>
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant("take" as const),
        key: fc.constant(key),
        times: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("advance" as const),
        ms: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 1_500 })),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), key: fc.constant(key) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("configure" as const),
        limits: fc.record({ perSecond, burst }, { requiredKeys: [] }),
      }),
    },
  )
);

/** Runs one history on both sides and compares them after each command. */
class Comparison {
  readonly #clock = new FakeClock();
  readonly #limiter: RateLimiter;
  readonly #reference: ReferenceLimiter;

  constructor(limits: RateLimits, readonly maxKeys: number) {
    this.#limiter = new RateLimiter({ ...limits, maxKeys, clock: this.#clock });
    this.#reference = new ReferenceLimiter(limits, maxKeys);
  }

  run(command: Command): void {
    switch (command.kind) {
      case "take":
        for (let i = 0; i < command.times; i++) this.#take(command.key);
        break;
      case "advance":
        this.#advance(command.ms);
        break;
      case "wait":
        this.#waitAsTold(command.key);
        break;
      case "configure":
        this.#reference.configure(command.limits);
        this.#limiter.configure(command.limits);
    }
    assert.equal(this.#limiter.size, this.#reference.size, "size");
    assert(this.#limiter.size <= this.maxKeys);
  }

  #take(key: string): Taken {
    const taken = this.#limiter.take(key);
    assert.deepEqual(taken, this.#reference.take(key), key);
    return taken;
  }

  #advance(ms: number): void {
    this.#reference.advance(ms);
    this.#clock.advance(ms);
  }

  /** Does what a refusal asks for: that is long enough, and for a key with a place not a millisecond too long. */
  #waitAsTold(key: string): void {
    const taken = this.#take(key);
    if (taken.ok) return;
    this.#advance(taken.retryAfterMs - 1);
    if (this.#reference.hasPlace(key)) assert.deepEqual(this.#take(key), { ok: false, retryAfterMs: 1 });
    this.#advance(1);
    assert.deepEqual(this.#take(key), { ok: true });
  }
}

Deno.test("rate limiter: any history agrees with a naive reference", () => {
  fc.assert(
    fc.property(
      fc.record({ perSecond, burst }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(command, { maxLength: 120, size: "max" }),
      (limits, maxKeys, history) => {
        const comparison = new Comparison(limits, maxKeys);
        for (const command of history) comparison.run(command);
      },
    ),
    { numRuns: 500 },
  );
});
