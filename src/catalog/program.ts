/**
 * Finding a tool's program: in a fixed list of folders or at an absolute path, never through PATH, and only where
 * nobody else could have put it.
 *
 * @module
 */
import { folderOf } from "../core/paths.ts";

/** Where programs are looked for, in this order. */
export const PROGRAM_FOLDERS: readonly string[] = [
  "/usr/bin",
  "/usr/sbin",
  "/bin",
  "/sbin",
  "/usr/local/bin",
  "/usr/local/sbin",
  "/opt/homebrew/bin",
];

/** What to do about a program that is there for others only. */
export const MAKE_USABLE =
  "Make it readable and executable for the server's user, or name another program in tools.overrides.";

/** What is asked about a file or folder; see stat(2). */
export interface FileFacts {
  readonly isFile: boolean;
  /** Permission bits, or null where the system has none. */
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
}

/** The file system, as far as it is asked. */
export interface ProgramFiles {
  /** Follows symbolic links. Null when there is no such file; throws when it may not be looked at. */
  stat(path: string): FileFacts | null;
  /** The path behind all symbolic links. */
  realPath(path: string): string;
}

/** Who we are: files that belong to us are as safe as we are. */
export interface Identity {
  readonly uid: number | null;
  readonly gid: number | null;
}

/** A program that may be granted, or why there is none. */
export type ProgramSearch =
  | { readonly status: "found"; readonly path: string }
  | {
    readonly status: "missing" | "unsafe" | "unreadable";
    readonly reason: string;
    readonly remedy: string;
  };

/** The absolute paths at which `command` may be. */
export function programCandidates(command: string): readonly string[] {
  return command.startsWith("/") ? [command] : PROGRAM_FOLDERS.map((folder) => `${folder}/${command}`);
}

/**
 * Looks for a program.
 *
 * @param packageName the package that holds it, for the remedy
 */
export function findProgram(
  command: string,
  packageName: string | undefined,
  files: ProgramFiles,
  self: Identity,
): ProgramSearch {
  let inert: string | null = null;
  for (const path of programCandidates(command)) {
    let facts: FileFacts | null;
    try {
      facts = files.stat(path);
    } catch (error) {
      return {
        status: "unreadable",
        reason: `${path} may not be looked at: ${(error as Error).message}`,
        // The system's own answer, which no flag of Deno's changes.
        remedy: error instanceof Deno.errors.PermissionDenied
          ? "Let the server's user search the folders above it, or name another path in tools.overrides."
          : "Start with the flags that `bulkhead permissions --format flags` prints.",
      };
    }
    if (facts === null || !facts.isFile) continue;
    if (facts.mode === null || (facts.mode & 0o111) !== 0) return judge(path, facts, files, self);
    inert ??= path;
  }
  if (inert !== null) {
    return {
      status: "missing",
      reason: `${inert} is there, but it is not executable`,
      remedy:
        "Make it executable for the server's user, or name another program's absolute path in tools.overrides.",
    };
  }
  const where = command.startsWith("/") ? "" : ` in ${PROGRAM_FOLDERS.join(", ")}`;
  return {
    status: "missing",
    reason: `there is no program ${command}${where}`,
    remedy: packageName === undefined
      ? "Install it, or name its absolute path in tools.overrides."
      : `Install the package ${packageName}, or name the program's absolute path in tools.overrides.`,
  };
}

function judge(path: string, facts: FileFacts, files: ProgramFiles, self: Identity): ProgramSearch {
  const unsafe = (what: string): ProgramSearch => ({
    status: "unsafe",
    reason: `${what}, so the program could be replaced`,
    remedy: `Make it writable by root or by the server's user only, or name another path in tools.overrides.`,
  });
  if (othersMayWrite(facts, self)) return unsafe(`${path} may be written by other users`);
  let folders: (readonly [string, FileFacts | null])[];
  try {
    const real = files.realPath(path);
    folders = [...new Set([folderOf(path), folderOf(real)])].map((folder) =>
      [folder, files.stat(folder)] as const
    );
  } catch (error) {
    return {
      status: "unreadable",
      reason: `the folder of ${path} may not be looked at: ${(error as Error).message}`,
      remedy: "Name the program's real path, with no symbolic link, in tools.overrides.",
    };
  }
  for (const [folder, folderFacts] of folders) {
    if (folderFacts === null || othersMayWrite(folderFacts, self)) {
      return unsafe(`the folder ${folder} may be written by other users`);
    }
  }
  if (ownerAlone(facts, self)) {
    return {
      status: "unreadable",
      reason: `${path} may be executed by its owner only, who is another user`,
      remedy: MAKE_USABLE,
    };
  }
  return { status: "found", path };
}

/** Whether the file's owner may execute it, nobody else may, and that is not us. Root may execute everything. */
function ownerAlone({ mode, uid }: FileFacts, self: Identity): boolean {
  if (mode === null || self.uid === null || self.uid === 0) return false;
  return uid !== self.uid && (mode & 0o011) === 0;
}

/**
 * Whether somebody other than root and ourselves may write here. A group counts as others unless it is root's or our
 * own primary one, which on many systems has no other member.
 */
function othersMayWrite(facts: FileFacts, self: Identity): boolean {
  // A system without owners and modes cannot be judged; it is refused rather than trusted.
  if (facts.mode === null || facts.uid === null || facts.gid === null) return true;
  if ((facts.mode & 0o002) !== 0) return true;
  if (facts.uid !== 0 && facts.uid !== self.uid) return true;
  return (facts.mode & 0o020) !== 0 && facts.gid !== 0 && facts.gid !== self.gid;
}
