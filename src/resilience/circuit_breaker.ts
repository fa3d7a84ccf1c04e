/**
 * A circuit breaker: it stops calling what keeps failing, waits, and then tries again with a few probes.
 * Its trip rule and its state machine are in `breaker_state.ts`; here they meet a clock, callers and statistics.
 *
 * @see {@link https://learn.microsoft.com/azure/architecture/patterns/circuit-breaker} for the pattern.
 * @module
 */

import type { Clock } from "../core/clock.ts";
import {
  type BreakerEvent,
  type BreakerOutcome,
  type BreakerSettings,
  type BreakerState,
  type BreakerStateName,
  ConsecutiveFailures,
  DEFAULT_BREAKER_SETTINGS,
  nextState,
  refusedForMs,
  validated,
} from "./breaker_state.ts";

export type { BreakerEvent, BreakerOutcome, BreakerSettings, BreakerStateName };
export { DEFAULT_BREAKER_SETTINGS };

/** How many different failure reasons are counted by name; those that come later are counted as `other`. */
const NAMED_REASONS = 16;
/** How many of the latest transitions are remembered. */
const REMEMBERED_TRANSITIONS = 20;

/** What a {@link CircuitBreaker} is made from; settings left out are {@link DEFAULT_BREAKER_SETTINGS}. */
export interface BreakerOptions extends Partial<BreakerSettings> {
  /** Says when an open period is over. */
  readonly clock: Clock;
  /** The chance in the jitter: a number of at least 0 and below 1. */
  readonly random: () => number;
  /** Called at once after each transition. What it throws is dropped. */
  readonly onTransition?: (transition: BreakerTransition) => void;
}

/** One change of state, or one call of {@link CircuitBreaker.forceOpen} and the like. */
export interface BreakerTransition {
  /** When it happened, in milliseconds of the breaker's clock. */
  readonly atMs: number;
  /** The same in milliseconds since 1970, for showing. */
  readonly wallAtMs: number;
  /** The state before. */
  readonly from: BreakerStateName;
  /** The state after; it can equal `from` where an operator stepped in. */
  readonly to: BreakerStateName;
  /** What brought it about. */
  readonly cause: BreakerEvent;
}

/** The right to make one call. */
export interface Ticket extends Disposable {
  /**
   * Says how the call ended. Only the first time counts. After a transition the outcome is late: the statistics
   * count it still, but the state does not move.
   *
   * @param reason a short, stable name for a failure, such as an error code; default: `unspecified`.
   */
  record(outcome: BreakerOutcome, reason?: string): void;
  /** Records `excluded` unless an outcome is known, so that a forgotten probe cannot keep its place for ever. */
  [Symbol.dispose](): void;
}

/** Why a call is not let through. */
export interface BreakerRefusal {
  /** Tells a refusal from an admission. */
  readonly ok: false;
  /**
   * When to ask again, in milliseconds, an integer of at least 1. In an open period this is the time it has left.
   * While all probes are taken it is one second, a guess. While an operator holds the breaker open it is
   * `maxRecoveryTimeoutMs`, a pace for asking and not a forecast.
   */
  readonly retryAfterMs: number;
  /** The state that refuses. */
  readonly state: BreakerStateName;
}

/** A snapshot of a breaker. The counters run from its construction; no reset sets them back. */
export interface BreakerStatistics {
  /** The state now. An open breaker stays open until a call comes after its time is over. */
  readonly state: BreakerStateName;
  /** Whether an operator holds the breaker in this state. */
  readonly forced: boolean;
  /** As in {@link BreakerRefusal.retryAfterMs}; 0 if a call would be let through now. */
  readonly retryAfterMs: number;
  /** Calls let through, those still in flight among them. */
  readonly calls: number;
  /** Calls refused, by {@link CircuitBreaker.admit} or by {@link CircuitBreaker.precheck}. */
  readonly rejections: number;
  /** Calls recorded as `success`. */
  readonly successes: number;
  /** Calls recorded as `failure`. */
  readonly failures: number;
  /** Calls recorded as `excluded`. */
  readonly excluded: number;
  /** Failures by reason: the first 16 reasons by name, all others as `other`. */
  readonly failureReasons: Readonly<Record<string, number>>;
  /** Failures in a row as the trip rule counts them: without late ones, from 0 whenever the breaker closes. */
  readonly consecutiveFailures: number;
  /** How many transitions there were. */
  readonly transitions: number;
  /** The latest 20 transitions, oldest first. */
  readonly recentTransitions: readonly BreakerTransition[];
}

/**
 * Guards one tool: opens after failures in a row, refuses while open, then lets probes decide.
 *
 * @example
 * ```ts
 * import { systemClock } from "../core/clock.ts";
 * import { CircuitBreaker } from "./circuit_breaker.ts";
 *
 * const breaker = new CircuitBreaker({ failureThreshold: 1, clock: systemClock, random: Math.random });
 * const first = breaker.admit();
 * if (first.ok) first.ticket.record("failure", "timeout");
 * const second = breaker.admit();
 * if (!second.ok) console.log(`${second.state}: ask again in ${second.retryAfterMs} ms`);
 * ```
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onTransition: ((transition: BreakerTransition) => void) | undefined;
  readonly #tripRule = new ConsecutiveFailures();
  readonly #counts = { admitted: 0, rejected: 0, success: 0, failure: 0, excluded: 0, transitions: 0 };
  readonly #failureReasons = new Map<string, number>();
  #recentTransitions: readonly BreakerTransition[] = [];
  #settings: BreakerSettings;
  #state: BreakerState = { name: "closed", forced: false };
  /** Goes up with each transition: a ticket of an older generation has no say in the present state. */
  #generation = 0;

  /** @throws {RangeError} if a setting is out of its range. */
  constructor({ clock, random, onTransition, ...settings }: BreakerOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#onTransition = onTransition;
    this.#settings = validated({ ...DEFAULT_BREAKER_SETTINGS, ...settings });
  }

  /**
   * Lets one call through or refuses it. If an open period is over, the breaker becomes half-open and hands out
   * the first probe in this same step, so nothing can come between the two.
   */
  admit(): { readonly ok: true; readonly ticket: Ticket } | BreakerRefusal {
    const nowMs = this.#clock.now();
    const answer = this.#answerAt(nowMs);
    if (!answer.ok) return answer;
    this.#counts.admitted++;
    return { ok: true, ticket: this.#ticketOf(this.#apply("admit", nowMs)) };
  }

  /**
   * Answers as {@link admit} would now, but hands out no ticket and so takes no probe: for a caller that has to wait
   * before it can call. A refusal is counted, because such a caller goes no further; nothing else is.
   */
  precheck(): { readonly ok: true } | BreakerRefusal {
    return this.#answerAt(this.#clock.now());
  }

  /** Refuses every call until {@link forceClosed} or {@link reset}. */
  forceOpen(): void {
    this.#apply("force_open", this.#clock.now());
  }

  /** Lets every call through, whatever its outcome, until {@link forceOpen} or {@link reset}. */
  forceClosed(): void {
    this.#apply("force_closed", this.#clock.now());
  }

  /** Goes back to closed, with no failures in a row and the first recovery time-out. */
  reset(): void {
    this.#apply("reset", this.#clock.now());
  }

  /**
   * Changes settings from the next decision on; an open period that has begun keeps its end.
   *
   * @throws {RangeError} if a setting is out of its range; then nothing has changed.
   */
  configure(settings: Partial<BreakerSettings>): void {
    this.#settings = validated({ ...this.#settings, ...settings });
  }

  /** Describes the breaker as it is now. */
  statistics(): BreakerStatistics {
    return {
      state: this.#state.name,
      forced: this.#state.forced,
      retryAfterMs: refusedForMs(this.#state, this.#clock.now(), this.#settings),
      calls: this.#counts.admitted,
      rejections: this.#counts.rejected,
      successes: this.#counts.success,
      failures: this.#counts.failure,
      excluded: this.#counts.excluded,
      failureReasons: Object.fromEntries(this.#failureReasons),
      consecutiveFailures: this.#tripRule.count,
      transitions: this.#counts.transitions,
      recentTransitions: this.#recentTransitions,
    };
  }

  #answerAt(nowMs: number): { readonly ok: true } | BreakerRefusal {
    const retryAfterMs = refusedForMs(this.#state, nowMs, this.#settings);
    if (retryAfterMs === 0) return { ok: true };
    this.#counts.rejected++;
    return { ok: false, retryAfterMs, state: this.#state.name };
  }

  #ticketOf(generation: number): Ticket {
    let recorded = false;
    const record = (outcome: BreakerOutcome, reason = "unspecified") => {
      if (recorded) return;
      recorded = true;
      this.#counts[outcome]++;
      if (outcome === "failure") this.#countReason(reason);
      if (generation !== this.#generation) return;
      this.#tripRule.record(outcome);
      this.#apply(outcome, this.#clock.now());
    };
    return { record, [Symbol.dispose]: () => record("excluded") };
  }

  #countReason(reason: string): void {
    const isNamed = this.#failureReasons.has(reason) || this.#failureReasons.size < NAMED_REASONS;
    const key = isNamed ? reason : "other";
    this.#failureReasons.set(key, (this.#failureReasons.get(key) ?? 0) + 1);
  }

  /** Moves to the next state and returns its generation: a listener may have moved on to a newer one since. */
  #apply(cause: BreakerEvent, nowMs: number): number {
    const from = this.#state.name;
    const tripped = this.#tripRule.trips(this.#settings);
    const circumstances = { settings: this.#settings, tripped, nowMs, random: this.#random };
    this.#state = nextState(this.#state, cause, circumstances);
    const isByOperator = cause === "force_open" || cause === "force_closed" || cause === "reset";
    if (this.#state.name === from && !isByOperator) return this.#generation;

    const generation = ++this.#generation;
    const transition = { atMs: nowMs, wallAtMs: this.#clock.wall(), from, to: this.#state.name, cause };
    this.#counts.transitions++;
    this.#recentTransitions = [...this.#recentTransitions, transition].slice(-REMEMBERED_TRANSITIONS);
    if (this.#state.name === "closed") this.#tripRule.clear();
    try {
      this.#onTransition?.(transition);
    } catch {
      // Whoever watches must not decide how a call ends.
    }
    return generation;
  }
}
