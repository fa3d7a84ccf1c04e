/**
 * Files that a tool may be told to read: regular files below the configured folders, by their names there.
 *
 * @module
 */
import { Turns } from "./turns.ts";

/** A file that was found. */
export interface InspectedFile {
  /** The real path. */
  readonly path: string;
  readonly bytes: number;
  /** How many lines, counting one that has no end. */
  readonly lines: number;
}

/** Larger files are not looked through, in bytes. */
const MAX_BYTES = 1_000_000_000;

const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;

/**
 * Looks for a file in `folders`, in their order.
 *
 * @param name relative, without any step up
 * @throws {Error} with the reason when there is none, or it may not be used
 */
export async function inspectFile(folders: readonly string[], name: string): Promise<InspectedFile> {
  for (const folder of folders) {
    let path: string;
    try {
      path = Deno.realPathSync(`${folder}/${name}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) continue;
      throw error;
    }
    const root = Deno.realPathSync(folder);
    if (!path.startsWith(root === "/" ? root : `${root}/`)) {
      throw new Error(`${shown(name)} leads out of ${folder} through a symbolic link`);
    }
    const { isFile, size } = Deno.statSync(path);
    // Whoever opens something else may wait for ever.
    if (!isFile) throw new Error(`${shown(name)} is not a regular file`);
    if (size > MAX_BYTES) {
      throw new Error(`${shown(name)} has ${size} bytes, more than any tool may be given`);
    }
    return { path, bytes: size, lines: await countLines(path) };
  }
  const where = folders.length === 0 ? "tools.wordlist_dirs names no folder" : `in ${folders.join(", ")}`;
  throw new Error(`there is no file ${shown(name)}: ${where}`);
}

// Not by the module for texts: the scribe's thread reads no source outside of this folder.
function shown(name: string): string {
  return JSON.stringify(name);
}

async function countLines(path: string): Promise<number> {
  using file = Deno.openSync(path);
  const turns = new Turns();
  const chunk = new Uint8Array(CHUNK_BYTES);
  let lines = 0;
  let last = NEWLINE;
  for (;;) {
    const count = file.readSync(chunk);
    if (count === null) return lines + (last === NEWLINE ? 0 : 1);
    for (let at = chunk.indexOf(NEWLINE); at >= 0 && at < count; at = chunk.indexOf(NEWLINE, at + 1)) lines++;
    if (count > 0) last = chunk[count - 1]!;
    if (turns.isOver) await turns.next();
  }
}
