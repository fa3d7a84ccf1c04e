/**
 * Reading files and looking at them, on the calling thread: see `turns.ts` for why on no other. What could keep it
 * waiting, such as a pipe that nobody writes to, is not opened.
 *
 * @module
 */
import {
  type FileLook,
  type FileRead,
  LOOK_ERRORS,
  type Looked,
  MAX_FILE_BYTES,
  MAX_FOLDER_NAMES,
} from "../file_look.ts";

/** A folder whose own size is beyond this is not listed: listing it would take long. */
const MAX_LISTED_BYTES = 1_048_576;

/**
 * Reads a regular file.
 *
 * @returns null when there is none
 * @throws {Error} with the reason why it cannot be read
 */
export function readFile(path: string): FileRead | null {
  return orNull(() => {
    const before = Deno.statSync(path);
    using file = openRegular(path);
    const bytes = readUpTo(file, MAX_FILE_BYTES + 1, before.size + 1);
    if (bytes.length > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
    // By its name again: of an open file Deno says nothing when the name is a link that leads out of what may be read.
    const { dev, ino, mode, uid } = Deno.statSync(path);
    if (dev !== before.dev || ino !== before.ino) throw new Error("it was replaced while it was read");
    return { bytes, mode, uid };
  });
}

/**
 * The names of all that is in a folder and is no folder itself.
 *
 * @returns null when there is no such folder
 * @throws {Error} with the reason why it cannot be listed
 */
export function listFolder(path: string): string[] | null {
  return orNull(() => {
    if (Deno.statSync(path).size > MAX_LISTED_BYTES) throw tooManyNames();
    const names: string[] = [];
    for (const { name, isDirectory } of Deno.readDirSync(path)) {
      if (isDirectory) continue;
      if (names.length === MAX_FOLDER_NAMES) throw tooManyNames();
      names.push(name);
    }
    return names;
  });
}

/** Looks at what is at `path`. @param headBytes how much of its beginning is wanted; with 0 it is not opened */
export function lookAt(path: string, headBytes: number): FileLook {
  return {
    stat: looked(() =>
      orNull(() => {
        const { isFile, mode, uid, gid } = Deno.statSync(path);
        return { isFile, mode, uid, gid };
      })
    ),
    realPath: looked(() => Deno.realPathSync(path)),
    head: looked(() => {
      if (headBytes === 0) return new Uint8Array();
      using file = openRegular(path);
      return readUpTo(file, headBytes, headBytes);
    }),
  };
}

/** Opens a regular file: whoever opens something else may wait for ever. */
function openRegular(path: string): Deno.FsFile {
  if (!Deno.statSync(path).isFile) throw new Error(`${JSON.stringify(path)} is not a regular file`);
  return Deno.openSync(path);
}

/** The first bytes of a file, at most `most`, in a buffer of their own. @param expected how many there may be */
function readUpTo(file: Deno.FsFile, most: number, expected: number): Uint8Array {
  let bytes = new Uint8Array(Math.min(most, expected));
  let length = 0;
  for (;;) {
    const count = file.readSync(bytes.subarray(length)) ?? 0;
    length += count;
    if (count === 0 || length === most) return bytes.slice(0, length);
    if (length === bytes.length) {
      const larger = new Uint8Array(Math.min(most, 2 * length));
      larger.set(bytes);
      bytes = larger;
    }
  }
}

function tooManyNames(): Error {
  return new Error(`there are more than ${MAX_FOLDER_NAMES} names in it`);
}

function looked<T>(look: () => T): Looked<T> {
  try {
    return { ok: true, value: look() };
  } catch (error) {
    const { name, message } = error as Error;
    return {
      ok: false,
      name: LOOK_ERRORS.find((known) => known === name) ?? "Error",
      message: message.slice(0, 4096),
    };
  }
}

/** Null for what is not there; every other error stays one. */
export function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}
