/**
 * What every command begins with: configuration, manifests and policy, read and checked as a whole.
 *
 * @module
 */
import { isManifestFile, loadCatalog, type ManifestFile } from "../catalog/load.ts";
import {
  type ConfigFlags,
  type ConfigWorld,
  loadConfig,
  type LoadedConfig,
  locateConfig,
} from "../config/load.ts";
import { ownCheckMistakes } from "../config/own_checks.ts";
import type { Config } from "../config/schema.ts";
import {
  authSettings,
  folderSettings,
  logFileSettings,
  logSettings,
  targetSettings,
} from "../config/settings.ts";
import type { ValueSources } from "../config/sources.ts";
import { stateFolder } from "../config/state_folder.ts";
import { type ConfiguredTool, configureTools } from "../config/tools.ts";
import type { LogFileSettings } from "../confinement/scribe_protocol.ts";
import { listFolder, readFile } from "../confinement/state/file_reader.ts";
import { folderOf } from "../core/paths.ts";
import { type Diagnostic, formatDiagnostic } from "../documents/diagnostics.ts";
import { setUpLogging, standardError } from "../logging/setup.ts";
import { TargetPolicy } from "../policy/target_policy.ts";
import { EXIT, Exit, type Io } from "../core/exit.ts";
import { configWorld } from "./system.ts";

/** The checked beginning. */
export interface Setup {
  readonly config: Config;
  readonly tools: readonly ConfiguredTool[];
  readonly policy: TargetPolicy;
  /** The configuration file that was read, or null. */
  readonly configFile: string | null;
  /** Where each value of the configuration comes from. */
  readonly sources: ValueSources;
  /**
   * Where a configuration file is looked for, the folders of manifests and word lists, and the file of tokens: what
   * must be readable.
   */
  readonly readable: readonly string[];
  /** The folder for state; null when there is no home for it. */
  readonly stateFolder: string | null;
  readonly logFile: LogFileSettings | null;
  /** The folders of state and of the log file: what must be writable. */
  readonly writable: readonly string[];
  /** What it was read by, for when it is read again. */
  readonly flags: ConfigFlags;
  readonly world: ConfigWorld;
}

/** The beginning, or everything that is wrong with it. */
export type SetupReading =
  | { readonly ok: true; readonly setup: Setup }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads everything.
 *
 * @throws {Exit} with 2 when something is wrong, after saying all that is wrong, one line each
 */
export function readSetup(flags: ConfigFlags, io: Io): Setup {
  const world = configWorld();
  const loaded = loadConfig(flags, world);
  if (!loaded.ok) throw failed(loaded.diagnostics, io);
  const reading = assembleSetup(
    flags,
    world,
    loaded,
    readManifests(folderSettings(loaded.config).manifestFolders, io),
  );
  if (!reading.ok) throw failed(reading.diagnostics, io);
  setUpLogging(logSettings(reading.setup.config), standardError);
  return reading.setup;
}

/** Checks a configuration and the manifests that belong to it, as a whole. */
export function assembleSetup(
  flags: ConfigFlags,
  world: ConfigWorld,
  { config, file, locate, sources }: LoadedConfig,
  manifests: readonly ManifestFile[],
): SetupReading {
  const catalog = loadCatalog(manifests);
  if (!catalog.ok) return catalog;
  const tools = configureTools(catalog.manifests, config, locate);
  if (!tools.ok) return tools;
  const mistakes = ownCheckMistakes(config, tools.tools.map(({ tool }) => tool.name), locate);
  if (mistakes.length > 0) return { ok: false, diagnostics: mistakes };
  const location = locateConfig(flags, world);
  const state = stateFolder(config, world);
  const logFile = logFileSettings(config);
  const { manifestFolders, wordListFolders } = folderSettings(config);
  const { allowedTargets, deniedTargets } = targetSettings(config);
  const { tokensFile } = authSettings(config);
  const setup: Setup = {
    config,
    tools: tools.tools,
    policy: new TargetPolicy(allowedTargets, deniedTargets),
    configFile: file,
    sources,
    readable: [
      ...(location === null ? [] : [location.path]),
      ...manifestFolders,
      ...wordListFolders,
      ...(tokensFile === null ? [] : [tokensFile]),
    ],
    stateFolder: state,
    logFile,
    writable: [...(state === null ? [] : [state]), ...(logFile === null ? [] : [folderOf(logFile.path)])],
    flags,
    world,
  };
  return { ok: true, setup };
}

/**
 * Reads the manifests of folders, in the order of the folders and then of the files' names: as they will be read again
 * later, so that whatever the server starts with it can reload.
 *
 * @throws {Exit} with 2, as {@link readSetup}
 */
export function readManifests(folders: readonly string[], io: Io): ManifestFile[] {
  return folders.flatMap((folder) => {
    const names = reading(folder, io, () => listFolder(folder));
    if (names === null) throw failed([noFolder(folder)], io);
    return names.filter(isManifestFile).sort().flatMap((name) => {
      const file = `${folder}/${name}`;
      const read = reading(file, io, () => readFile(file));
      // Removed since the folder was listed.
      return read === null ? [] : [{ file, bytes: read.bytes }];
    });
  });
}

function reading<T>(path: string, io: Io, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw failed([cannotRead(path, error)], io);
  }
}

/** A folder of manifests that is not there. */
export function noFolder(folder: string): Diagnostic {
  return unplaced(folder, "there is no such folder of manifests");
}

/** What cannot be read, with the system's reason. */
export function cannotRead(path: string, error: unknown): Diagnostic {
  return unplaced(path, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
}

/** A mistake without a place in the file. */
export function unplaced(file: string, message: string): Diagnostic {
  return { file, line: null, column: null, path: "", message };
}

/** Says all that is wrong, one line each; what it gives is to be thrown. */
export function failed(diagnostics: readonly Diagnostic[], io: Io): Exit {
  for (const diagnostic of diagnostics) io.stderr(`${formatDiagnostic(diagnostic)}\n`);
  return new Exit(EXIT.usage);
}
