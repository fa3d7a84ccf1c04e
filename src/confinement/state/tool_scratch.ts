/**
 * The scratch folders of one tool. Its runs may write to all that is in the folder above them, so those that run at the
 * same time can meddle with each other; but one that begins when no other is left finds nothing of any.
 *
 * @module
 */
import { PRIVATE_FOLDER_MODE, type Trash } from "./trash.ts";

/** The folder of a tool, in which its runs have theirs. */
export class ToolScratch {
  readonly #root: string;
  readonly #trash: Trash;
  /** The ids of folders whose runs may have processes. */
  readonly #live = new Set<string>();
  /** Settles when what the last runs left is out of reach; null when it is. */
  #clearing: Promise<void> | null = null;
  #hasSaidWhatStays = false;

  /** @param root is there; it is never replaced, since the tool's compartment was confined to it */
  constructor(root: string, trash: Trash) {
    this.#root = root;
    this.#trash = trash;
  }

  /**
   * Makes an empty folder.
   *
   * @param id not to be guessed: whatever has this name already, a link too, makes this fail
   */
  async make(id: string): Promise<void> {
    while (this.#clearing !== null) await this.#clearing;
    Deno.mkdirSync(`${this.#root}/${id}`, { mode: PRIVATE_FOLDER_MODE });
    this.#live.add(id);
  }

  /**
   * Removes what {@link make} made, of whose run no process is left, and everything that was put there. When no other
   * run is left, all else in the tool's folder goes too. It is out of reach before another folder is made.
   *
   * @throws {Error} for the first thing that could not be removed
   */
  async remove(id: string): Promise<void> {
    if (!this.#live.delete(id)) return;
    const isAlone = this.#live.size === 0;
    const places: string[] = [];
    // What is left here for its mode goes with the last run.
    const place = this.#trash.take(`${this.#root}/${id}`, !isAlone);
    if (place !== null) places.push(place);
    const failure = isAlone ? await this.#clear(places) : null;
    await this.#trash.removeTaken(places);
    if (failure !== null) throw failure;
  }

  /** @returns what is in the way, the first time that something is */
  async #clear(places: string[]): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clearing = promise;
    try {
      await this.#trash.clear(this.#root, places);
      return null;
    } catch (error) {
      if (this.#hasSaidWhatStays) return null;
      this.#hasSaidWhatStays = true;
      return error;
    } finally {
      this.#clearing = null;
      resolve();
    }
  }
}
