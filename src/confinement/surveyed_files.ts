/**
 * Files as somebody else sees them. Which program is a tool's, and what starting it executes, is found out by functions
 * that ask the file system as they go; a thread that may not ask has the scribe look for it, and has them go again over
 * what is known by then, until they ask for nothing more.
 *
 * @module
 */
import type { FileFacts, ProgramFiles as FoundFiles } from "../catalog/program.ts";
import type { ProgramFiles as ExecutedFiles } from "./executable_files.ts";
import type { FileLook, Looked, LookErrorName } from "./file_look.ts";

/** The file system, for `findProgram` and for `executableFiles`. */
export interface SurveyedFiles extends FoundFiles, ExecutedFiles {}

/** Looks at a path: `Scribe.look`. */
export type Look = (path: string, headBytes: number) => Promise<FileLook>;

/** How often the work is done at most: each round goes at least one step further, and no program is as far as this. */
const MAX_ROUNDS = 256;

/** Thrown at the work when it wants to know what nobody has looked at yet. Its result does not count then. */
class NotLookedAt extends Error {}

/**
 * Does work that asks about files.
 *
 * @param work is done several times, and must ask for the same each time that it has learnt the same. What it has not
 * learnt yet seems not to be there, or fails; whatever it makes of that is thrown away
 * @param look asked for each path, again only when more of the file's beginning is wanted
 * @returns what the work returns, or throws, once everything that it asks for has been looked at
 * @throws {Error} when `look` does, or when the work does not come to an end
 */
export async function survey<T>(work: (files: SurveyedFiles) => T, look: Look): Promise<T> {
  const known = new Map<string, { readonly headBytes: number; readonly look: FileLook }>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const missing = new Map<string, number>();
    const ask = (path: string, headBytes: number): FileLook | null => {
      const found = known.get(path);
      if (found !== undefined && found.headBytes >= headBytes) return found.look;
      missing.set(path, Math.max(headBytes, missing.get(path) ?? 0));
      return null;
    };
    const result = attempt(() => work(surveyed(ask)));
    if (missing.size === 0) return result();
    await Promise.all([...missing].map(async ([path, headBytes]) => {
      known.set(path, { headBytes, look: await look(path, headBytes) });
    }));
  }
  throw new Error(`there are still files to be looked at after ${MAX_ROUNDS} rounds`);
}

/** Files that are known, and a note of those that are not. */
function surveyed(ask: (path: string, headBytes: number) => FileLook | null): SurveyedFiles {
  const must = (path: string, headBytes: number): FileLook => {
    const look = ask(path, headBytes);
    if (look === null) throw new NotLookedAt(path);
    return look;
  };
  return {
    stat(path): FileFacts | null {
      // Not thrown: so all the places where a program may be are asked for in the same round.
      const look = ask(path, 0);
      return look === null ? null : valueOf(look.stat);
    },
    realPath: (path) => valueOf(must(path, 0).realPath),
    readHead: (path, bytes) => valueOf(must(path, bytes).head).subarray(0, bytes),
  };
}

function attempt<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** The errors that make a difference to whoever asks. */
const ERRORS: Readonly<Record<LookErrorName, new (message: string) => Error>> = {
  NotFound: Deno.errors.NotFound,
  PermissionDenied: Deno.errors.PermissionDenied,
  NotCapable: Deno.errors.NotCapable,
  Error,
};

function valueOf<T>(looked: Looked<T>): T {
  if (looked.ok) return looked.value;
  throw new ERRORS[looked.name](looked.message);
}
