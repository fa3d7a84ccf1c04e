/**
 * The tools of a running server: each with its compartment, its circuit breaker and its semaphore.
 *
 * @module
 */
import type { Availability } from "../catalog/availability.ts";
import type { Tool } from "../catalog/tool.ts";
import type { Clock } from "../core/clock.ts";
import type { Execution, OutputListener } from "../confinement/compartment.ts";
import type { Order } from "../confinement/protocol.ts";
import { quote } from "../core/text.ts";
import { nearest } from "../documents/nearest.ts";
import { CircuitBreaker } from "../resilience/circuit_breaker.ts";
import { Semaphore } from "../resilience/semaphore.ts";
import { no, type Step } from "./step.ts";

/** What executes an order: a compartment, or a test's stand-in. */
export interface Executor {
  /** Why it can execute no more, or null while it can. */
  readonly death: string | null;
  run(order: Order, signal: AbortSignal, onOutput?: OutputListener): Promise<Execution>;
}

/** A tool as it was found at start. */
export interface ToolState {
  readonly tool: Tool;
  readonly enabled: boolean;
  readonly availability: Availability;
}

/** A tool that may be asked to run. */
export interface ToolboxEntry extends ToolState {
  /** Null while the tool is disabled or not available. */
  readonly executor: Executor | null;
  readonly breaker: CircuitBreaker;
  readonly semaphore: Semaphore;
}

/** All tools by name, in the order of their names. */
export type Toolbox = ReadonlyMap<string, ToolboxEntry>;

/**
 * Puts the toolbox together.
 *
 * @param executors by tool name, for every tool that is enabled and available
 * @param random a number in [0, 1), for the breakers' jitter
 */
export function makeToolbox(
  states: readonly ToolState[],
  executors: ReadonlyMap<string, Executor>,
  clock: Clock,
  random: () => number,
): Toolbox {
  return new Map(states.map((state) => {
    const { name, breaker, concurrency, maxQueue } = state.tool;
    const entry: ToolboxEntry = {
      ...state,
      executor: executors.get(name) ?? null,
      breaker: new CircuitBreaker({
        failureThreshold: breaker.failure_threshold,
        recoveryTimeoutMs: breaker.recovery_timeout_sec * 1000,
        successThreshold: breaker.success_threshold,
        timeoutMultiplier: breaker.timeout_multiplier,
        maxRecoveryTimeoutMs: breaker.max_recovery_timeout_sec * 1000,
        jitter: breaker.jitter,
        clock,
        random,
      }),
      semaphore: new Semaphore({ permits: concurrency, maxQueue, clock }),
    };
    return [name, entry];
  }));
}

/** The tool of that name, or the refusal that names the nearest. */
export function findTool(toolbox: Toolbox, name: string): Step<ToolboxEntry> {
  const entry = toolbox.get(name);
  if (entry !== undefined) return { ok: true, value: entry };
  const near = nearest(name, toolbox.keys());
  return no({
    condition: "unknown_tool",
    error: `there is no tool ${quote(name)}${near === null ? "" : `; did you mean ${near}?`}`,
    remedy: `The tools are: ${[...toolbox.keys()].join(", ")}.`,
  });
}

/** Whether a tool is offered to clients now. */
export function isOffered(entry: ToolboxEntry): boolean {
  return entry.enabled && entry.executor !== null && entry.executor.death === null;
}

/** Why a tool is not available now, and what to do; null when it is. */
export function unavailability(
  entry: ToolboxEntry,
): { readonly reason: string; readonly remedy: string } | null {
  if (!entry.availability.available) return entry.availability;
  const death = entry.executor?.death ?? null;
  return death === null ? null : { reason: death, remedy: "Restart the server." };
}
