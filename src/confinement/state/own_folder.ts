/**
 * Folders that are the server's own: nobody else may change what is in them, and the server itself can.
 *
 * @module
 */
import { PRIVATE_FOLDER_MODE } from "./trash.ts";

/** The mode of a file that nobody else may read. */
export const PRIVATE_FILE_MODE = 0o600;

const OTHERS_MAY_WRITE = 0o022;

/**
 * Makes `path` when it is not there; refuses it when somebody else can change what is in it.
 *
 * @param uid whose it must be; null where users have no numbers
 * @throws {Error} with a reason to show
 */
export function ownFolder(path: string, uid: number | null): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      throw new Error(cannot(path, (error as Error).message));
    }
  }
  const { isSymlink, isDirectory, uid: owner, mode } = Deno.lstatSync(path);
  if (isSymlink) throw new Error(cannot(path, "it is a symbolic link"));
  if (!isDirectory) throw new Error(cannot(path, "it is not a folder"));
  if (uid !== null && owner !== uid) throw new Error(cannot(path, "it belongs to another user"));
  if (((mode ?? 0) & OTHERS_MAY_WRITE) !== 0) {
    throw new Error(cannot(path, "its group or others may write to it; chmod go-w takes that away"));
  }
}

function cannot(path: string, reason: string): string {
  return `Cannot keep state in "${path}": ${reason}`;
}

/**
 * A program may have changed the modes of our own folders, which Landlock does not stop, so that we fail in them. None of
 * them lies where a program could put something else in its place.
 */
export function regain(folders: readonly string[]): void {
  for (const path of folders) {
    const { mode } = Deno.lstatSync(path);
    const wanted = (mode ?? 0) & 0o777 | PRIVATE_FOLDER_MODE;
    if (wanted !== ((mode ?? 0) & 0o777)) Deno.chmodSync(path, wanted);
  }
}
