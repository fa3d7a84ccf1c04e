/**
 * Watching files: everything is looked at once a second, on the calling thread and in slices. A notice by the kernel
 * (inotify) would need a thread, and instances of which a user has few.
 *
 * @module
 */
import { isDocumentName, type WatchedPaths } from "../file_look.ts";
import { listFolder, orNull } from "./file_reader.ts";
import { Turns } from "./turns.ts";
import { WatchedFiles } from "./watched_files.ts";

/** How long nobody looks between two looks, in milliseconds. */
const PAUSE_MS = 1000;

/** A watch over files. */
export class FileWatch {
  readonly #onChange: (paths: readonly string[]) => void;
  readonly #files = new WatchedFiles({
    stat: (path) => orNull(() => Deno.statSync(path)),
    list: (path) => listFolder(path)?.filter(isDocumentName) ?? null,
  });
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Looks and replacements are done one after the other. */
  #last: Promise<void> = Promise.resolve();
  #isOver = false;

  /** @param onChange told of what has changed, each path as it was given */
  constructor(onChange: (paths: readonly string[]) => void) {
    this.#onChange = onChange;
  }

  /** Replaces what is watched; resolves when all of it has been looked at once. */
  watch(paths: WatchedPaths): Promise<void> {
    return this.#next(async () => {
      const turns = new Turns();
      for (const _ of this.#files.watch(paths)) if (turns.isOver) await turns.next();
      this.#schedule();
    });
  }

  /** Looks no more. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const changed: string[] = [];
    const turns = new Turns();
    for (const path of this.#files.look()) {
      if (path !== null) changed.push(path);
      if (turns.isOver) await turns.next();
      if (this.#isOver) return;
    }
    if (changed.length > 0) this.#onChange(changed);
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    this.#timer = setTimeout(() => void this.#next(() => this.#look()), PAUSE_MS);
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work);
    return this.#last;
  }
}
