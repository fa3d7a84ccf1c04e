/**
 * What is known of a tool at one moment: whether it may be used, and with what it is executed and guarded.
 *
 * @module
 */
import type { Availability } from "../catalog/availability.ts";
import type { Tool } from "../catalog/tool.ts";
import type { Execution, OutputListener } from "../confinement/compartment.ts";
import type { Order } from "../confinement/protocol.ts";
import { quote } from "../core/text.ts";
import { nearest } from "../documents/nearest.ts";
import type { CircuitBreaker } from "../resilience/circuit_breaker.ts";
import type { Semaphore } from "../resilience/semaphore.ts";
import { no, type Step } from "./step.ts";

/** What executes an order: a compartment, or a test's stand-in. */
export interface Executor {
  /** Why it can execute no more, or null while it can. */
  readonly death: string | null;
  run(order: Order, signal: AbortSignal, onOutput?: OutputListener): Promise<Execution>;
}

/** A tool as the configuration has it and the machine was found. */
export interface ToolState {
  readonly tool: Tool;
  /** Whether the configuration enables it. */
  readonly enabled: boolean;
  readonly availability: Availability;
}

/** A tool that may be asked to run. The entry is replaced when something about the tool changes. */
export interface ToolboxEntry extends ToolState {
  /** Whether the configuration enables it. */
  readonly configured: boolean;
  /** Whether it is enabled now: by the configuration, or by whoever switched it since. */
  readonly enabled: boolean;
  /** Null while the tool is disabled or not available. */
  readonly executor: Executor | null;
  readonly breaker: CircuitBreaker;
  readonly semaphore: Semaphore;
  /** How many runs hold one of its permits and wait for one of all tools together. */
  readonly waitingForAll: { count: number };
}

/** All tools by name, in the order of their names. */
export type Toolbox = ReadonlyMap<string, ToolboxEntry>;

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

/** How many runs of a tool have their turn, and how many wait for it, be it among its own or among all tools' runs. */
export function occupancy(
  { semaphore, waitingForAll }: ToolboxEntry,
): { readonly running: number; readonly queued: number } {
  const { count } = waitingForAll;
  return { running: semaphore.running - count, queued: semaphore.queued + count };
}

/** Whether a tool is offered to clients now. */
export function isOffered(entry: ToolboxEntry): boolean {
  return entry.enabled && entry.executor !== null && entry.executor.death === null;
}

/** Why a tool is switched off, and what to do; null when it is on. */
export function disablement(
  { tool, enabled, configured }: ToolboxEntry,
): { readonly reason: string; readonly remedy: string } | null {
  if (enabled) return null;
  return configured
    ? {
      reason: "it was switched off",
      remedy: `A person may switch it on again: POST /tools/${tool.name}/enable.`,
    }
    : {
      reason: "it is disabled by the configuration",
      remedy: "A person may enable it with tools.include and tools.exclude.",
    };
}

/** Why a tool is not available now, and what to do; null when it is. */
export function unavailability(
  entry: ToolboxEntry,
): { readonly reason: string; readonly remedy: string } | null {
  if (!entry.availability.available) return entry.availability;
  const death = entry.executor?.death ?? null;
  return death === null ? null : {
    reason: death,
    remedy: "Send SIGHUP to the server, which makes its compartment anew, or restart it.",
  };
}
