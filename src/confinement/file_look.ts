/**
 * What a server that may look at no file itself asks about files, and what it is told: data and its checks.
 *
 * @module
 */
import {
  bytesUpTo,
  type Check,
  hasExactly,
  listOf,
  matching,
  oneOf,
  orNull,
  text,
  textUpTo,
  wholeCount,
} from "./message_table.ts";

/** A file as it was when it was read. */
export interface FileRead {
  readonly bytes: Uint8Array;
  /** Permission bits and what else stat(2) has there, or null where the system has none. */
  readonly mode: number | null;
  readonly uid: number | null;
}

/** What came of one look: the value, or the error, by the name that Deno gives it. */
export type Looked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly name: LookErrorName; readonly message: string };

/** The errors that are told apart; all others are an `Error`. */
export const LOOK_ERRORS = ["NotFound", "PermissionDenied", "NotCapable", "Error"] as const;

/** One of {@link LOOK_ERRORS}. */
export type LookErrorName = typeof LOOK_ERRORS[number];

/** What is there at a path, links followed. */
export interface FileLook {
  /** Null when there is nothing. */
  readonly stat: Looked<
    {
      readonly isFile: boolean;
      readonly mode: number | null;
      readonly uid: number | null;
      readonly gid: number | null;
    } | null
  >;
  /** The path with every symbolic link followed. */
  readonly realPath: Looked<string>;
  /** The first bytes: as many as were asked for, or fewer when the file ends before. */
  readonly head: Looked<Uint8Array>;
}

/** What is to be watched, by absolute path, whether it is there or not. */
export interface WatchedPaths {
  readonly files: readonly string[];
  /** Watched with the documents in them, see {@link isDocumentName}, but not with the folders in them. */
  readonly folders: readonly string[];
}

/**
 * Whether a file of that name counts in a folder that is watched. Others, such as a log, may change all the time, and
 * that must neither hide what happens to documents nor look like it.
 */
export function isDocumentName(name: string): boolean {
  return /\.(?:ya?ml|json)$/.test(name);
}

/** Bytes of a file that is read. */
export const MAX_FILE_BYTES = 4_194_304;

/** Names in a folder that is listed, folders not counted. */
export const MAX_FOLDER_NAMES = 1024;

/** Bytes of a file's beginning that may be asked for: as many as it takes to find its loader's name. */
export const MAX_HEAD_BYTES = 65_536;

/** Files, or folders, that are watched. */
export const MAX_WATCHED = 1024;

/** Absolute, and short enough for the system: PATH_MAX. */
export const isAbsolutePath: Check = matching(/^\/[^\0]{0,4095}$/);

/** How much of a file's beginning may be asked for. */
export const isHeadLength: Check = (value) => wholeCount(value) && Number(value) <= MAX_HEAD_BYTES;

/** Files, or folders, that may be watched. */
export const areWatched: Check = listOf(isAbsolutePath, MAX_WATCHED);

/** Of all that is watched, what has changed. */
export const areChanged: Check = listOf(isAbsolutePath, 2 * MAX_WATCHED);

/** A {@link FileRead}, or null. */
export const isFileRead: Check = orNull(
  hasExactly({ bytes: bytesUpTo(MAX_FILE_BYTES), mode: orNull(wholeCount), uid: orNull(wholeCount) }),
);

/** The names in a folder, or null. */
export const areNames: Check = orNull(listOf(textUpTo(255), MAX_FOLDER_NAMES));

const facts = hasExactly({
  isFile: oneOf(true, false),
  mode: orNull(wholeCount),
  uid: orNull(wholeCount),
  gid: orNull(wholeCount),
});

/** What came of a look, with a value that `check` takes. */
function looked(check: Check): Check {
  const found = hasExactly({ ok: oneOf(true), value: check });
  const failed = hasExactly({ ok: oneOf(false), name: oneOf(...LOOK_ERRORS), message: text });
  return (value) => found(value) || failed(value);
}

/** A {@link FileLook}. */
export const isFileLook: Check = hasExactly({
  stat: looked(orNull(facts)),
  realPath: looked(isAbsolutePath),
  head: looked(bytesUpTo(MAX_HEAD_BYTES)),
});
