/**
 * The tools that a configuration makes of the catalog: which are enabled, with which limits.
 *
 * @module
 */
import type { LoadedManifest } from "../catalog/load.ts";
import { resolveTool, type Tool, type ToolDefaults } from "../catalog/tool.ts";
import { quote } from "../core/text.ts";
import { type Diagnostic, type DocumentPath, formatPath } from "../documents/diagnostics.ts";
import { nearest } from "../documents/nearest.ts";
import type { Locate } from "./load.ts";
import type { Config } from "./schema.ts";

/** A tool and whether the configuration enables it. */
export interface ConfiguredTool {
  readonly tool: Tool;
  readonly enabled: boolean;
}

/** The tools, or the names in the configuration that no tool has. */
export type ToolConfiguration =
  | { readonly ok: true; readonly tools: readonly ConfiguredTool[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Applies `tools`, `limits` and `circuit_breaker` to the catalog.
 *
 * @param locate where the configuration's values come from, for messages
 */
export function configureTools(
  manifests: readonly LoadedManifest[],
  config: Config,
  locate: Locate,
): ToolConfiguration {
  const names = manifests.map(({ manifest }) => manifest.name);
  const { include, exclude, overrides } = config.tools;
  const check = (path: DocumentPath, name: string, what: "key" | "value") =>
    names.includes(name) ? [] : [unknownTool(path, name, names, locate, what)];
  const checkList = (key: "include" | "exclude") =>
    config.tools[key].flatMap((name, index) =>
      isPlain(name) ? check(["tools", key, index], name, "value") : []
    );
  const diagnostics = [
    ...checkList("include"),
    ...checkList("exclude"),
    ...Object.keys(overrides).flatMap((name) => check(["tools", "overrides", name], name, "key")),
  ];
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const defaults = toolDefaults(config);
  return {
    ok: true,
    tools: manifests.map((loaded) => {
      const { name } = loaded.manifest;
      return {
        tool: resolveTool(loaded, overrides[name] ?? {}, defaults),
        enabled: matchesAny(name, include) && !matchesAny(name, exclude),
      };
    }),
  };
}

function toolDefaults({ tools, limits, circuit_breaker: breaker }: Config): ToolDefaults {
  return {
    timeoutSec: tools.default_timeout_sec,
    concurrency: tools.default_concurrency,
    maxQueue: tools.default_max_queue,
    limits: {
      memoryMb: limits.memory_mb,
      cpuSec: limits.cpu_sec ?? null,
      openFiles: limits.open_files,
      fileSizeMb: limits.file_size_mb,
      processes: limits.processes ?? null,
    },
    breaker,
  };
}

function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name));
}

function isPlain(pattern: string): boolean {
  return !pattern.includes("*");
}

/** A name that no tool has is a mistake: an exclusion that excludes nothing would go unnoticed. */
export function unknownTool(
  path: DocumentPath,
  name: string,
  names: readonly string[],
  locate: Locate,
  what: "key" | "value" = "value",
): Diagnostic {
  const near = nearest(name, names);
  const hint = near === null ? "" : `; did you mean ${near}?`;
  return { ...locate(path, what), path: formatPath(path), message: `there is no tool ${quote(name)}${hint}` };
}
