import fc from "fast-check";
import assert from "node:assert/strict";
import { RateLimiter, type RateLimiterOptions } from "../../src/resilience/rate_limiter.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A limiter of one token in 100 ms and three at once, unless `options` say otherwise. */
function setUp(options: Partial<RateLimiterOptions> = {}) {
  const clock = new FakeClock();
  const limiter = new RateLimiter({ perSecond: 10, burst: 3, maxKeys: 4, clock, ...options });
  /** How many of `times` calls are let through. */
  const takes = (key: string, times: number): number =>
    Array.from({ length: times }, () => limiter.take(key)).filter((taken) => taken.ok).length;
  const wait = (key: string): number => {
    const taken = limiter.take(key);
    assert(!taken.ok, "a refusal was expected");
    return taken.retryAfterMs;
  };
  return { clock, limiter, takes, wait };
}

Deno.test("rate limiter: lets a burst through, then one call for each token that flows back", () => {
  const { clock, takes, wait } = setUp();
  assert.equal(takes("a", 5), 3);
  assert.equal(wait("a"), 100);
  clock.advance(99);
  assert.equal(wait("a"), 1);
  clock.advance(1);
  assert.equal(takes("a", 2), 1);
  clock.advance(250);
  assert.equal(takes("a", 5), 2);
  assert.equal(wait("a"), 50);
});

Deno.test("rate limiter: a bucket holds no more than its burst, however long it fills", () => {
  const { clock, takes } = setUp();
  takes("a", 1);
  clock.advance(1_000_000);
  assert.equal(takes("a", 10), 3);
});

Deno.test("rate limiter: refusals take nothing", () => {
  const { clock, takes } = setUp();
  takes("a", 100);
  clock.advance(100);
  assert.equal(takes("a", 1), 1);
});

Deno.test("rate limiter: keys do not touch each other", () => {
  const { takes, wait } = setUp();
  assert.deepEqual([takes("a", 5), takes("b", 2), takes("__proto__", 5), takes("", 5)], [3, 2, 3, 3]);
  assert.equal(wait("a"), 100);
  assert.equal(takes("b", 5), 1);
});

Deno.test("rate limiter: a key whose bucket is full again is forgotten, and no other", () => {
  const { clock, limiter, takes } = setUp();
  takes("greedy", 3);
  takes("modest", 1);
  assert.equal(limiter.size, 2);
  clock.advance(99);
  assert.equal(limiter.size, 2);
  clock.advance(1);
  assert.equal(limiter.size, 1, "the one that came last is full first");
  clock.advance(199);
  assert.equal(limiter.size, 1);
  clock.advance(1);
  assert.equal(limiter.size, 0);
});

Deno.test("rate limiter: invented keys neither grow memory nor refill a bucket", () => {
  const { limiter, takes, wait } = setUp();
  takes("victim", 3);
  for (let i = 0; i < 1_000; i++) limiter.take(`invented ${i}`);
  assert.equal(limiter.size, 4);
  assert.equal(wait("victim"), 100);
});

Deno.test("rate limiter: an attacker with many keys gets no more than one bucket beyond maxKeys", () => {
  const { clock, limiter } = setUp();
  const flood = (ms: number): number => {
    let through = 0;
    for (let i = 0; i < 200; i++) if (limiter.take(`at ${ms}, ${i}`).ok) through++;
    return through;
  };
  let through = flood(0);
  // Four own buckets give one token, because each of these keys comes once; the shared one gives its burst.
  assert.equal(through, 4 + 3);
  for (let ms = 1; ms <= 2_000; ms++) {
    clock.advance(1);
    through += flood(ms);
  }
  assert.equal(through, 7 + (4 + 1) * 20);
});

Deno.test("rate limiter: while all places are taken, the others share a bucket and are not locked out", () => {
  const { clock, takes, wait } = setUp();
  for (const key of ["a", "b", "c", "d"]) takes(key, 3);
  assert.deepEqual([takes("e", 2), takes("f", 2)], [2, 1]);
  assert.deepEqual([wait("e"), wait("f")], [100, 100]);
  clock.advance(100);
  assert.equal(takes("a", 1), 1, "who has a place has its own rate");
  assert.equal(takes("f", 2), 1);
  assert.equal(wait("e"), 100);
});

Deno.test("rate limiter: a place that comes free goes to the next newcomer, with a full bucket", () => {
  const { clock, limiter, takes } = setUp();
  for (const key of ["a", "b", "c"]) takes(key, 3);
  takes("d", 1);
  takes("e", 3);
  clock.advance(100);
  assert.equal(limiter.size, 3);
  assert.equal(takes("e", 5), 3);
  assert.equal(takes("f", 5), 1, "the shared bucket has had its token back too");
});

Deno.test("rate limiter: when an attack ends, everybody has a full bucket after burst / perSecond", () => {
  const { clock, limiter, takes } = setUp();
  for (let i = 0; i < 40; i++) takes(`invented ${i % 10}`, 1);
  clock.advance(300);
  assert.equal(limiter.size, 0);
  assert.deepEqual(["a", "b", "c", "d"].map((key) => takes(key, 5)), [3, 3, 3, 3]);
});

Deno.test("rate limiter: a larger burst gives the difference at once, and never more than itself", () => {
  const { limiter, takes, wait } = setUp();
  takes("a", 3);
  takes("b", 1);
  limiter.configure({ burst: 5 });
  assert.deepEqual([takes("a", 9), takes("b", 9), takes("new", 9)], [2, 4, 5]);
  assert.equal(wait("a"), 100);
});

Deno.test("rate limiter: a smaller burst takes effect at once, for the keys that have a bucket too", () => {
  const { clock, limiter, takes, wait } = setUp({ burst: 10 });
  takes("empty", 10);
  takes("half", 6);
  limiter.configure({ burst: 2 });
  assert.deepEqual([takes("half", 9), takes("new", 9)], [0, 2]);
  // Nothing is owed beyond the new burst: the first token comes as soon as one can flow back.
  assert.deepEqual([wait("empty"), wait("half"), wait("new")], [100, 100, 100]);
  clock.advance(10_000);
  assert.deepEqual([takes("empty", 9), takes("half", 9)], [2, 2]);
});

Deno.test("rate limiter: a new rate counts from its beginning, and what had flowed back stays", () => {
  const { clock, limiter, takes, wait } = setUp();
  takes("a", 3);
  clock.advance(50);
  limiter.configure({ perSecond: 1 });
  assert.equal(wait("a"), 500);
  clock.advance(250);
  limiter.configure({ perSecond: 100 });
  assert.equal(wait("a"), 3);
  clock.advance(22);
  assert.equal(limiter.size, 1);
  assert.equal(takes("a", 9), 2);
});

Deno.test("rate limiter: the shared bucket follows new limits", () => {
  const { limiter, takes, wait } = setUp({ maxKeys: 1 });
  takes("a", 3);
  takes("b", 3);
  limiter.configure({ perSecond: 1, burst: 4 });
  assert.equal(takes("c", 9), 1);
  assert.equal(wait("b"), 1_000);
});

Deno.test("rate limiter: what is left out of new limits stays as it is", () => {
  const { limiter, takes, wait } = setUp();
  limiter.configure({ perSecond: 1 });
  assert.deepEqual([takes("a", 9), wait("a")], [3, 1_000]);
  limiter.configure({});
  assert.equal(wait("a"), 1_000);
});

Deno.test("rate limiter: options out of range are refused by name and change nothing", () => {
  const { limiter, takes } = setUp();
  const wrong: [string, Partial<RateLimiterOptions>][] = [
    ["perSecond", { perSecond: 0 }],
    ["perSecond", { perSecond: -1 }],
    ["perSecond", { perSecond: NaN }],
    ["perSecond", { perSecond: 1_000.1 }],
    ["perSecond", { perSecond: 0.0009 }],
    ["burst", { burst: 0 }],
    ["burst", { burst: 1.5 }],
    ["burst", { burst: Infinity }],
    ["burst", { burst: 1_000_001 }],
  ];
  for (const [name, options] of wrong) {
    const expected = { name: "RangeError", message: new RegExp(`^${name} must be`) };
    assert.throws(() => setUp(options), expected);
    assert.throws(() => limiter.configure({ perSecond: 1, burst: 1, ...options }), expected);
  }
  for (const maxKeys of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => setUp({ maxKeys }), { name: "RangeError", message: /^maxKeys must be/ });
  }
  assert.equal(takes("a", 9), 3);
});

Deno.test("rate limiter: its promise holds at any rate, at any moment of a real clock", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.001, max: 1_000, noNaN: true }),
      fc.integer({ min: 1, max: 30 }),
      fc.double({ min: 0, max: 1e11, noNaN: true }),
      fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { maxLength: 40 }),
      (perSecond, burst, startMs, pauses) => {
        const clock = new FakeClock();
        clock.advance(startMs);
        const { limiter, takes, wait } = setUp({ perSecond, burst, clock });
        assert.equal(takes("a", burst), burst);
        for (const pause of pauses) {
          const retryAfterMs = wait("a");
          assert(Number.isInteger(retryAfterMs) && retryAfterMs >= 1);
          assert(retryAfterMs <= Math.ceil(1_000 / perSecond));
          clock.advance(retryAfterMs);
          assert.deepEqual(limiter.take("a"), { ok: true });
          clock.advance(pause * 1_000 / perSecond);
          takes("a", 3);
        }
      },
    ),
  );
});

Deno.test("rate limiter: the largest bucket at the lowest rate and a late hour is as exact", () => {
  const clock = new FakeClock();
  clock.advance(1e11 + 0.3);
  const { limiter, takes, wait } = setUp({ perSecond: 0.001, burst: 1_000_000, clock });
  assert.equal(takes("a", 1_000_001), 1_000_000);
  assert.equal(wait("a"), 1_000_000);
  clock.advance(999_999);
  assert.equal(wait("a"), 1);
  clock.advance(1);
  assert.deepEqual(limiter.take("a"), { ok: true });
});

Deno.test("rate limiter: a flood of new keys costs each call no more with many keys than with few", () => {
  const { clock, limiter } = setUp({ maxKeys: 50_000, perSecond: 0.001 });
  const startMs = performance.now();
  // Looking through all keys at each call would be ten thousand million steps.
  for (let i = 0; i < 200_000; i++) {
    limiter.take(`invented ${i}`);
    clock.advance(0.001);
  }
  assert(performance.now() - startMs < 5_000);
  assert.equal(limiter.size, 50_000);
});
