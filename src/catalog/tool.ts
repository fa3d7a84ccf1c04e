/**
 * A tool: what was parsed from its manifest, resolved with the configuration into what a run needs.
 *
 * @module
 */
import type { ArgumentGrammar, FlagSpec, ParameterSpec } from "../policy/flags.ts";
import type { ValueSpec } from "../policy/value.ts";
import { formOf, type Manifest, type ManifestForm } from "./manifest.ts";
import type { LoadedManifest } from "./load.ts";

/** A circuit breaker's settings with every value known, in the units of the configuration. */
export type BreakerSeconds = Readonly<Record<keyof Manifest["breaker"], number>>;

/** Ceilings on a run, with every value known. */
export interface ToolLimits {
  /** Address space of each process, in MiB. */
  readonly memoryMb: number;
  /** Processor time of each process, in seconds; null when it follows from the run's time-out. */
  readonly cpuSec: number | null;
  /** Open file descriptors of each process. */
  readonly openFiles: number;
  /** The largest file that may be written, in MiB. */
  readonly fileSizeMb: number;
  /** Processes of one run together; null when they are not counted. */
  readonly processes: number | null;
}

/** What the configuration says where a manifest is silent. */
export interface ToolDefaults {
  readonly timeoutSec: number;
  readonly concurrency: number;
  readonly maxQueue: number;
  readonly limits: ToolLimits;
  readonly breaker: BreakerSeconds;
}

/** The part of a manifest that `tools.overrides.NAME` may change. */
export interface ToolOverride {
  readonly command?: string | undefined;
  readonly limits?: Manifest["limits"] | undefined;
  readonly concurrency?: number | undefined;
  readonly max_queue?: number | undefined;
  readonly breaker?: Manifest["breaker"] | undefined;
}

/** The name under which a tool without modes has its one form. */
export const NO_MODE = "";

/** One way to use a tool. */
export interface ToolForm {
  /** Arguments before all others. */
  readonly first: readonly string[];
  readonly target: Manifest["target"];
  readonly grammar: ArgumentGrammar;
  /** Whether every run of it needs leave. */
  readonly intrusive: boolean;
}

/** A tool, resolved. */
export interface Tool {
  readonly name: string;
  readonly manifest: Manifest;
  /** Where the manifest came from. */
  readonly file: string;
  /** The ways to use it, by mode; a tool without modes has one, under {@link NO_MODE}. */
  readonly forms: ReadonlyMap<string, ToolForm>;
  /** Seconds: the default and the most that a caller may ask for. */
  readonly timeoutSec: number;
  readonly concurrency: number;
  readonly maxQueue: number;
  readonly limits: ToolLimits;
  readonly breaker: BreakerSeconds;
}

/** Resolves a manifest: overrides over the manifest over the defaults. */
export function resolveTool(loaded: LoadedManifest, override: ToolOverride, defaults: ToolDefaults): Tool {
  const manifest: Manifest = {
    ...loaded.manifest,
    command: override.command ?? loaded.manifest.command,
    limits: { ...loaded.manifest.limits, ...definedOnly(override.limits ?? {}) },
  };
  return {
    name: manifest.name,
    manifest,
    file: loaded.file,
    forms: formsOf(manifest),
    timeoutSec: manifest.limits.timeout_sec ?? defaults.timeoutSec,
    concurrency: override.concurrency ?? manifest.concurrency ?? defaults.concurrency,
    maxQueue: override.max_queue ?? manifest.max_queue ?? defaults.maxQueue,
    limits: resolveLimits(manifest.limits, defaults.limits),
    breaker: resolveBreaker(defaults.breaker, manifest.breaker, override.breaker ?? {}),
  };
}

function resolveLimits(declared: Manifest["limits"], defaults: ToolLimits): ToolLimits {
  return {
    memoryMb: declared.memory_mb ?? defaults.memoryMb,
    cpuSec: declared.cpu_sec ?? defaults.cpuSec,
    openFiles: declared.open_files ?? defaults.openFiles,
    fileSizeMb: declared.file_size_mb ?? defaults.fileSizeMb,
    processes: declared.processes ?? defaults.processes,
  };
}

/** Whoever lengthens the recovery time alone means the maximum to follow. */
function resolveBreaker(...layers: readonly object[]): BreakerSeconds {
  const merged = Object.assign({}, ...layers.map(definedOnly)) as BreakerSeconds;
  const longest = Math.max(merged.max_recovery_timeout_sec, merged.recovery_timeout_sec);
  return { ...merged, max_recovery_timeout_sec: longest };
}

/** Whether a form must be given a target, may be given one, or takes none. */
export function targetNeed(
  { target: { kinds } }: Pick<ToolForm, "target">,
): "required" | "optional" | "none" {
  if (!kinds.includes("none")) return "required";
  return kinds.length === 1 ? "none" : "optional";
}

function formsOf(manifest: Manifest): ReadonlyMap<string, ToolForm> {
  const modes = Object.entries(manifest.modes);
  if (modes.length === 0) return new Map([[NO_MODE, resolveForm(manifest)]]);
  return new Map(modes.map(([name, mode]) => [name, resolveForm(formOf(manifest, mode))]));
}

function resolveForm(form: ManifestForm): ToolForm {
  const { first, target, intrusive } = form;
  return { first, target, intrusive, grammar: grammarOf(form) };
}

function grammarOf(manifest: ManifestForm): ArgumentGrammar {
  const parameters = new Map<string, ParameterSpec>();
  for (const [name, spec] of Object.entries(manifest.parameters)) {
    const { flag, join, repeat, required, intrusive, description, default: fallback } = spec;
    parameters.set(name, {
      flag,
      join,
      repeat,
      required,
      intrusive,
      value: spec as ValueSpec,
      ...(fallback !== undefined && { default: fallback }),
      ...(description !== undefined && { description }),
    });
  }
  const flags = new Map<string, FlagSpec>();
  for (const [name, { value, join, repeat, intrusive, description }] of Object.entries(manifest.flags)) {
    flags.set(name, {
      join,
      repeat,
      intrusive,
      ...(value !== undefined && { value: value as ValueSpec }),
      ...(description !== undefined && { description }),
    });
  }
  return { parameters, flags };
}

/** Without the keys that are there but undefined, which would otherwise hide a default. */
function definedOnly<T extends object>(part: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
