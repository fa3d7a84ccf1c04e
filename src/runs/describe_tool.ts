/**
 * What a client is told of a tool: one description, independent of protocol and transport.
 *
 * @module
 */
import * as z from "zod";
import { parsers } from "../catalog/parsers/registry.ts";
import { targetNeed, type Tool } from "../catalog/tool.ts";
import { isoTime } from "../core/clock.ts";
import { type JsonSchema, jsonSchemaOf } from "../core/json_schema.ts";
import { refusalBodySchema } from "../core/refusal.ts";
import { runResultSchema } from "../core/result.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { inputSchema } from "./input_schema.ts";
import type { RunRequest } from "./run_request.ts";
import type { ToolInformation } from "./tool_schema.ts";
import { disablement, isOffered, occupancy, type ToolboxEntry, unavailability } from "./toolbox.ts";

/** A tool as clients see it. */
export interface ToolDescription {
  readonly name: string;
  readonly title: string;
  /** Ends with the targets that are allowed now. */
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly annotations: Readonly<Record<string, boolean | string>>;
}

/** Describes a tool. */
export function describeTool(tool: Tool, policy: TargetPolicy): ToolDescription {
  const { name, title, description, annotations } = tool.manifest;
  const aims = [...tool.forms.values()].some((form) => targetNeed(form) !== "none");
  return {
    name,
    title,
    description: `${description.trim()}${aims ? ` Allowed targets: ${policy.describe()}.` : ""}`,
    inputSchema: inputSchema(tool, policy),
    annotations: {
      title,
      ...(annotations.read_only !== undefined && { readOnlyHint: annotations.read_only }),
      ...(annotations.destructive !== undefined && { destructiveHint: annotations.destructive }),
      ...(annotations.idempotent !== undefined && { idempotentHint: annotations.idempotent }),
      ...(annotations.open_world !== undefined && { openWorldHint: annotations.open_world }),
    },
  };
}

/** The fields of a call that are not the tool's own parameters. */
const COMMON_FIELDS = ["target", "extra_args", "timeout_sec", "correlation_id"] as const;

/** Turns the flat arguments of a call, as {@link ToolDescription.inputSchema} has them, into a request. */
export function requestFromArguments(args: Readonly<Record<string, unknown>>): RunRequest {
  const common: Record<string, unknown> = {};
  const parameters: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(args)) {
    const isCommon = (COMMON_FIELDS as readonly string[]).includes(key);
    Object.defineProperty(isCommon ? common : parameters, key, { value, enumerable: true });
  }
  return { ...common, parameters };
}

const outputSchemas = new WeakMap<Tool, Promise<JsonSchema>>();

/** The JSON Schema of a call's structured content: a result, or a refusal. Clients check either against it. */
export function outputSchema(tool: Tool): Promise<JsonSchema> {
  const known = outputSchemas.get(tool) ?? makeOutputSchema(tool);
  outputSchemas.set(tool, known);
  return known;
}

async function makeOutputSchema(tool: Tool): Promise<JsonSchema> {
  const parserName = tool.manifest.output?.parser;
  const parsed = parserName === undefined ? z.null() : (await parsers[parserName]()).schema.nullable();
  // Whoever reads it pays for each word, and what the fields are called says enough.
  const { properties, ...result } = jsonSchemaOf(runResultSchema, { brief: true });
  return {
    type: "object",
    anyOf: [
      {
        ...result,
        properties: {
          ...properties as JsonSchema,
          tool: { const: tool.name },
          parsed: jsonSchemaOf(parsed),
        },
      },
      jsonSchemaOf(refusalBodySchema, { brief: true }),
    ],
  };
}

/** A tool as `bulkhead tools --json` and `GET /tools` list it. */
export function toolInformation(
  entry: ToolboxEntry,
  policy: TargetPolicy,
): ToolInformation {
  const { tool } = entry;
  const { description, inputSchema, annotations } = describeTool(tool, policy);
  const missing = unavailability(entry);
  const off = disablement(entry);
  return {
    name: tool.name,
    title: tool.manifest.title,
    description,
    enabled: entry.enabled,
    available: missing === null,
    offered: isOffered(entry),
    command: tool.manifest.command,
    path: entry.availability.path,
    why_not: off?.reason ?? missing?.reason ?? null,
    remedy: off?.remedy ?? missing?.remedy ?? null,
    declared_in: tool.file,
    target_kinds: [...new Set([...tool.forms.values()].flatMap(({ target }) => target.kinds))],
    max_addresses: Math.max(...[...tool.forms.values()].map(({ target }) => target.max_addresses)),
    modes: Object.keys(tool.manifest.modes),
    timeout_sec: tool.timeoutSec,
    concurrency: tool.concurrency,
    max_queue: tool.maxQueue,
    limits: {
      memory_mb: tool.limits.memoryMb,
      cpu_sec: tool.limits.cpuSec,
      open_files: tool.limits.openFiles,
      file_size_mb: tool.limits.fileSizeMb,
      processes: tool.limits.processes,
    },
    intrusive: tool.manifest.intrusive,
    circuit_breaker: breakerInformation(entry),
    ...occupancy(entry),
    annotations,
    input_schema: inputSchema,
  };
}

/** A tool's circuit breaker: its settings, as the configuration has them, its state, and what became of its calls. */
function breakerInformation({ tool, breaker }: ToolboxEntry): ToolInformation["circuit_breaker"] {
  const { state, forced, retryAfterMs, consecutiveFailures, recentTransitions, ...counts } = breaker
    .statistics();
  return {
    state,
    forced,
    retry_after_sec: Math.ceil(retryAfterMs / 1000),
    settings: tool.breaker,
    consecutive_failures: consecutiveFailures,
    calls: counts.calls,
    successes: counts.successes,
    failures: counts.failures,
    excluded: counts.excluded,
    rejections: counts.rejections,
    failure_reasons: counts.failureReasons,
    transitions: counts.transitions,
    recent_transitions: recentTransitions.map(({ wallAtMs, from, to, cause }) => ({
      at: isoTime(wallAtMs),
      from,
      to,
      cause,
    })),
  };
}
