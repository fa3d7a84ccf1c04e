/**
 * Reading configuration and manifests again while the server runs: the same checks as at the start, through whoever may
 * still read.
 *
 * @module
 */
import { isManifestFile, type ManifestFile } from "../catalog/load.ts";
import { compareConfigs, keepUntilRestart } from "../config/changes.ts";
import { loadConfig, locateConfig } from "../config/load.ts";
import { folderSettings } from "../config/settings.ts";
import type { Diagnostic } from "../documents/diagnostics.ts";
import { assembleSetup, cannotRead, noFolder, type Setup } from "./setup.ts";

/** Files, asked about through the scribe. Both reject with the reason when they may not be read. */
export interface SetupFiles {
  /** The file's bytes, or null when there is none. */
  readFile(path: string): Promise<Uint8Array | null>;
  /** The names in a folder, or null when there is no such folder. */
  listFolder(path: string): Promise<readonly string[] | null>;
}

/** What was read: a whole setup that may take the place of the one before, or all that is wrong. */
export type Reread =
  | {
    readonly ok: true;
    readonly setup: Setup;
    /** The keys whose values differ from those in effect. */
    readonly changed: readonly string[];
    /** Those of them that stay as they are until the server is started again. */
    readonly restart: readonly string[];
  }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Ends the reading of manifests with what is wrong. */
class Unreadable extends Error {
  constructor(readonly diagnostic: Diagnostic) {
    super(diagnostic.message);
  }
}

/**
 * Reads everything again. What cannot change while the server runs is kept as it was.
 *
 * @param before what is in effect
 */
export async function rereadSetup(before: Setup, files: SetupFiles): Promise<Reread> {
  const { flags } = before;
  try {
    const location = locateConfig(flags, before.world);
    const bytes = location === null ? null : await reading(location.path, (path) => files.readFile(path));
    const loaded = loadConfig(flags, { ...before.world, readFile: () => bytes });
    if (!loaded.ok) return loaded;
    const { changed, restart } = compareConfigs(before.config, loaded.config);
    const config = keepUntilRestart(before.config, loaded.config);
    const manifests = await readManifests(folderSettings(config).manifestFolders, files);
    const assembled = assembleSetup(flags, before.world, { ...loaded, config }, manifests);
    return assembled.ok ? { ok: true, setup: assembled.setup, changed, restart } : assembled;
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, diagnostics: [error.diagnostic] };
    throw error;
  }
}

/** In the order of the folders and then of the files' names. */
async function readManifests(folders: readonly string[], files: SetupFiles): Promise<ManifestFile[]> {
  const manifests: ManifestFile[] = [];
  for (const folder of folders) {
    const names = await reading(folder, (path) => files.listFolder(path));
    if (names === null) throw new Unreadable(noFolder(folder));
    for (const name of names.filter(isManifestFile).sort()) {
      const file = `${folder}/${name}`;
      const bytes = await reading(file, (path) => files.readFile(path));
      // Removed since the folder was listed: the folder's change is noticed, too.
      if (bytes !== null) manifests.push({ file, bytes });
    }
  }
  return manifests;
}

async function reading<T>(path: string, read: (path: string) => Promise<T>): Promise<T> {
  try {
    return await read(path);
  } catch (error) {
    throw new Unreadable(cannotRead(path, error));
  }
}
