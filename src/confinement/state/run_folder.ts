/**
 * Runs that outlast their server: a folder for each in the folder `runs` of all servers' state.
 *
 * A run's files are written in this server's own folder first, and then moved to their place as a whole: half a run is
 * never there, and what a server that was killed had not finished goes with its folder. Where several servers share the
 * state each begins with the runs of all, and each removes what is too much by its own bounds.
 *
 * @module
 */
import {
  type FoundRun,
  MAX_RUN_INDEX_BYTES,
  MAX_RUNS_AT_ONCE,
  RUN_FILES,
  RUN_ID_PATTERN,
  type RunFile,
  type RunFiles,
} from "../run_messages.ts";
import { serverFolder, serversFolder } from "../scribe_protocol.ts";
import { orNull } from "./file_reader.ts";
import { ownFolder, PRIVATE_FILE_MODE, regain } from "./own_folder.ts";
import { PRIVATE_FOLDER_MODE } from "./trash.ts";
import { Turns } from "./turns.ts";

/** Bytes that are written before others may have their turn. */
const SLICE_BYTES = 1_048_576;

/** The folder of kept runs. */
export class RunFolder {
  readonly #path: string;
  /** Where runs are written before they are moved: programs may write nothing there. */
  readonly #workshop: string;
  /** Our own folders on the way to either. */
  readonly #own: readonly string[];

  /**
   * Makes the folder when it is not there.
   *
   * @param server names this server among all that share the state; its folder is there
   * @param uid whose the folder must be; null where users have no numbers
   * @throws {Error} when runs cannot be kept there, with a reason to show
   */
  constructor(stateFolder: string, server: string, uid: number | null) {
    this.#path = `${stateFolder}/runs`;
    this.#workshop = serverFolder(stateFolder, server);
    this.#own = [stateFolder, serversFolder(stateFolder), this.#workshop, this.#path];
    ownFolder(this.#path, uid);
    regain(this.#own);
  }

  /**
   * Lists all runs that are whole, and removes the others.
   *
   * @param onFound told of them, some at a time
   * @returns how many were damaged
   */
  async list(onFound: (runs: readonly FoundRun[]) => void): Promise<number> {
    regain(this.#own);
    const turns = new Turns();
    let damaged = 0;
    let found: FoundRun[] = [];
    const names = Array.from(Deno.readDirSync(this.#path), ({ name }) => name);
    // Other names are not ours.
    for (const run of names.filter((name) => RUN_ID_PATTERN.test(name))) {
      const one = this.#look(run);
      if (one === "damaged") {
        damaged++;
        tryToRemove(this.#place(run));
      } else if (one !== "gone") found.push(one);
      if (found.length === MAX_RUNS_AT_ONCE) {
        onFound(found);
        found = [];
      }
      if (turns.isOver) await turns.next();
    }
    if (found.length > 0) onFound(found);
    return damaged;
  }

  /**
   * Keeps a run.
   *
   * @throws {Error} with the reason; nothing of it is left then
   */
  async keep(run: string, files: RunFiles): Promise<void> {
    regain(this.#own);
    const making = `${this.#workshop}/run-${run}`;
    try {
      Deno.mkdirSync(making, { mode: PRIVATE_FOLDER_MODE });
      for (const name of RUN_FILES) await writeFile(`${making}/${name}`, files[name]);
      Deno.renameSync(making, this.#place(run));
    } catch (error) {
      tryToRemove(making);
      throw error;
    }
  }

  /**
   * Reads a file of a run.
   *
   * @returns as many bytes as there are from `offset` on, at most `length`; null when there is no such run
   * @throws {Error} with the reason
   */
  read(run: string, file: RunFile, offset: number, length: number): Uint8Array<ArrayBuffer> | null {
    regain(this.#own);
    const path = this.#place(run);
    if (sizeOf(path, file) === null) return null;
    using opened = Deno.openSync(`${path}/${file}`);
    opened.seekSync(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = opened.readSync(bytes.subarray(filled)) ?? 0;
      if (count === 0) return bytes.slice(0, filled);
      filled += count;
    }
    return bytes;
  }

  /**
   * Removes runs, whether they are there or not.
   *
   * @returns why some could not be removed, or null
   */
  async remove(runs: readonly string[]): Promise<string | null> {
    regain(this.#own);
    const turns = new Turns();
    let reason: string | null = null;
    for (const run of runs) {
      try {
        removeRun(this.#place(run));
      } catch (error) {
        reason ??= (error as Error).message;
      }
      if (turns.isOver) await turns.next();
    }
    return reason;
  }

  #place(run: string): string {
    // It was checked where the order came in; a path is not made of anything else all the same.
    if (!RUN_ID_PATTERN.test(run)) throw new Error("this is no run's id");
    return `${this.#path}/${run}`;
  }

  #look(run: string): FoundRun | "damaged" | "gone" {
    const path = this.#place(run);
    try {
      const index = sizeOf(path, "index");
      const result = sizeOf(path, "result");
      const stdout = sizeOf(path, "stdout");
      const stderr = sizeOf(path, "stderr");
      if (orNull(() => Deno.lstatSync(path)) === null) return "gone";
      if (index === null || result === null || stdout === null || stderr === null) return "damaged";
      if (index > MAX_RUN_INDEX_BYTES) return "damaged";
      const bytes = this.read(run, "index", 0, index);
      if (bytes === null) return "gone";
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return { run, index: text, bytes: { result, stdout, stderr } };
    } catch {
      return "damaged";
    }
  }
}

/** How long a file of a run is; null when it is not there. No link is followed, neither to the folder nor to the file. */
function sizeOf(folder: string, file: RunFile): number | null {
  return orNull(() => {
    if (!Deno.lstatSync(folder).isDirectory) throw new Error("it is not a folder");
    // A program may have changed the modes, which Landlock does not stop.
    regain([folder]);
    const path = `${folder}/${file}`;
    const { isFile, mode, size } = Deno.lstatSync(path);
    if (!isFile) throw new Error("it is not a file");
    if (mode !== null && (mode & PRIVATE_FILE_MODE) !== PRIVATE_FILE_MODE) {
      Deno.chmodSync(path, PRIVATE_FILE_MODE);
    }
    return size;
  });
}

/** What cannot be removed now is found again: by the next listing, or with this server's folder. */
function tryToRemove(path: string): void {
  try {
    removeRun(path);
  } catch {
    // It stays.
  }
}

async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  using file = Deno.openSync(path, { createNew: true, write: true, mode: PRIVATE_FILE_MODE });
  const turns = new Turns();
  for (let offset = 0; offset < bytes.length;) {
    offset += file.writeSync(bytes.subarray(offset, offset + SLICE_BYTES));
    if (turns.isOver) await turns.next();
  }
}

/**
 * Removes the folder of a run: its files by their names and then what must be empty, so that nothing else is removed
 * whatever is there. The index goes first: what is left of a run without it is damaged.
 */
function removeRun(path: string): void {
  const stat = orNull(() => Deno.lstatSync(path));
  if (stat === null) return;
  if (stat.isDirectory) {
    regain([path]);
    for (const file of RUN_FILES) orNull(() => Deno.removeSync(`${path}/${file}`));
  }
  orNull(() => Deno.removeSync(path));
}
