/**
 * What a circuit breaker knows without clock and callers: its settings, its trip rule (what opens a closed
 * breaker) and its state machine (one pure function from a state and an event to the next state).
 * `circuit_breaker.ts` ties them to tickets and statistics.
 *
 * @module
 */

/** When to ask again while all probes are taken, in milliseconds: nobody knows how long a probe will run. */
const PROBES_TAKEN_RETRY_MS = 1_000;

/** The three states: calls pass, calls are refused, a few probes pass. */
export type BreakerStateName = "closed" | "open" | "half_open";

/** How a call ended. `excluded` says nothing about the health of the tool: a cancelled call, a bad argument. */
export type BreakerOutcome = "success" | "failure" | "excluded";

/** What can change the state: an admitted call, the outcome of a call, or an operator. */
export type BreakerEvent = "admit" | BreakerOutcome | "force_open" | "force_closed" | "reset";

/** The numbers of a breaker. */
export interface BreakerSettings {
  /** So many failures in a row open a closed breaker: an integer of at least 1. */
  readonly failureThreshold: number;
  /** How long the first open period lasts, in milliseconds: at least 1. */
  readonly recoveryTimeoutMs: number;
  /** So many successful probes close a half-open breaker: an integer of at least 1. */
  readonly successThreshold: number;
  /** How many probes of one half-open period may be in flight at once: an integer of at least 1. */
  readonly halfOpenMaxProbes: number;
  /** What a failed probe multiplies the length of the next open period by: at least 1. */
  readonly timeoutMultiplier: number;
  /** The longest open period before jitter, in milliseconds: at least `recoveryTimeoutMs`. */
  readonly maxRecoveryTimeoutMs: number;
  /** The fraction by which chance makes each open period shorter or longer: at least 0 and below 1. */
  readonly jitter: number;
}

/** The settings for whatever a caller leaves out. */
export const DEFAULT_BREAKER_SETTINGS: BreakerSettings = {
  failureThreshold: 5,
  recoveryTimeoutMs: 60_000,
  successThreshold: 1,
  halfOpenMaxProbes: 1,
  timeoutMultiplier: 1.5,
  maxRecoveryTimeoutMs: 300_000,
  jitter: 0.1,
};

/**
 * Returns the settings if they can be worked with.
 *
 * @throws {RangeError} naming the first setting that is out of its range.
 */
export function validated(settings: BreakerSettings): BreakerSettings {
  for (const name of ["failureThreshold", "successThreshold", "halfOpenMaxProbes"] as const) {
    require(Number.isSafeInteger(settings[name]) && settings[name] >= 1, name, "an integer of at least 1");
  }
  const { recoveryTimeoutMs, maxRecoveryTimeoutMs, timeoutMultiplier, jitter } = settings;
  require(Number.isFinite(recoveryTimeoutMs) && recoveryTimeoutMs >= 1, "recoveryTimeoutMs", "at least 1");
  require(
    Number.isFinite(maxRecoveryTimeoutMs) && maxRecoveryTimeoutMs >= recoveryTimeoutMs,
    "maxRecoveryTimeoutMs",
    `at least recoveryTimeoutMs (${recoveryTimeoutMs})`,
  );
  require(Number.isFinite(timeoutMultiplier) && timeoutMultiplier >= 1, "timeoutMultiplier", "at least 1");
  require(jitter >= 0 && jitter < 1, "jitter", "at least 0 and below 1");
  return settings;

  function require(holds: boolean, name: keyof BreakerSettings, range: string): void {
    if (!holds) throw new RangeError(`${name} must be ${range}, not ${settings[name]}`);
  }
}

/** The trip rule: so many failures in a row, which only a success interrupts. It knows no states and no time. */
export class ConsecutiveFailures {
  #count = 0;

  /** How many failures there were since the last success. */
  get count(): number {
    return this.#count;
  }

  /** Takes one more outcome into account. */
  record(outcome: BreakerOutcome): void {
    if (outcome === "failure") this.#count++;
    if (outcome === "success") this.#count = 0;
  }

  /** Starts anew. */
  clear(): void {
    this.#count = 0;
  }

  /** Whether there were so many failures that a closed breaker has to open. */
  trips({ failureThreshold }: BreakerSettings): boolean {
    return this.#count >= failureThreshold;
  }
}

/** The state of a breaker, with what matters in that state only. A forced one stays until an operator ends it. */
export type BreakerState =
  | { readonly name: "closed"; readonly forced: boolean }
  | { readonly name: "open"; readonly forced: true }
  | {
    readonly name: "open";
    readonly forced: false;
    /** The length of this period before jitter, in milliseconds: a failed probe multiplies it. */
    readonly timeoutMs: number;
    /** When the period is over, in milliseconds of the breaker's clock. */
    readonly untilMs: number;
  }
  | {
    readonly name: "half_open";
    readonly forced: false;
    /** The length of the open period that went before, in milliseconds before jitter. */
    readonly timeoutMs: number;
    /** How many probes of this period have been handed out and not come back. */
    readonly probesInFlight: number;
    /** How many probes of this period have succeeded. */
    readonly successes: number;
  };

/** What a decision depends on besides the state and the event. */
export interface Circumstances {
  /** The settings now. */
  readonly settings: BreakerSettings;
  /** What the trip rule says. */
  readonly tripped: boolean;
  /** The time now, in milliseconds of the breaker's clock. */
  readonly nowMs: number;
  /** The chance in the jitter: a number of at least 0 and below 1. */
  readonly random: () => number;
}

/** The state machine. An `admit` must be one that {@link refusedForMs} allows, an outcome one of this state. */
export function nextState(state: BreakerState, event: BreakerEvent, given: Circumstances): BreakerState {
  if (event === "force_open") return { name: "open", forced: true };
  if (event === "force_closed") return { name: "closed", forced: true };
  if (event === "reset") return { name: "closed", forced: false };
  switch (state.name) {
    case "closed":
      if (event !== "failure" || !given.tripped || state.forced) return state;
      return openFor(given.settings.recoveryTimeoutMs, given);
    case "open":
      // An open state hands out no tickets, so the event is an admission, and its time must be over.
      if (state.forced) return state;
      return {
        name: "half_open",
        forced: false,
        timeoutMs: state.timeoutMs,
        probesInFlight: 1,
        successes: 0,
      };
    case "half_open": {
      if (event === "admit") return { ...state, probesInFlight: state.probesInFlight + 1 };
      if (event === "failure") return openFor(state.timeoutMs * given.settings.timeoutMultiplier, given);
      const probesInFlight = state.probesInFlight - 1;
      if (event === "excluded") return { ...state, probesInFlight };
      const successes = state.successes + 1;
      if (successes >= given.settings.successThreshold) return { name: "closed", forced: false };
      return { ...state, probesInFlight, successes };
    }
  }
}

function openFor(wantedMs: number, { settings, nowMs, random }: Circumstances): BreakerState {
  const timeoutMs = Math.min(wantedMs, settings.maxRecoveryTimeoutMs);
  // The jitter comes after the maximum: breakers that have all reached it would probe in step otherwise.
  const variedMs = timeoutMs * (1 + settings.jitter * (2 * random() - 1));
  return { name: "open", forced: false, timeoutMs, untilMs: nowMs + Math.max(1, Math.round(variedMs)) };
}

/**
 * For how long an admission would be refused, as an integer in milliseconds; 0 if it would not be.
 *
 * An open period answers with the time it has left. While all probes are taken the answer is one second, a guess.
 * While an operator holds the breaker open it is `maxRecoveryTimeoutMs`, a pace for asking and not a forecast.
 */
export function refusedForMs(state: BreakerState, nowMs: number, settings: BreakerSettings): number {
  switch (state.name) {
    case "closed":
      return 0;
    case "open":
      return Math.ceil(state.forced ? settings.maxRecoveryTimeoutMs : Math.max(0, state.untilMs - nowMs));
    case "half_open":
      return state.probesInFlight < settings.halfOpenMaxProbes ? 0 : PROBES_TAKEN_RETRY_MS;
  }
}
