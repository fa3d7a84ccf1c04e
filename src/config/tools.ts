/**
 * The tools that a configuration makes of the catalog: which are enabled, with which limits.
 *
 * @module
 */
import type { LoadedManifest } from "../catalog/load.ts";
import { resolveTool, type Tool } from "../catalog/tool.ts";
import type { Diagnostic } from "../documents/diagnostics.ts";
import { nearest } from "../documents/nearest.ts";
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

/** Applies `tools` and `circuit_breaker` to the catalog. */
export function configureTools(
  manifests: readonly LoadedManifest[],
  config: Config,
  file: string | null,
): ToolConfiguration {
  const names = manifests.map(({ manifest }) => manifest.name);
  const { include, exclude, overrides } = config.tools;
  const diagnostics = [
    ...unknownNames("tools.include", include.filter(isPlain), names, file),
    ...unknownNames("tools.exclude", exclude.filter(isPlain), names, file),
    ...unknownNames("tools.overrides", Object.keys(overrides), names, file),
  ];
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const defaults = {
    timeoutSec: config.tools.default_timeout_sec,
    concurrency: config.tools.default_concurrency,
    maxQueue: config.tools.default_max_queue,
    breaker: config.circuit_breaker,
  };
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

function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name));
}

function isPlain(pattern: string): boolean {
  return !pattern.includes("*");
}

/** A name that no tool has is a mistake: an exclusion that excludes nothing would go unnoticed. */
function unknownNames(
  path: string,
  given: readonly string[],
  names: readonly string[],
  file: string | null,
): Diagnostic[] {
  return given.filter((name) => !names.includes(name)).map((name) => {
    const near = nearest(name, names);
    return {
      file: file ?? "configuration",
      line: null,
      column: null,
      path,
      message: `there is no tool ${JSON.stringify(name)}${near === null ? "" : `; did you mean ${near}?`}`,
    };
  });
}
