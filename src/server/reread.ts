/**
 * Reading configuration and manifests again while the server runs: the same checks as at the start, through whoever may
 * still read.
 *
 * @module
 */
import { isManifestFile, type ManifestFile } from "../catalog/load.ts";
import { compareConfigs, keepUntilRestart } from "../config/changes.ts";
import { loadConfig, locateConfig } from "../config/load.ts";
import { authSettings, folderSettings } from "../config/settings.ts";
import type { FileRead } from "../confinement/file_look.ts";
import type { Diagnostic } from "../documents/diagnostics.ts";
import { parseTokens, type Tokens } from "../http/tokens.ts";
import { objectionToTokensFile } from "../http/tokens_file.ts";
import { noTokensFile } from "./read_tokens.ts";
import { assembleSetup, cannotRead, noFolder, type Setup, unplaced } from "./setup.ts";

/** Files, asked about through the scribe. Both reject with the reason when they may not be read. */
export interface SetupFiles {
  /** The file's bytes, or null when there is none. */
  readFile(path: string): Promise<Uint8Array | null>;
  /** The file's bytes, with what must be known of a file of secrets; or null when there is none. */
  readFileWithFacts(path: string): Promise<FileRead | null>;
  /** The names in a folder, or null when there is no such folder. */
  listFolder(path: string): Promise<readonly string[] | null>;
}

/** What was read: a whole setup that may take the place of the one before, or all that is wrong. */
export type Reread =
  | {
    readonly ok: true;
    readonly setup: Setup;
    readonly tokens: Tokens | null;
    /** The keys whose values differ from those in effect. */
    readonly changed: readonly string[];
    /** Those of them that stay as they are until the server is started again. */
    readonly restart: readonly string[];
    /** The names of tools that came, went, or are otherwise than before, by their manifests or by the configuration. */
    readonly tools: readonly string[];
    /** Whether other tokens are good now, or the same ones for something else. */
    readonly tokensChanged: boolean;
  }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Ends the reading with what is wrong. */
class Unreadable extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(...diagnostics: readonly Diagnostic[]) {
    super(diagnostics[0]?.message);
    this.diagnostics = diagnostics;
  }
}

/**
 * Reads everything again. What cannot change while the server runs is kept as it was.
 *
 * @param before what is in effect; where there are no tokens, none can come without a restart
 * @param ownUid the user that the server belongs to, or null when it cannot be told
 */
export async function rereadSetup(
  { setup: before, tokens }: { readonly setup: Setup; readonly tokens: Tokens | null },
  ownUid: number | null,
  files: SetupFiles,
): Promise<Reread> {
  const { flags } = before;
  try {
    const location = locateConfig(flags, before.world);
    const bytes = location === null ? null : await reading(location.path, (path) => files.readFile(path));
    const loaded = loadConfig(flags, { ...before.world, readFile: () => bytes });
    if (!loaded.ok) return loaded;
    const { changed, restart } = compareConfigs(before.config, loaded.config);
    const config = keepUntilRestart(before.config, loaded.config);
    const manifests = await readManifests(folderSettings(config).manifestFolders, files);
    const kept = restart.map((key) => [key, before.sources.get(key) ?? "default"] as const);
    const sources = new Map([...loaded.sources, ...kept]);
    const assembled = assembleSetup(flags, before.world, { ...loaded, config, sources }, manifests);
    if (!assembled.ok) return { ok: false, diagnostics: [...assembled.diagnostics, ...keptKeys(restart)] };
    const tokensNow = tokens === null ? null : await readTokensAgain(assembled.setup, ownUid, files);
    return {
      ok: true,
      setup: assembled.setup,
      tokens: tokensNow,
      changed,
      restart,
      tools: differingTools(before, assembled.setup),
      tokensChanged: tokensNow !== null && tokens?.sameAs(tokensNow) === false,
    };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, diagnostics: error.diagnostics };
    throw error;
  }
}

function differingTools(before: Setup, after: Setup): string[] {
  // All that a tool has follows from what can be written as JSON: its manifest and numbers.
  const textsOf = ({ tools }: Setup) => new Map(tools.map((one) => [one.tool.name, JSON.stringify(one)]));
  const [old, now] = [textsOf(before), textsOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name))
    .sort();
}

/** What may be behind a mistake that a start would not find: the keys that count as they were. */
function keptKeys(restart: readonly string[]): Diagnostic[] {
  if (restart.length === 0) return [];
  const keys = restart.join(", ");
  return [unplaced("reload", `these keys count as they were until the server is started again: ${keys}`)];
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

/** Each time with the same demands on the file: one that others can read by now is not taken. */
async function readTokensAgain(
  { config }: Setup,
  ownUid: number | null,
  files: SetupFiles,
): Promise<Tokens> {
  const file = authSettings(config).tokensFile!;
  const read = await reading(file, (path) => files.readFileWithFacts(path));
  if (read === null) throw new Unreadable(noTokensFile(file));
  const objection = objectionToTokensFile(file, { ...read, isFile: true }, ownUid);
  if (objection !== null) throw new Unreadable(objection);
  const parsed = await parseTokens(read.bytes, file);
  if (!parsed.ok) throw new Unreadable(...parsed.diagnostics);
  return parsed.tokens;
}

async function reading<T>(path: string, read: (path: string) => Promise<T>): Promise<T> {
  try {
    return await read(path);
  } catch (error) {
    throw new Unreadable(cannotRead(path, error));
  }
}
