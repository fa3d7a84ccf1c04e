/**
 * What every command begins with: configuration, manifests and policy, read and checked as a whole.
 *
 * @module
 */
import { isManifestFile, loadCatalog, type ManifestFile } from "../catalog/load.ts";
import { type ConfigFlags, loadConfig, locateConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { folderSettings, logFileSettings, logSettings, targetSettings } from "../config/settings.ts";
import type { ValueSources } from "../config/sources.ts";
import { stateFolder } from "../config/state_folder.ts";
import { type ConfiguredTool, configureTools } from "../config/tools.ts";
import type { LogFileSettings } from "../confinement/scribe_protocol.ts";
import { folderOf } from "../core/paths.ts";
import { type Diagnostic, formatDiagnostic } from "../documents/diagnostics.ts";
import { setUpLogging, standardError } from "../logging/setup.ts";
import { TargetPolicy } from "../policy/target_policy.ts";
import { EXIT, Exit, type Io } from "./command.ts";
import { configWorld, listFolder } from "./system.ts";

/** The checked beginning. */
export interface Setup {
  readonly config: Config;
  readonly tools: readonly ConfiguredTool[];
  readonly policy: TargetPolicy;
  /** The configuration file that was read, or null. */
  readonly configFile: string | null;
  /** Where each value of the configuration comes from. */
  readonly sources: ValueSources;
  /** Where a configuration file is looked for, and the folders of manifests and word lists: what must be readable. */
  readonly readable: readonly string[];
  /** The folder for state; null when there is no home for it. */
  readonly stateFolder: string | null;
  readonly logFile: LogFileSettings | null;
  /** The folders of state and of the log file: what must be writable. */
  readonly writable: readonly string[];
}

/**
 * Reads everything.
 *
 * @throws {Exit} with 2 when something is wrong, after saying all that is wrong, one line each
 */
export function readSetup(flags: ConfigFlags, io: Io): Setup {
  const world = configWorld();
  const loaded = loadConfig(flags, world);
  if (!loaded.ok) throw failed(loaded.diagnostics, io);
  const { config, file } = loaded;
  const { manifestFolders, wordListFolders } = folderSettings(config);
  const catalog = loadCatalog(readManifests(manifestFolders, io));
  if (!catalog.ok) throw failed(catalog.diagnostics, io);
  const tools = configureTools(catalog.manifests, config, loaded.locate);
  if (!tools.ok) throw failed(tools.diagnostics, io);
  setUpLogging(logSettings(config), standardError);
  const location = locateConfig(flags, world);
  const state = stateFolder(config, world);
  const logFile = logFileSettings(config);
  const { allowedTargets, deniedTargets } = targetSettings(config);
  return {
    config,
    tools: tools.tools,
    policy: new TargetPolicy(allowedTargets, deniedTargets),
    configFile: file,
    sources: loaded.sources,
    readable: [
      ...(location === null ? [] : [location.path]),
      ...manifestFolders,
      ...wordListFolders,
    ],
    stateFolder: state,
    logFile,
    writable: [...(state === null ? [] : [state]), ...(logFile === null ? [] : [folderOf(logFile.path)])],
  };
}

/**
 * Reads the manifests of folders, in the order of the folders and then of the files' names.
 *
 * @throws {Exit} with 2, as {@link readSetup}
 */
export function readManifests(folders: readonly string[], io: Io): ManifestFile[] {
  return folders.flatMap((folder) => {
    const names = reading(folder, io, () => listFolder(folder));
    if (names === null) throw failed([plain(folder, "there is no such folder of manifests")], io);
    return names.filter(isManifestFile).sort().map((name) => {
      const file = `${folder}/${name}`;
      return { file, bytes: reading(file, io, () => Deno.readFileSync(file)) };
    });
  });
}

function reading<T>(path: string, io: Io, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw failed([plain(path, `cannot be read: ${(error as Error).message}`)], io);
  }
}

function plain(file: string, message: string): Diagnostic {
  return { file, line: null, column: null, path: "", message };
}

function failed(diagnostics: readonly Diagnostic[], io: Io): Exit {
  for (const diagnostic of diagnostics) io.stderr(`${formatDiagnostic(diagnostic)}\n`);
  return new Exit(EXIT.usage);
}
