/**
 * A counting semaphore with a bounded, first-in-first-out queue: the bulkhead that keeps one slow tool from
 * taking the whole server with it.
 *
 * A freed permit goes straight to the head of the queue, inside the call that freed it. There is never a moment
 * in which a permit is free while someone waits, so a newcomer cannot take it first ("barging").
 *
 * @module
 */

import type { Clock } from "../core/clock.ts";

/** The longest wait that `setTimeout()` can measure, in milliseconds (2³¹ − 1, about 24.8 days). */
const LONGEST_WAIT_MS = 2_147_483_647;
/** How many hold times {@link Semaphore} remembers to estimate the next ones. */
const REMEMBERED_HOLDS = 16;
/** The hold time assumed until a first permit has come back, in milliseconds. */
const ASSUMED_HOLD_MS = 1_000;

/** How many may run at once and how many may wait for it; both can be changed with {@link Semaphore.setLimits}. */
export interface SemaphoreLimits {
  /** How many permits may be held at the same time: an integer of at least 1. */
  readonly permits: number;
  /** How many callers may wait: an integer of at least 0; with 0 a caller runs at once or is refused at once. */
  readonly maxQueue: number;
}

/** What a {@link Semaphore} is made from. */
export interface SemaphoreOptions extends SemaphoreLimits {
  /** Measures waits and holds, and ends waits that have a deadline. */
  readonly clock: Clock;
}

/** How a caller limits its own wait. */
export interface AcquireOptions {
  /** Ends the wait when aborted; without effect once the permit has been granted. */
  readonly signal?: AbortSignal;
  /** The longest wait, in milliseconds, 0 to 2³¹ − 1; with 0 the caller never waits. Default: no deadline. */
  readonly maxWaitMs?: number;
}

/**
 * The right to run. Give it back exactly once, by {@link release}, {@link decline} or with `using`; a second time does
 * nothing.
 */
export interface Permit extends Disposable {
  /** How long the caller stood in the queue, in milliseconds; 0 if it did not have to. */
  readonly waitedMs: number;
  /** Gives the permit back, and with it the next waiter its turn. */
  release(): void;
  /** Gives it back unused: as {@link release}, but how long it was held says nothing about how long others will be. */
  decline(): void;
}

/**
 * What {@link Semaphore.acquire} answers: a permit, or the reason why not.
 *
 * - `queue_full`: all permits are held and `maxQueue` callers wait already.
 * - `wait_timeout`: no permit came free within `maxWaitMs`.
 * - `aborted`: the caller's signal was aborted before a permit came free.
 *
 * `retryAfterMs` (an integer of at least 1) estimates when a permit would come to someone who joined the end of
 * the queue now: everyone ahead takes the mean of the last 16 hold times (one second until the first permit that was
 * used has come back), spread over all permits. It is a forecast, not a promise.
 */
export type Acquired =
  | { readonly ok: true; readonly permit: Permit }
  | { readonly ok: false; readonly code: "queue_full" | "wait_timeout"; readonly retryAfterMs: number }
  | { readonly ok: false; readonly code: "aborted" };

/**
 * Lets at most `permits` callers run at once and at most `maxQueue` wait, in the order in which they came.
 *
 * @example
 * ```ts
 * import { systemClock } from "../core/clock.ts";
 * import { Semaphore } from "./semaphore.ts";
 *
 * const semaphore = new Semaphore({ permits: 2, maxQueue: 10, clock: systemClock });
 * const acquired = await semaphore.acquire({ maxWaitMs: 5_000 });
 * if (acquired.ok) {
 *   using permit = acquired.permit;
 *   console.log(`running after ${permit.waitedMs} ms in the queue`);
 * } else {
 *   console.log(`refused: ${acquired.code}`);
 * }
 * ```
 */
export class Semaphore {
  readonly #clock: Clock;
  #permits: number;
  #maxQueue: number;
  #running = 0;
  /** What grants each waiter its permit unless its signal is aborted, oldest first; a waiter that gives up takes itself out from anywhere. */
  readonly #queue = new Set<(nowMs: number) => void>();
  readonly #recentHoldsMs: number[] = [];

  /** @throws {RangeError} if a limit is out of its range. */
  constructor({ permits, maxQueue, clock }: SemaphoreOptions) {
    requireInteger("permits", permits, 1);
    requireInteger("maxQueue", maxQueue, 0);
    this.#permits = permits;
    this.#maxQueue = maxQueue;
    this.#clock = clock;
  }

  /** How many permits are held now; above {@link permits} for a while after the limit was lowered. */
  get running(): number {
    return this.#running;
  }

  /** How many callers wait now; above {@link maxQueue} for a while after the limit was lowered. */
  get queued(): number {
    return this.#queue.size;
  }

  /** How many permits may be held at once. */
  get permits(): number {
    return this.#permits;
  }

  /** How many callers may wait. */
  get maxQueue(): number {
    return this.#maxQueue;
  }

  /**
   * Takes a permit, waiting for one if need be. The decision to run, wait or refuse is made before this returns;
   * only a wait takes time. An abort and a grant exclude each other: whichever comes first stands. Callers go on in the
   * order in which they were granted their permits.
   *
   * @throws {RangeError} (as a rejection) if `maxWaitMs` is out of its range.
   */
  acquire({ signal, maxWaitMs }: AcquireOptions = {}): Promise<Acquired> {
    if (maxWaitMs !== undefined && !(maxWaitMs >= 0 && maxWaitMs <= LONGEST_WAIT_MS)) {
      return Promise.reject(
        new RangeError(`maxWaitMs must be between 0 and ${LONGEST_WAIT_MS}, not ${maxWaitMs}`),
      );
    }
    const answer = this.#answerAtOnce(signal, maxWaitMs);
    // The promise of a wait itself: an async function would pass it on a few steps later, and a newcomer that need not
    // wait would go on before.
    return answer === null ? this.#wait(signal, maxWaitMs) : Promise.resolve(answer);
  }

  /**
   * Changes the limits while permits are held and callers wait. More permits wake waiters at once; fewer let the
   * running ones end, and nobody follows until their number is below the new limit. A smaller queue keeps those
   * who wait already.
   *
   * @throws {RangeError} if a limit is out of its range; then nothing has changed.
   */
  setLimits({ permits = this.#permits, maxQueue = this.#maxQueue }: Partial<SemaphoreLimits>): void {
    requireInteger("permits", permits, 1);
    requireInteger("maxQueue", maxQueue, 0);
    this.#permits = permits;
    this.#maxQueue = maxQueue;
    this.#handOn(this.#clock.now());
  }

  /** The answer to whoever need not wait, or may not; null for who has to. */
  #answerAtOnce(signal: AbortSignal | undefined, maxWaitMs: number | undefined): Acquired | null {
    if (signal?.aborted) return { ok: false, code: "aborted" };
    // A free permit means an empty queue, because every permit that comes free is handed on at once.
    if (this.#running < this.#permits) return { ok: true, permit: this.#grant(this.#clock.now(), 0) };
    if (this.#queue.size >= this.#maxQueue) return this.#refuse("queue_full");
    return maxWaitMs === 0 ? this.#refuse("wait_timeout") : null;
  }

  #wait(signal: AbortSignal | undefined, maxWaitMs: number | undefined): Promise<Acquired> {
    return new Promise((resolve) => {
      const sinceMs = this.#clock.now();
      // Each way out leaves the queue first, so that the other ways can no longer be taken.
      const leave = () => {
        this.#queue.delete(onGrant);
        signal?.removeEventListener("abort", onAbort);
        cancelTimer?.();
      };
      const onGrant = (nowMs: number) => {
        // An earlier listener of the same signal can free a permit: the abort came first, so the next one has it.
        if (signal?.aborted) return onAbort();
        leave();
        resolve({ ok: true, permit: this.#grant(nowMs, nowMs - sinceMs) });
      };
      const onAbort = () => {
        leave();
        resolve({ ok: false, code: "aborted" });
      };
      const onDeadline = () => {
        leave();
        resolve(this.#refuse("wait_timeout"));
      };
      this.#queue.add(onGrant);
      signal?.addEventListener("abort", onAbort);
      const cancelTimer = maxWaitMs === undefined ? undefined : this.#clock.after(maxWaitMs, onDeadline);
    });
  }

  #grant(grantedAtMs: number, waitedMs: number): Permit {
    this.#running++;
    let held = true;
    const giveBack = (isUsed: boolean) => {
      if (!held) return;
      held = false;
      const nowMs = this.#clock.now();
      this.#running--;
      if (isUsed) this.#remember(nowMs - grantedAtMs);
      this.#handOn(nowMs);
    };
    const release = () => giveBack(true);
    return { waitedMs, release, decline: () => giveBack(false), [Symbol.dispose]: release };
  }

  #remember(holdMs: number): void {
    this.#recentHoldsMs.push(holdMs);
    if (this.#recentHoldsMs.length > REMEMBERED_HOLDS) this.#recentHoldsMs.shift();
  }

  /** Grants permits from the head of the queue for as long as there are any of both. */
  #handOn(nowMs: number): void {
    for (const grant of this.#queue) {
      if (this.#running >= this.#permits) return;
      grant(nowMs);
    }
  }

  #refuse(code: "queue_full" | "wait_timeout"): Acquired {
    const holds = this.#recentHoldsMs;
    const meanHoldMs = holds.length === 0
      ? ASSUMED_HOLD_MS
      : holds.reduce((sumMs, holdMs) => sumMs + holdMs, 0) / holds.length;
    // After a lowered limit, the surplus of running ones has to end as well before anyone's turn comes.
    const surplus = Math.max(0, this.#running - this.#permits);
    const turnsAhead = surplus + this.#queue.size + 1;
    return { ok: false, code, retryAfterMs: Math.max(1, Math.ceil(turnsAhead * meanHoldMs / this.#permits)) };
  }
}

function requireInteger(name: string, value: number, minimum: number): void {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new RangeError(`${name} must be an integer of at least ${minimum}, not ${value}`);
  }
}
