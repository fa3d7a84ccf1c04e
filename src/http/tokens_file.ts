/**
 * Whether a file may hold tokens: what only the server's user can read and replace.
 *
 * @module
 */
import { shellWord } from "../core/shell_words.ts";
import type { Diagnostic } from "../documents/diagnostics.ts";

/** What the system says of a file, with links followed; stat(2). */
export interface TokensFileFacts {
  readonly isFile: boolean;
  /** Its type and permission bits; null where there are none. */
  readonly mode: number | null;
  /** The owner's number; null where there are none. */
  readonly uid: number | null;
}

/** Read, write and execute for the group and for everyone else. An access list's mask stands in the group's place. */
const OTHERS = 0o077;

/**
 * Why the file may not hold tokens, and what to do; null when it may.
 *
 * @param ownUid the user that the server belongs to, or null when it cannot be told
 */
export function objectionToTokensFile(
  file: string,
  { isFile, mode, uid }: TokensFileFacts,
  ownUid: number | null,
): Diagnostic | null {
  const objection = (message: string) => ({ file, line: null, column: null, path: "", message });
  if (!isFile) return objection("not a regular file; name the file that holds the tokens");
  if (mode === null || uid === null || ownUid === null) {
    return objection("cannot tell who may read the file, so no token is taken from it");
  }
  if (uid !== ownUid && uid !== 0) {
    return objection(
      `the file belongs to user ${uid} and not to the server's user ${ownUid}; ` +
        `take it over: chown ${ownUid} ${shellWord(file)}`,
    );
  }
  if ((mode & OTHERS) !== 0) {
    const bits = (mode & 0o777).toString(8).padStart(3, "0");
    return objection(`others may read or change the file (mode ${bits}); run: chmod 600 ${shellWord(file)}`);
  }
  return null;
}
