/**
 * What may be read again while the server runs: a list of paths, and what is below them, by name.
 *
 * Deno judges a path by its name alone and then follows whatever symbolic links there are, so a link in a folder that
 * may be read makes what it leads to readable too. That is as its owner wants it, but where programs write they could
 * put such links: those folders are in no list, whatever the list says.
 *
 * @module
 */

/** The list. */
export class ReadablePaths {
  readonly #readable: readonly string[];
  readonly #excluded: string;

  /**
   * @param readable absolute paths
   * @param excluded the folder below which programs write
   */
  constructor(readable: readonly string[], excluded: string) {
    this.#readable = readable.map(plain);
    this.#excluded = plain(excluded);
  }

  /** @throws {Error} when `path`, which is absolute, is not in the list */
  check(path: string): void {
    const named = plain(path);
    const isListed = this.#readable.some((listed) => isWithin(named, listed));
    if (!isListed || isWithin(named, this.#excluded)) {
      throw new Deno.errors.NotCapable(
        `${JSON.stringify(path)} is not among what is read while the server runs`,
      );
    }
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? folder : `${folder}/`);
}

/** The path with `.` and `..` worked out by name, as Deno does it before it asks the system. */
function plain(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
