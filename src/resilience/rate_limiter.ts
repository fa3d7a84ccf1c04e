/**
 * A rate limiter: one token bucket for each key. A bucket holds `burst` tokens, a call takes one, and `perSecond` of
 * them flow back until the bucket is full again.
 *
 * A bucket is kept as one number, the time at which it will be full again: what is missing now follows from how far
 * off that is. This is the "virtual scheduling" form of the generic cell rate algorithm (ITU-T I.371).
 *
 * ## Keys that somebody invents
 *
 * Whoever can choose keys must gain nothing from choosing many. So no more than `maxKeys` buckets are kept, and when
 * a key comes that finds no place:
 *
 * - No bucket is thrown out for it while anything is missing from that bucket: a bucket that is thrown out comes back
 *   full, and inventing keys would refill one's own bucket.
 * - The key is not refused outright either: whoever filled the places would have locked everybody else out. All keys
 *   without a place take from one bucket that they share, with the same `burst` and `perSecond`. Together they get
 *   what one key gets, so invented keys bring at most `maxKeys + 1` times the rate of one.
 * - A bucket that is full again is forgotten at once, not when it happens to be looked at: holding all places takes
 *   `maxKeys × perSecond` calls that are let through each second, for as long as it is to last. All places are free
 *   again at the latest `burst / perSecond` seconds after those calls have stopped.
 *
 * What remains: while somebody pays that price, callers without a bucket share one, and the attacker may take from
 * it too. Keys must therefore be made of what a caller cannot choose freely: the name of a checked token rather than a
 * name that it gave itself. Keys are kept as they are, so their length is for the caller to bound.
 *
 * @module
 */

import type { Clock } from "../core/clock.ts";
import { MinHeap } from "./min_heap.ts";

/** The range of {@link RateLimits.perSecond}. */
const PER_SECOND = { min: 0.001, max: 1_000 } as const;
/** The largest {@link RateLimits.burst}. */
const MAX_BURST = 1_000_000;
/** Times closer together than this are the same, in milliseconds: sums of fractions are not exact. */
const GRACE_MS = 0.001;

/** How much each key may take; both can be changed with {@link RateLimiter.configure}. */
export interface RateLimits {
  /** How many tokens flow back into a bucket each second: 0.001 to 1000. */
  readonly perSecond: number;
  /** How many tokens a full bucket holds, and so how many calls may come at once: an integer of 1 to 1,000,000. */
  readonly burst: number;
}

/** What a {@link RateLimiter} is made from. */
export interface RateLimiterOptions extends RateLimits {
  /** How many keys have a bucket of their own at the same time: an integer of at least 1. */
  readonly maxKeys: number;
  /** Says how much has flowed back. */
  readonly clock: Clock;
}

/**
 * What {@link RateLimiter.take} answers. `retryAfterMs` is an integer of at least 1 and a promise: whoever asks again
 * after exactly that long is let through, unless a call with the same key (or, for a key without a place, a call of
 * another one without a place) came first or the limits were changed meanwhile. A millisecond less is too early for a
 * key that has a place; one without may be luckier, because places come free.
 */
export type Taken = { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };

/** A token bucket. */
interface Bucket {
  /** When it will be full again, in milliseconds of the clock; it is full from then on. */
  fullAtMs: number;
}

/** A bucket that belongs to one key. */
interface OwnBucket extends Bucket {
  readonly key: string;
}

/**
 * Lets each key through `burst` times at once and `perSecond` times a second in the long run.
 *
 * @example
 * ```ts
 * import { systemClock } from "../core/clock.ts";
 * import { RateLimiter } from "./rate_limiter.ts";
 *
 * const limiter = new RateLimiter({ perSecond: 5, burst: 1, maxKeys: 1_000, clock: systemClock });
 * limiter.take("alice nmap");
 * const second = limiter.take("alice nmap");
 * if (!second.ok) console.log(`ask again in ${second.retryAfterMs} ms`);
 * ```
 */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #maxKeys: number;
  #limits: RateLimits;
  /** How long one token takes to flow back, in milliseconds. */
  #tokenMs: number;
  /** Every bucket that is not full, by its key, and perhaps some that have become full since the last call. */
  readonly #buckets = new Map<string, OwnBucket>();
  /**
   * The same buckets, each once, by when to look whether it is full. That is never too late, but it can be too early,
   * because calls put off when a bucket is full: then it goes back in, which each call causes at most once.
   */
  #fullness = new MinHeap<OwnBucket>();
  /** What the keys share that find no place. */
  readonly #shared: Bucket = { fullAtMs: -Infinity };

  /** @throws {RangeError} if an option is out of its range. */
  constructor({ perSecond, burst, maxKeys, clock }: RateLimiterOptions) {
    requireInteger("maxKeys", maxKeys, Number.MAX_SAFE_INTEGER);
    this.#limits = validated({ perSecond, burst });
    this.#tokenMs = 1_000 / perSecond;
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  /** How many keys have a bucket that is not full; no others are remembered. */
  get size(): number {
    this.#forgetFull(this.#clock.now());
    return this.#buckets.size;
  }

  /** Takes one token of that key, or says when there will be one. A refusal takes nothing. */
  take(key: string): Taken {
    const nowMs = this.#clock.now();
    this.#forgetFull(nowMs);
    const bucket = this.#buckets.get(key) ?? this.#place(key, nowMs) ?? this.#shared;
    const fullAtMs = Math.max(bucket.fullAtMs, nowMs) + this.#tokenMs;
    // With this token too, no more than a whole bucket may be missing.
    const waitMs = fullAtMs - this.#limits.burst * this.#tokenMs - nowMs;
    if (waitMs > GRACE_MS) return { ok: false, retryAfterMs: Math.ceil(waitMs - GRACE_MS / 2) };
    bucket.fullAtMs = fullAtMs;
    return { ok: true };
  }

  /**
   * Changes the limits from now on. What a key has taken and has not flowed back stays taken, so a larger burst gives
   * it the difference at once; but no more is ever missing than the new burst, so a smaller one makes nobody wait
   * longer for the first token than it takes to flow back. Takes time in proportion to the number of keys.
   *
   * @throws {RangeError} if a limit is out of its range; then nothing has changed.
   */
  configure(limits: Partial<RateLimits>): void {
    const { perSecond, burst } = validated({ ...this.#limits, ...limits });
    const nowMs = this.#clock.now();
    const tokenMs = 1_000 / perSecond;
    const fullAtMs = (bucket: Bucket) =>
      nowMs + Math.min((bucket.fullAtMs - nowMs) / this.#tokenMs, burst) * tokenMs;
    this.#fullness = new MinHeap();
    for (const bucket of this.#buckets.values()) {
      bucket.fullAtMs = fullAtMs(bucket);
      this.#fullness.push(bucket.fullAtMs, bucket);
    }
    this.#shared.fullAtMs = fullAtMs(this.#shared);
    this.#limits = { perSecond, burst };
    this.#tokenMs = tokenMs;
  }

  /** Gives a key a full bucket of its own if there is a place for it. */
  #place(key: string, nowMs: number): OwnBucket | undefined {
    if (this.#buckets.size >= this.#maxKeys) return undefined;
    const bucket = { key, fullAtMs: nowMs };
    this.#buckets.set(key, bucket);
    this.#fullness.push(nowMs + this.#tokenMs, bucket);
    return bucket;
  }

  /** Forgets every bucket that is full now. */
  #forgetFull(nowMs: number): void {
    const soonMs = nowMs + GRACE_MS;
    for (let due = this.#fullness.first; due !== undefined && due.at <= soonMs; due = this.#fullness.first) {
      this.#fullness.pop();
      const bucket = due.item;
      if (bucket.fullAtMs <= soonMs) this.#buckets.delete(bucket.key);
      else this.#fullness.push(bucket.fullAtMs, bucket);
    }
  }
}

function validated({ perSecond, burst }: RateLimits): RateLimits {
  if (!(perSecond >= PER_SECOND.min && perSecond <= PER_SECOND.max)) {
    throw new RangeError(
      `perSecond must be between ${PER_SECOND.min} and ${PER_SECOND.max}, not ${perSecond}`,
    );
  }
  requireInteger("burst", burst, MAX_BURST);
  return { perSecond, burst };
}

function requireInteger(name: string, value: number, maximum: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > maximum) {
    throw new RangeError(`${name} must be an integer between 1 and ${maximum}, not ${value}`);
  }
}
