/**
 * Removing folders whatever a hostile program left in them.
 *
 * Deno's own recursive removal keeps a file open for each level and recurses on the stack: a folder that is deep enough
 * ends the whole process. Paths have a longest length too, and folders may forbid their owner everything. So a folder
 * is moved away first, each folder in it is moved next to it, and no folder that is removed holds another.
 *
 * Moving it away is also what makes this safe from a program that is still there: what it may write is what
 * lies below its scratch folder, by Landlock, and what was moved out of there it cannot change any more.
 * Paths that lead through a folder of its own could be turned into symlinks to anywhere between a look and a
 * step.
 *
 * Everything is done on the calling thread, in slices: whoever needs another one for it is ended by Deno when a tool
 * has used up the user's processes.
 *
 * @module
 */
import { Turns } from "./turns.ts";

/** Read and write for the owner only. */
export const PRIVATE_FOLDER_MODE = 0o700;

/** Folders beyond this size are not listed: the list would not fit into memory. It is some 400 000 names. */
const MAX_LISTED_BYTES = 8_388_608;

/** What could not be removed is out of the way: nothing of it is left in the trash, or where it was. */
export class LeftBehind extends Error {}

/** Where folders go to be removed. */
export class Trash {
  readonly #folder: string;
  readonly #unremovable: string;
  #taken = 0;
  /** Removals are done one after the other. */
  #last: Promise<void> = Promise.resolve();

  /**
   * @param folder is there, is on the same file system as what will be removed, and nobody else writes in it
   * @param unremovable the folder for what cannot be removed, made when there is such a thing. It is for a person to
   * remove: what went from one server's trash to the next one's would be looked through at every start
   */
  constructor(folder: string, unremovable: string) {
    this.#folder = folder;
    this.#unremovable = unremovable;
  }

  /**
   * Moves `path` out of everybody's reach, at once.
   *
   * @param isContested whether a program may change what `path` leads to in this moment. Then no mode is changed, as
   * that follows symlinks, and a folder that forbids being moved is left where it is
   * @returns its place in the trash, or null when there is nothing, or it was left
   */
  take(path: string, isContested = false): string | null {
    const place = `${this.#folder}/${this.#taken++}`;
    try {
      if (isContested) Deno.renameSync(path, place);
      else move(path, place);
      return place;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      if (isContested && error instanceof Deno.errors.PermissionDenied) return null;
      throw error;
    }
  }

  /**
   * Removes what was taken, with everything in it, after what was to be removed before.
   *
   * @throws {LeftBehind} for the first thing that could not be removed; all else is gone
   */
  removeTaken(places: readonly string[]): Promise<void> {
    const removal = this.#last.then(() => this.#removeAll([...places]));
    this.#last = removal.catch(() => {});
    return removal;
  }

  /** Takes `path`, which nobody else changes, and removes it. What is not there counts as removed. */
  async remove(path: string): Promise<void> {
    const place = this.take(path);
    if (place !== null) await this.removeTaken([place]);
  }

  /**
   * Empties a folder in which nobody else changes anything, and which stays. The files in it are removed.
   *
   * @param places the folders that were in it are added here, by their places in the trash, also when this fails
   * @throws {Error} when something could not be removed and is still in it
   */
  async clear(folder: string, places: string[]): Promise<void> {
    if (await this.#empty(folder, places, new Turns())) return;
    if (hasFolders(folder) || !this.#sparesDotted()) throw new Error(whyLeft(folder));
    removeDotted(folder);
  }

  /**
   * Moves all folders that are in `folder` to places of their own and removes the files.
   *
   * @returns false when something is left that could not be named
   */
  async #empty(folder: string, places: string[], turns: Turns): Promise<boolean> {
    if (Deno.lstatSync(folder).size > MAX_LISTED_BYTES) return false;
    let failure: unknown = null;
    let isEmpty = true;
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      try {
        if (isDirectory) {
          const place = this.take(`${folder}/${name}`);
          if (place !== null) places.push(place);
          else isEmpty = false;
        } else {
          isEmpty = hasRemoved(`${folder}/${name}`) && isEmpty;
        }
      } catch (error) {
        failure ??= error;
      }
      if (turns.isOver) await turns.next();
    }
    if (failure !== null) throw failure;
    return isEmpty;
  }

  /** Whether {@link removeDotted} does what it is for. Deno 2.6 takes the dot away, and the folder with it. */
  #sparesDotted(): boolean {
    const folder = `${this.#folder}/${this.#taken++}`;
    Deno.mkdirSync(folder);
    removeDotted(folder);
    return hasRemoved(folder);
  }

  async #removeAll(places: string[]): Promise<void> {
    const turns = new Turns();
    let failure: unknown = null;
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      try {
        if (Deno.lstatSync(place).isDirectory) {
          Deno.chmodSync(place, PRIVATE_FOLDER_MODE);
          await this.#empty(place, places, turns);
          removeEmptied(place);
        } else {
          Deno.removeSync(place);
        }
      } catch (error) {
        const left = this.#leaveBehind(place, error as Error);
        failure ??= left;
      }
      if (turns.isOver) await turns.next();
    }
    if (failure !== null) throw failure;
  }

  #leaveBehind(place: string, error: Error): Error {
    const left = `${this.#unremovable}/${crypto.randomUUID()}`;
    try {
      Deno.mkdirSync(this.#unremovable, { recursive: true, mode: PRIVATE_FOLDER_MODE });
      move(place, left);
    } catch {
      return error;
    }
    return new LeftBehind(`${error.message}; what is left is in "${left}", for you to remove`);
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

/** @returns false when it is not there by this name: Deno cannot say one that is no Unicode */
function hasRemoved(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a folder from which everything was taken that could be named. */
function removeEmptied(folder: string): void {
  try {
    Deno.removeSync(folder);
  } catch {
    if (hasFolders(folder)) throw new Error(whyLeft(folder));
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Whether there are folders in `folder`, or may be: most file systems count them, as each links to it. */
function hasFolders(folder: string): boolean {
  return Deno.lstatSync(folder).nlink !== 2;
}

function whyLeft(folder: string): string {
  return Deno.lstatSync(folder).size > MAX_LISTED_BYTES
    ? "there are too many names in one folder"
    : "there is something in it whose name is no Unicode";
}

/**
 * Removes the files in a folder without folders, and not the folder: no system removes one by a path that ends in a
 * dot.
 */
function removeDotted(folder: string): void {
  try {
    Deno.removeSync(`${folder}/.`, { recursive: true });
  } catch {
    // It always fails, in its last step.
  }
}
