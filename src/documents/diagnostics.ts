/**
 * What is said about one mistake in a document, and how it is printed.
 *
 * @module
 */
import { redactText } from "../core/redact.ts";
import { escapeLine, quote } from "../core/text.ts";

/** Where a value is: mapping keys as strings, list items as numbers from 0. Empty for the whole document. */
export type DocumentPath = readonly (string | number)[];

/** One mistake in a document, or in a value that comes from elsewhere (a flag, an environment variable). */
export interface Diagnostic {
  /** The file's name as the reader gave it, or the name of another source, such as `BULKHEAD_PORT`. */
  readonly file: string;
  /** The line, from 1; null when the source has no lines. */
  readonly line: number | null;
  /** The column in Unicode characters, from 1; null when the source has no lines. */
  readonly column: number | null;
  /** The path of the value, written by {@link formatPath}; empty for the whole document. */
  readonly path: string;
  /** The mistake in plain English: one line, without a full stop. */
  readonly message: string;
}

const PLAIN_WORD = /^[A-Za-z_][A-Za-z0-9_-]{0,59}$/;

/**
 * Writes a path as `tools.overrides.nmap.command` or `target.kinds[0]`. Keys that are not plain words are quoted,
 * `tools."a.b"`, and cut if they are long.
 */
export function formatPath(path: DocumentPath): string {
  return path.map((step, index) => {
    if (typeof step === "number") return `[${step}]`;
    const key = PLAIN_WORD.test(step) ? step : quote(step);
    return index === 0 ? key : `.${key}`;
  }).join("");
}

/**
 * Prints a diagnostic as `file:line:column: path: message`. Without a position it is `file: path: message`; the path
 * of the whole document is left out. What looks like a secret in either is taken out.
 */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, path, message } = diagnostic;
  const position = line === null ? "" : `:${line}:${column}`;
  return `${escapeLine(file)}${position}: ${path === "" ? "" : `${redactText(path)}: `}${
    redactText(message)
  }`;
}

/** The order in which diagnostics of one source are listed: by position, and as given where that is equal. */
export function byPosition(a: Diagnostic, b: Diagnostic): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
