/**
 * Admission: how many runs go on at once, by tool and together, and which are turned away.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import type { Refusal } from "../core/refusal.ts";
import { Semaphore } from "../resilience/semaphore.ts";
import type { Classification } from "./classify.ts";
import { no, type Step } from "./step.ts";
import type { Toolbox, ToolboxEntry } from "./toolbox.ts";

/** A place among the running: permits of the tool and of the whole, given back together. */
export interface Admission {
  readonly waitedMs: number;
  record(classification: Classification): void;
  release(): void;
}

/** Lets runs in, until it is closed. */
export class Gate {
  readonly #everything: Semaphore;
  #open = true;

  /** @param maxConcurrency runs at once, all tools together */
  constructor(toolbox: Toolbox, maxConcurrency: number, clock: Clock) {
    // Whoever waits here holds a permit of its own tool, so there are never more of them than such permits.
    const toolPermits = [...toolbox.values()].reduce((sum, entry) => sum + entry.semaphore.permits, 0);
    this.#everything = new Semaphore({ permits: maxConcurrency, maxQueue: toolPermits, clock });
  }

  /** Refuses every run from now on, those that wait included. */
  close(): void {
    this.#open = false;
  }

  /** Whether runs are let in. */
  get open(): boolean {
    return this.#open;
  }

  /**
   * Breaker not open, a place in the bounded queue, a permit, then the breaker's ticket: last, so that a long wait
   * never holds the half-open probe.
   */
  async admit(entry: ToolboxEntry, signal: AbortSignal): Promise<Step<Admission>> {
    const { breaker, semaphore, tool } = entry;
    if (!this.#open) return no(SHUTTING_DOWN);
    const early = breaker.precheck();
    if (!early.ok) return no(breakerOpen(tool.name, early.retryAfterMs));
    const own = await semaphore.acquire({ signal });
    if (!own.ok) return no(own.code === "aborted" ? CANCELLED : queueFull(tool.name, own.retryAfterMs));
    const shared = await this.#everything.acquire({ signal });
    if (!shared.ok) {
      own.permit.release();
      return no(shared.code === "aborted" ? CANCELLED : queueFull(tool.name, shared.retryAfterMs));
    }
    const release = () => {
      shared.permit.release();
      own.permit.release();
    };
    const admission = this.#open ? breaker.admit() : null;
    if (admission?.ok !== true) {
      release();
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

function queueFull(tool: string, retryAfterMs: number): Refusal {
  return {
    condition: "queue_full",
    error: `too many runs of ${tool} are waiting`,
    remedy: "Wait for running ones to end, then try again.",
    retryAfterSec: wholeSeconds(retryAfterMs),
  };
}

/** Retry-After is whole seconds (RFC 9110 section 10.2.3), and 0 would mean at once. */
function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
