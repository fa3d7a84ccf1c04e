import assert from "node:assert/strict";
import { type ConfigFlags, type ConfigLoad, type ConfigWorld, loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";

/** A world that holds these files and variables and nothing else. */
export interface Sources {
  readonly flags?: Partial<ConfigFlags>;
  readonly env?: Readonly<Record<string, string>>;
  /** By absolute path; an error is thrown when the file is read. */
  readonly files?: Readonly<Record<string, string | Error>>;
  /** The text of `/etc/b.yaml`, which `--config` then names. */
  readonly file?: string;
}

/** The configuration file of {@link Sources.file}. */
export const CONFIG_FILE = "/etc/b.yaml";

/** Loads from those sources. */
export function load({ flags = {}, env = {}, files = {}, file }: Sources = {}): ConfigLoad {
  const all: Record<string, string | Error> = {
    ...files,
    ...(file !== undefined && { [CONFIG_FILE]: file }),
  };
  const world: ConfigWorld = {
    cwd: "/work",
    env: (name) => env[name],
    readFile(path) {
      const found = all[path];
      if (found instanceof Error) throw found;
      return found === undefined ? null : new TextEncoder().encode(found);
    },
  };
  const named = file === undefined ? {} : { config: CONFIG_FILE };
  return loadConfig({ tools: [], allowTargets: [], ...named, ...flags }, world);
}

/** The configuration that those sources make. */
export function loaded(sources: Sources = {}): Config {
  const answer = load(sources);
  assert(answer.ok, answer.ok ? "" : answer.diagnostics.map(formatDiagnostic).join("\n"));
  return answer.config;
}

/** What is wrong with those sources, as it is printed. */
export function mistakes(sources: Sources): string[] {
  const answer = load(sources);
  assert(!answer.ok, "was loaded");
  return answer.diagnostics.map(formatDiagnostic);
}
