/**
 * Removing folders whatever a hostile program left in them.
 *
 * Deno's own recursive removal recurses on the stack: a folder some twelve thousand levels deep ends the
 * whole process. Paths have a longest length too, and folders may forbid their owner everything. So a folder
 * is moved away first, each folder in it is moved next to it, and no folder that is removed holds another.
 *
 * Moving it away is also what makes this safe from a program that is still there: what it may write is what
 * lies below its scratch folder, by Landlock, and what was moved out of there it cannot change any more.
 * Paths that lead through a folder of its own could be turned into symlinks to anywhere between a look and a
 * step.
 *
 * @module
 */

/** Read and write for the owner only. */
export const PRIVATE_FOLDER_MODE = 0o700;

/** Folders beyond this size are not listed: the list would not fit into memory. It is some 400 000 names. */
const MAX_LISTED_BYTES = 8_388_608;

/** A folder up to this size is emptied at once, a larger one on another thread. */
const SMALL_FOLDER_BYTES = 65_536;

/** How long the thread is kept busy before others have their turn. */
const TURN_MS = 10;

/** Where folders go to be removed. */
export class Trash {
  readonly #folder: string;
  #taken = 0;

  /**
   * @param folder is there, is on the same file system as what will be removed, and nobody else writes in it
   */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Removes `path` with everything in it. What is not there counts as removed.
   *
   * @throws {Error} for the first thing that could not be removed; it stays in the trash, and all else is gone
   */
  async remove(path: string): Promise<void> {
    const top = this.#place();
    try {
      move(path, top);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    const places = [top];
    let failure: unknown = null;
    let turnMs = performance.now();
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      try {
        await this.#removeFlat(place, places);
      } catch (error) {
        failure ??= error;
      }
      if (performance.now() - turnMs > TURN_MS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        turnMs = performance.now();
      }
    }
    if (failure !== null) throw failure;
  }

  #place(): string {
    return `${this.#folder}/${this.#taken++}`;
  }

  /** Removes what is at `place`. Folders in it are moved into the trash and added to `places` first. */
  async #removeFlat(place: string, places: string[]): Promise<void> {
    const { isDirectory, nlink, size } = Deno.lstatSync(place);
    if (!isDirectory) return Deno.removeSync(place);
    Deno.chmodSync(place, PRIVATE_FOLDER_MODE);
    if (size <= MAX_LISTED_BYTES) this.#moveFolders(place, places);
    else if (nlink !== 2) throw new Error("there are too many names in one folder");
    // Most file systems count a folder's folders, since each links to it: there is none.
    if (Deno.lstatSync(place).nlink !== 2) removeFiles(place);
    else if (size <= SMALL_FOLDER_BYTES) Deno.removeSync(place, { recursive: true });
    else await Deno.remove(place, { recursive: true });
  }

  #moveFolders(from: string, places: string[]): void {
    for (const { name, isDirectory } of Deno.readDirSync(from)) {
      if (!isDirectory) continue;
      const place = this.#place();
      try {
        move(`${from}/${name}`, place);
        places.push(place);
      } catch {
        // It is left, and removing the folder that it is in will say so.
      }
    }
  }
}

/**
 * Renames, also a folder that its owner made unwritable: moving it changes its entry for the folder above.
 */
function move(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    // A chmod follows symlinks.
    if (!Deno.lstatSync(from).isDirectory) throw error;
    Deno.chmodSync(from, PRIVATE_FOLDER_MODE);
    Deno.renameSync(from, to);
  }
}

/**
 * Removes a folder out of which all folders were moved that could be. Those whose names are no Unicode could
 * not: Deno cannot say such a name. They may be as deep as they like, so nothing here recurses.
 */
function removeFiles(place: string): void {
  try {
    for (const { name, isDirectory } of Deno.readDirSync(place)) {
      if (!isDirectory) Deno.removeSync(`${place}/${name}`);
    }
    Deno.removeSync(place);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`something in it cannot be moved, or has a name that is no Unicode: ${message}`);
  }
}
