/**
 * Loading the configuration: flags over environment over file over defaults. Objects merge deeply, lists replace;
 * the two repeatable flags add to their lists.
 *
 * @module
 */
import { checkDocument, checkValue } from "../documents/check_document.ts";
import type { Diagnostic, DocumentPath } from "../documents/diagnostics.ts";
import { parseDocumentBytes } from "../documents/parse_document.ts";
import { type Config, configSchema } from "./schema.ts";
import { type Place, type ValueSources, valueSources } from "./sources.ts";
import { ENVIRONMENT, environmentValue } from "./environment.ts";
import { folderOf, resolvePath } from "../core/paths.ts";

/** The command line's part of the configuration. */
export interface ConfigFlags {
  readonly config?: string | undefined;
  readonly tools: readonly string[];
  readonly allowTargets: readonly string[];
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  readonly transport?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
}

/** The world that the configuration is read from. */
export interface ConfigWorld {
  /** The working folder, for relative paths on the command line. */
  readonly cwd: string;
  env(name: string): string | undefined;
  /** The file's bytes, or null when there is none; throws when it cannot be read. */
  readFile(path: string): Uint8Array | null;
}

/** Finds the place of the value, or of the key, that is in effect. */
export type Locate = (path: DocumentPath, what?: "key" | "value") => Place;

/** The configuration that is in effect. */
export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, or null. */
  readonly file: string | null;
  readonly locate: Locate;
  /** Where each value comes from. */
  readonly sources: ValueSources;
}

/** The configuration, or everything that is wrong with it. */
export type ConfigLoad =
  | ({ readonly ok: true } & LoadedConfig)
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Nested values, before the schema has looked at them. */
interface Layer {
  readonly [key: string]: unknown;
}

/** One source and what it sets. */
interface Source {
  readonly layer: Layer;
  readonly locate: Locate;
}

/** Reads, checks and merges all sources. */
export function loadConfig(flags: ConfigFlags, world: ConfigWorld): ConfigLoad {
  const located = locateConfig(flags, world);
  const file = readConfigFile(located, world);
  if (!file.ok) return file;
  const diagnostics: Diagnostic[] = [];
  const sources: Source[] = [file];
  for (const { source, layer } of [...environmentLayers(world), ...flagLayers(flags)]) {
    const checked = checkValue(configSchema, layer, source);
    if (!checked.ok) {
      diagnostics.push(...checked.diagnostics);
      continue;
    }
    const locate = () => ({ file: source, line: null, column: null });
    sources.push({ layer: withAbsolutePaths(layer, world.cwd), locate });
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const merged = sources.map(({ layer }) => layer).reduce(merge, {});
  const checked = checkValue(configSchema, merged, file.path ?? "configuration");
  if (!checked.ok) return checked;
  const extended = addRepeated(checked.value, flags, world.cwd);
  const recheck = checkValue(configSchema, extended.config, "--allow-target");
  if (!recheck.ok) return recheck;
  // The uppermost source that sets a key is the one in effect; a list is replaced as a whole.
  const setter = (path: DocumentPath) => sources.findLast(({ layer }) => sets(layer, path));
  const config = recheck.value;
  return {
    ok: true,
    config,
    file: file.path,
    locate: (path, what) => (setter(path) ?? file).locate(path, what),
    sources: valueSources(config, (path) => setter(path)?.locate(path) ?? null, extended.added),
  };
}

/** Where the configuration file is looked for. */
export interface ConfigLocation {
  readonly path: string;
  /** What named it; only the default place may be empty. */
  readonly source: "--config" | "MCP_CONFIG_FILE" | "default";
}

/** The configuration file's place: the flag, the variable, or the user's configuration folder; null without a home. */
export function locateConfig(flags: ConfigFlags, world: ConfigWorld): ConfigLocation | null {
  if (flags.config !== undefined) return { path: resolvePath(world.cwd, flags.config), source: "--config" };
  const named = world.env("MCP_CONFIG_FILE") ?? "";
  if (named !== "") return { path: resolvePath(world.cwd, named), source: "MCP_CONFIG_FILE" };
  const home = world.env("HOME") ?? "";
  const folder = world.env("XDG_CONFIG_HOME") || (home === "" ? "" : `${home}/.config`);
  // The XDG base directory specification: a relative path is to be ignored.
  return folder.startsWith("/") ? { path: `${folder}/bulkhead/config.yaml`, source: "default" } : null;
}

function readConfigFile(located: ConfigLocation | null, world: ConfigWorld):
  | ({ readonly ok: true; readonly path: string | null } & Source)
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] } {
  const nowhere: Place = { file: "configuration", line: null, column: null };
  const none = { ok: true, layer: {}, path: null, locate: () => nowhere } as const;
  if (located === null) return none;
  const { path, source } = located;
  let bytes: Uint8Array | null;
  try {
    bytes = world.readFile(path);
  } catch (error) {
    const diagnostic = unplaced(path, `the configuration file cannot be read: ${(error as Error).message}`);
    return { ok: false, diagnostics: [diagnostic] };
  }
  if (bytes === null) {
    if (source === "default") return none;
    return { ok: false, diagnostics: [unplaced(path, `there is no such file, named by ${source}`)] };
  }
  const document = parseDocumentBytes(bytes, path);
  if (!document.ok) return document;
  const checked = checkDocument(configSchema, document);
  if (!checked.ok) return checked;
  return {
    ok: true,
    layer: withAbsolutePaths(document.value as Layer, folderOf(path)),
    path,
    locate: (at, what) => ({ file: path, ...document.locate(at, what) }),
  };
}

/** The keys whose values are paths, or lists of paths. */
const PATH_KEYS = [
  ["tools", "dirs"],
  ["tools", "wordlist_dirs"],
  ["confinement", "state_dir"],
  ["logging", "file"],
  ["auth", "tokens_file"],
] as const;

/** A checked layer with its paths taken relative to `folder`: the file's own, or the working folder. */
function withAbsolutePaths(layer: Layer, folder: string): Layer {
  return PATH_KEYS.reduce((whole, [section, key]) => {
    const value = (whole[section] as Layer | undefined)?.[key];
    if (value === undefined) return whole;
    const absolute = Array.isArray(value)
      ? value.map((path) => resolvePath(folder, String(path)))
      : resolvePath(folder, String(value));
    return merge(whole, { [section]: { [key]: absolute } });
  }, layer);
}

function environmentLayers(world: ConfigWorld): { source: string; layer: Layer }[] {
  return ENVIRONMENT.flatMap(({ name, path: [section, key], kind }) => {
    const text = world.env(name) ?? "";
    return text === ""
      ? []
      : [{ source: name, layer: { [section]: { [key]: environmentValue(text, kind) } } }];
  });
}

function flagLayers(flags: ConfigFlags): { source: string; layer: Layer }[] {
  const { transport, host, port, logLevel, logFormat } = flags;
  return [
    ...(transport === undefined ? [] : [{ source: "--transport", layer: { server: { transport } } }]),
    ...(host === undefined ? [] : [{ source: "--host", layer: { server: { host } } }]),
    ...(port === undefined
      ? []
      : [{ source: "--port", layer: { server: { port: environmentValue(port, "number") } } }]),
    ...(logLevel === undefined ? [] : [{ source: "--log-level", layer: { logging: { level: logLevel } } }]),
    ...(logFormat === undefined
      ? []
      : [{ source: "--log-format", layer: { logging: { format: logFormat } } }]),
  ];
}

/** Adds what the repeatable flags name to their lists; `added` has, by path, the flag that a list grew by. */
function addRepeated(
  config: Config,
  flags: ConfigFlags,
  cwd: string,
): { readonly config: Config; readonly added: ReadonlyMap<string, string> } {
  const { security, tools } = config;
  const targets = unique([...security.allowed_targets, ...flags.allowTargets]);
  const dirs = unique([...tools.dirs, ...flags.tools.map((dir) => resolvePath(cwd, dir))]);
  const added = new Map<string, string>();
  if (targets.length > security.allowed_targets.length) {
    added.set("security.allowed_targets", "--allow-target");
  }
  if (dirs.length > tools.dirs.length) added.set("tools.dirs", "--tools");
  return {
    config: { ...config, security: { ...security, allowed_targets: targets }, tools: { ...tools, dirs } },
    added,
  };
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}

function merge(lower: Layer, upper: Layer): Layer {
  const merged: Record<string, unknown> = { ...lower };
  for (const [key, value] of Object.entries(upper)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? merge(below, value) : value;
  }
  return merged;
}

/** Whether the layer sets what `path` leads to; of a list's items, whether it sets the list. */
function sets(layer: Layer, path: DocumentPath): boolean {
  let value: unknown = layer;
  for (const step of path) {
    if (Array.isArray(value)) return true;
    if (!isObject(value) || !Object.hasOwn(value, step)) return false;
    value = value[step];
  }
  return true;
}

function isObject(value: unknown): value is Layer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unplaced(file: string, message: string): Diagnostic {
  return { file, line: null, column: null, path: "", message };
}
