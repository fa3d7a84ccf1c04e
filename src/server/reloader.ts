/**
 * Keeping up with changes while the server runs: of the configuration and the manifests, which are taken as a whole or
 * not at all, and of the programs on the machine.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { authSettings, folderSettings, logSettings } from "../config/settings.ts";
import { locateConfig } from "../config/load.ts";
import { type FileLook, MAX_WATCHED, type WatchedPaths } from "../confinement/file_look.ts";
import { survey } from "../confinement/surveyed_files.ts";
import { isWithin, resolvePath } from "../core/paths.ts";
import { type Diagnostic, formatDiagnostic } from "../documents/diagnostics.ts";
import type { LogSettings } from "../logging/setup.ts";
import { isOffered, type Toolbox, unavailability } from "../runs/toolbox.ts";
import type { Engine } from "./engine.ts";
import { machineLater } from "./find_tools.ts";
import { type Reread, rereadSetup, type SetupFiles } from "./reread.ts";
import type { Setup } from "./setup.ts";
import { findPrograms } from "./find_programs.ts";

/** Whoever may still look at files: the scribe. */
export interface Lookout extends SetupFiles {
  look(path: string, headBytes: number): Promise<FileLook>;
  /** Watches these paths instead of those before; `onChange` is told which of them have changed. */
  watch(paths: WatchedPaths, onChange: (paths: readonly string[]) => void): Promise<void>;
}

/** What came of a reload. */
export type Reloaded =
  | { readonly ok: true; readonly changed: readonly string[]; readonly restart: readonly string[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** What a reloader changes. */
export type Reloadable = Pick<Engine, "apply" | "found" | "inEffect" | "self" | "toolbox">;

/** What is to be looked at again. */
interface Wish {
  readonly reasons: Set<string>;
  /** Whether configuration and manifests are to be read, too. */
  rereads: boolean;
  /** Paths that have changed. */
  readonly changed: Set<string>;
  readonly outcome: PromiseWithResolvers<Reloaded>;
}

/** The reason of the first reload, which mostly finds everything as it was. */
const START = "start";

const logger = getLogger(["bulkhead", "reload"]);

/** Reloads, one after the other. */
export class Reloader {
  readonly #engine: Reloadable;
  readonly #lookout: Lookout;
  readonly #setUpLogging: (settings: LogSettings) => void;
  /** Paths that have changed since a setup was last applied. */
  readonly #changed = new Set<string>();
  /** The one that comes next; whatever is wished for meanwhile joins it. */
  #next: Wish | null = null;
  #last: Promise<void> = Promise.resolve();

  /** @param setUpLogging has another level or format take effect */
  constructor(engine: Reloadable, lookout: Lookout, setUpLogging: (settings: LogSettings) => void) {
    this.#engine = engine;
    this.#lookout = lookout;
    this.#setUpLogging = setUpLogging;
  }

  /**
   * Begins to watch, and takes over what has changed since it was read: the server takes a while to start. Never
   * rejects.
   */
  async begin(): Promise<void> {
    await this.#watch();
    await this.#wish(START, true, []);
  }

  async #watch(): Promise<void> {
    const { inEffect: { setup }, found: { tools, resolver } } = this.#engine;
    const documents = new Set([...configFiles(setup), ...manifestFolders(setup)]);
    const programs = [...tools, resolver].flatMap(({ dependsOn }) => dependsOn);
    // What is read comes first: where there is too much to be watched, it is the last programs that are left out.
    const files = [...new Set([...configFiles(setup), ...programs])].filter((path) => this.#mayRead(path));
    const folders = manifestFolders(setup).filter((path) => this.#mayRead(path));
    if (files.length > MAX_WATCHED) {
      logger.warn("too many files to watch them all: of the last tools' programs, changes are not noticed", {
        files: files.length,
        watched: MAX_WATCHED,
      });
    }
    try {
      await this.#lookout.watch({ files: files.slice(0, MAX_WATCHED), folders }, (changed) => {
        void this.#wish("a file has changed", changed.some((path) => documents.has(path)), changed);
      });
    } catch (error) {
      logger.error("changes are not noticed; SIGHUP reloads all the same", { reason: String(error) });
    }
  }

  /**
   * Reads configuration and manifests again, and has them take effect as a whole, or not at all. Never rejects; the log
   * says what came of it.
   *
   * @param reason for the log
   */
  reload(reason: string): Promise<Reloaded> {
    return this.#wish(reason, true, []);
  }

  /** Judged by the name with its steps up worked out, as the scribe does: such names come from files, too. */
  #mayRead(path: string): boolean {
    const plain = resolvePath("/", path);
    return this.#engine.self.readable.some((listed) => isWithin(plain, listed));
  }

  #look(path: string, headBytes: number): Promise<FileLook> {
    return this.#mayRead(path) ? this.#lookout.look(path, headBytes) : Promise.resolve(notGranted(path));
  }

  #wish(reason: string, rereads: boolean, changed: readonly string[]): Promise<Reloaded> {
    if (this.#next === null) {
      const next: Wish = {
        reasons: new Set(),
        rereads,
        changed: new Set(),
        outcome: Promise.withResolvers(),
      };
      this.#next = next;
      this.#last = this.#last.then(async () => {
        this.#next = null;
        next.outcome.resolve(await this.#reload(next));
      });
    }
    const wish = this.#next;
    wish.reasons.add(reason);
    wish.rereads ||= rereads;
    for (const path of changed) wish.changed.add(path);
    return wish.outcome.promise;
  }

  async #reload({ reasons, rereads, changed }: Wish): Promise<Reloaded> {
    const reason = [...reasons].join(", ");
    for (const path of changed) this.#changed.add(path);
    try {
      const { setup: before, tokens } = this.#engine.inEffect;
      const reread = rereads
        ? await rereadSetup({ setup: before, tokens }, this.#engine.self.self.uid, this.#lookout)
        : {
          ok: true,
          setup: before,
          tokens,
          changed: [],
          restart: [],
          tools: [],
          tokensChanged: false,
        } as const;
      if (!reread.ok) refused(reason, reread.diagnostics);
      // The programs are the machine's: a mistake in the configuration keeps nobody from following them.
      const { setup, tokens: tokensNow } = reread.ok ? reread : { setup: before, tokens };
      const found = await survey(
        (files) => findPrograms(setup, machineLater(this.#engine.self, files)),
        (path, headBytes) => this.#look(path, headBytes),
      );
      const known = knownTools(this.#engine.toolbox);
      this.#engine.apply(setup, tokensNow, found, new Set(this.#changed));
      this.#changed.clear();
      this.#setUpLogging(logSettings(setup.config));
      await this.#watch();
      if (reread.ok && rereads) tellOfReload(reason, reread);
      logChanges(known, this.#engine.toolbox);
      return reread.ok ? { ok: true, changed: reread.changed, restart: reread.restart } : reread;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return refused(reason, [{ file: "reload", line: null, column: null, path: "", message }]);
    }
  }
}

/** The answer for a path that was not granted at the start: as the system of permissions itself would give it. */
function notGranted(path: string): FileLook {
  const failed = { ok: false, name: "NotCapable", message: `reading ${path} is not granted` } as const;
  return { stat: failed, realPath: failed, head: failed };
}

/** The configuration file, whether it is there or not, and that of tokens. */
function configFiles({ flags, world, config }: Setup): string[] {
  const location = locateConfig(flags, world);
  const { tokensFile } = authSettings(config);
  return [...(location === null ? [] : [location.path]), ...(tokensFile === null ? [] : [tokensFile])];
}

function manifestFolders({ config }: Setup): readonly string[] {
  return folderSettings(config).manifestFolders;
}

function refused(reason: string, diagnostics: readonly Diagnostic[]): Reloaded {
  for (const diagnostic of diagnostics) {
    logger.error("the configuration was not reloaded: everything stays as it was", {
      reason,
      error: formatDiagnostic(diagnostic),
    });
  }
  return { ok: false, diagnostics };
}

function tellOfReload(reason: string, reread: Extract<Reread, { ok: true }>): void {
  const { changed, restart, tools, tokensChanged } = reread;
  if (reason !== START || changed.length > 0 || tools.length > 0 || tokensChanged) {
    logger.info("configuration reloaded", { reason, changed, tools, tokens_changed: tokensChanged });
  }
  if (restart.length === 0) return;
  logger.warn("some changes need a restart of the server; until then the values from before hold", {
    keys: restart,
  });
}

/** Of each tool, null when it is offered, or why it is not. */
function knownTools(toolbox: Toolbox): ReadonlyMap<string, string | null> {
  return new Map([...toolbox].map(([name, entry]) => [
    name,
    isOffered(entry) ? null : entry.enabled ? unavailability(entry)?.reason ?? "" : "it is disabled",
  ]));
}

function logChanges(before: ReadonlyMap<string, string | null>, toolbox: Toolbox): void {
  const now = knownTools(toolbox);
  for (const [tool, reason] of now) {
    const old = before.get(tool);
    if (reason === old) continue;
    if (reason === null) logger.info("tool available", { tool });
    else if (old === null) logger.warn("tool not available any more", { tool, reason });
    // A tool that is declared anew, and cannot be used: whoever declared it would look for it in vain.
    else if (toolbox.get(tool)!.enabled) logger.warn("tool not available", { tool, reason });
  }
  for (const [tool, reason] of before) {
    if (reason !== null || now.has(tool)) continue;
    logger.warn("tool not available any more", { tool, reason: "it is declared no more" });
  }
}
