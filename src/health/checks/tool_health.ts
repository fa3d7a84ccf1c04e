/**
 * The checks of the tools: whether they can be used, one check for all of them together and one for each.
 *
 * @module
 */
import { TOOL_CHECK_PREFIX } from "../../config/own_checks.ts";
import { plural } from "../../core/text.ts";
import { occupancy, type Toolbox, type ToolboxEntry, unavailability } from "../../runs/toolbox.ts";
import type { CheckOutcome, HealthCheck } from "../check.ts";

/** What it needs. */
export interface ToolHealth {
  readonly toolbox: Toolbox;
  /** Whether somebody has said that this tool is wanted, beside what enables every tool. Asked each time. */
  readonly isNamed: (entry: ToolboxEntry) => boolean;
}

/**
 * Makes what gives the checks of the tools, as the tools are when it is asked.
 *
 * A tool is missed when it is enabled and not available, although it was before, or somebody has named it: in
 * `tools.include` or `tools.overrides`, by a manifest of their own, or by switching it on. All tools of the catalog are
 * enabled by default and hardly a machine has all of their programs; one that was never there is told in the metadata
 * of `tool_availability` alone, or every such server would be called degraded for ever.
 */
export function toolHealth({ toolbox, isNamed }: ToolHealth): () => readonly HealthCheck[] {
  /** The tools that were available at some time. */
  const known = new Set<string>();
  return () => {
    const enabled: ToolboxEntry[] = [];
    for (const entry of toolbox.values()) {
      if (entry.availability.available) known.add(entry.tool.name);
      if (entry.enabled) enabled.push(entry);
    }
    for (const name of known) if (!toolbox.has(name)) known.delete(name);
    const isWanted = (entry: ToolboxEntry) => {
      const wasSwitchedOn = !entry.configured;
      return known.has(entry.tool.name) || wasSwitchedOn || isNamed(entry);
    };
    const wanted = enabled.filter(isWanted);
    return [
      {
        name: "tool_availability",
        priority: "informational",
        check: () => judgeAll(wanted, enabled.filter((entry) => !wanted.includes(entry))),
      },
      ...wanted.map((entry): HealthCheck => ({
        name: `${TOOL_CHECK_PREFIX}${entry.tool.name}`,
        priority: "informational",
        check: () => judge(entry),
      })),
    ];
  };
}

function judgeAll(wanted: readonly ToolboxEntry[], never: readonly ToolboxEntry[]): CheckOutcome {
  const unavailable = namesOf(wanted.filter((entry) => unavailability(entry) !== null));
  const total = wanted.length + never.length;
  const available = wanted.length - unavailable.length;
  const missing = unavailable.length > 0
    ? `unavailable tools: ${unavailable.join(", ")}`
    : total > 0 && available === 0
    ? `none of the ${plural(total, "enabled tool")} is available`
    : null;
  return {
    status: missing === null ? "healthy" : "degraded",
    message: missing ?? `${available} of ${plural(total, "enabled tool")} available`,
    metadata: {
      total_tools: total,
      available_tools: available,
      unavailable_tools: unavailable,
      never_available_tools: namesOf(never),
    },
  };
}

function judge(entry: ToolboxEntry): CheckOutcome {
  const { availability, breaker } = entry;
  const { state, retryAfterMs } = breaker.statistics();
  const metadata = { path: availability.path, circuit_breaker: state, ...occupancy(entry) };
  const missing = unavailability(entry);
  if (missing !== null) {
    return { status: "unhealthy", message: `${missing.reason}: ${missing.remedy}`, metadata };
  }
  if (state === "closed") return { status: "healthy", message: "available", metadata };
  // Until a run has succeeded nobody knows that it works again.
  const then = retryAfterMs > 0
    ? `runs are refused for ${Math.ceil(retryAfterMs / 1000)} s`
    : "the next run shows whether the tool works again";
  const message = `its circuit breaker is ${state === "open" ? "open" : "half open"}: ${then}`;
  return { status: "degraded", message, metadata };
}

function namesOf(entries: readonly ToolboxEntry[]): string[] {
  return entries.map(({ tool }) => tool.name);
}
