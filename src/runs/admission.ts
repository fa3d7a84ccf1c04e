/**
 * Admission: how many runs go on at once, by tool and together, and which are turned away.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import { JoinedSignal } from "../core/joined_signal.ts";
import { type Refusal, wholeSeconds } from "../core/refusal.ts";
import { type Acquired, Semaphore } from "../resilience/semaphore.ts";
import type { Classification } from "./classify.ts";
import { no, type Step } from "./step.ts";
import type { ToolboxEntry } from "./toolbox.ts";

/** A place among the running: permits of the tool and of the whole, given back together. */
export interface Admission {
  readonly waitedMs: number;
  record(classification: Classification): void;
  release(): void;
}

/** How much is admitted, as it is now. */
export interface AdmissionSettings {
  /** Runs at once, all tools together: an integer of at least 1. */
  readonly maxConcurrency: number;
  /** Limits how often each client asks for each tool, or null. */
  readonly rateLimiter: RateLimiting | null;
}

/** A rate limiter, as far as admission asks it. */
export interface RateLimiting {
  take(key: string): { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };
}

/** Lets runs in, until it is closed. */
export class Gate {
  readonly #settings: () => AdmissionSettings;
  readonly #everything: Semaphore;
  readonly #closed = new AbortController();

  /** @param settings asked for each run: they may change */
  constructor(settings: () => AdmissionSettings, clock: Clock) {
    this.#settings = settings;
    // Its queue needs no limit of its own: whoever waits here holds a permit of its own tool.
    const maxQueue = Number.MAX_SAFE_INTEGER;
    this.#everything = new Semaphore({ permits: settings().maxConcurrency, maxQueue, clock });
  }

  /** Takes the settings as they are now, for those that wait already. */
  refresh(): void {
    this.#everything.setLimits({ permits: this.#settings().maxConcurrency });
  }

  /** Refuses every run from now on, those that wait included. */
  close(): void {
    this.#closed.abort();
  }

  /** Whether runs are let in. */
  get open(): boolean {
    return !this.#closed.signal.aborted;
  }

  /** Aborted when the gate is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * The rate limit, the breaker not open, a place in the bounded queue, a permit, then the breaker's ticket: last, so that
   * a long wait never holds the half-open probe.
   *
   * @param client whose rate it is
   */
  async admit(entry: ToolboxEntry, client: string, signal: AbortSignal): Promise<Step<Admission>> {
    const { breaker, semaphore, waitingForAll, tool } = entry;
    const { rateLimiter } = this.#settings();
    if (!this.open) return no(SHUTTING_DOWN);
    // Names of tools hold no space, so that no client's name can be taken for another's with a tool.
    const rate = rateLimiter?.take(`${tool.name} ${client}`) ?? { ok: true };
    if (!rate.ok) return no(rateLimited(tool.name, rate.retryAfterMs));
    const early = breaker.precheck();
    if (!early.ok) return no(breakerOpen(tool.name, early.retryAfterMs));
    using waiting = new JoinedSignal(signal, this.#closed.signal);
    const own = await semaphore.acquire(waiting);
    if (!own.ok) return no(this.#notAcquired(tool.name, own));
    waitingForAll.count++;
    const shared = await this.#everything.acquire(waiting);
    waitingForAll.count--;
    if (!shared.ok) {
      own.permit.decline();
      return no(this.#notAcquired(tool.name, shared));
    }
    const release = () => {
      shared.permit.release();
      own.permit.release();
    };
    const admission = this.open ? breaker.admit() : null;
    if (admission?.ok !== true) {
      shared.permit.decline();
      own.permit.decline();
      return no(admission === null ? SHUTTING_DOWN : breakerOpen(tool.name, admission.retryAfterMs));
    }
    const { ticket } = admission;
    return {
      ok: true,
      value: {
        waitedMs: own.permit.waitedMs + shared.permit.waitedMs,
        record: (classification) =>
          ticket.record(classification.breaker, classification.errorType ?? undefined),
        release: () => {
          // A ticket that was not recorded says nothing about the tool.
          ticket.record("excluded");
          release();
        },
      },
    };
  }

  #notAcquired(tool: string, refusal: Extract<Acquired, { ok: false }>): Refusal {
    if (refusal.code !== "aborted") return queueFull(tool, refusal.retryAfterMs);
    return this.open ? CANCELLED : SHUTTING_DOWN;
  }
}

const CANCELLED: Refusal = {
  condition: "cancelled",
  error: "the run was cancelled while it was waiting for its turn",
  remedy: "Ask again when the answer is wanted.",
};

/** The refusal of everything that comes after the gate was closed. */
export const SHUTTING_DOWN: Refusal = {
  condition: "shutting_down",
  error: "the server is shutting down and takes no new runs",
  remedy: "Ask again when it is back.",
};

function breakerOpen(tool: string, retryAfterMs: number): Refusal {
  return {
    condition: "breaker_open",
    error: `the circuit breaker of ${tool} is open after repeated failures`,
    remedy: "Wait, then try once; look at the last errors of the tool meanwhile.",
    retryAfterSec: wholeSeconds(retryAfterMs),
  };
}

function rateLimited(tool: string, retryAfterMs: number): Refusal {
  return {
    condition: "rate_limited",
    error: `too many runs of ${tool} are asked for in too short a time`,
    remedy: "Wait, then ask again; a person may change rate_limit.",
    retryAfterSec: wholeSeconds(retryAfterMs),
  };
}

function queueFull(tool: string, retryAfterMs: number): Refusal {
  return {
    condition: "queue_full",
    error: `too many runs of ${tool} are waiting`,
    remedy: "Wait for running ones to end, then try again.",
    retryAfterSec: wholeSeconds(retryAfterMs),
  };
}
