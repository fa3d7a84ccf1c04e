/**
 * Removing folders whatever a hostile program left in them.
 *
 * Deno's own recursive removal recurses on the stack: a folder some ten thousand levels deep ends the whole process.
 * Paths have a longest length too, and folders may forbid their owner everything. So a folder is moved away first,
 * each folder in it is moved next to it, and no folder that is removed holds another.
 *
 * Moving it away is also what makes this safe from a program that is still there: what it may write is what lies below
 * its scratch folder, by Landlock, and what was moved out of there it cannot change any more. Paths that lead through
 * a folder of its own could be turned into symlinks to anywhere between a look and a step.
 *
 * @module
 */

/** Read and write for the owner only. */
export const PRIVATE_FOLDER_MODE = 0o700;

/** Folders beyond this size are not listed: the list would not fit into memory. It is some 400 000 names. */
const MAX_LISTED_BYTES = 8_388_608;

/** Where folders go to be removed. */
export class Trash {
  readonly #folder: string;
  #taken = 0;

  /** @param folder is there, is on the same file system as what will be removed, and nobody else writes in it */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Removes `path` with everything in it. What is not there counts as removed.
   *
   * @throws {Error} for the first thing that could not be removed; everything else is gone then, and the rest stays
   * in the trash
   */
  async remove(path: string): Promise<void> {
    const top = this.#place();
    try {
      await move(path, top);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    const places = [top];
    let failure: unknown = null;
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      try {
        await this.#removeFlat(place, places);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
  }

  #place(): string {
    return `${this.#folder}/${this.#taken++}`;
  }

  /** Removes what is at `place`. Folders in it are moved into the trash and added to `places` first. */
  async #removeFlat(place: string, places: string[]): Promise<void> {
    const { isDirectory, nlink, size } = await Deno.lstat(place);
    if (!isDirectory) return await Deno.remove(place);
    await Deno.chmod(place, PRIVATE_FOLDER_MODE);
    if (size <= MAX_LISTED_BYTES) {
      for await (const { name, isDirectory } of Deno.readDir(place)) {
        // What fails here is left, and found below.
        if (isDirectory) await this.#moveIn(`${place}/${name}`, places).catch(() => {});
      }
    } else if (nlink !== 2) throw new Error("there are too many names in one folder");
    await removeFiles(place);
  }

  async #moveIn(path: string, places: string[]): Promise<void> {
    const place = this.#place();
    await move(path, place);
    places.push(place);
  }
}

/** Renames, also a folder that its owner made unwritable: moving it changes its entry for the folder above. */
async function move(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    // A chmod follows symlinks.
    if (!(await Deno.lstat(from)).isDirectory) throw error;
    await Deno.chmod(from, PRIVATE_FOLDER_MODE);
    await Deno.rename(from, to);
  }
}

/**
 * Removes a folder out of which all folders were moved that could be. Those whose names are no Unicode could not:
 * Deno cannot say such a name.
 */
async function removeFiles(place: string): Promise<void> {
  const { nlink } = await Deno.lstat(place);
  // Most file systems count a folder's folders, since each links to it: there is none.
  if (nlink === 2) return await Deno.remove(place, { recursive: true });
  try {
    for await (const { name, isDirectory } of Deno.readDir(place)) {
      if (!isDirectory) await Deno.remove(`${place}/${name}`);
    }
    await Deno.remove(place);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`something in it cannot be moved, or has a name that is no Unicode: ${message}`);
  }
}
