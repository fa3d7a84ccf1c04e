/**
 * Reads one YAML or JSON document (JSON is a part of YAML 1.2) and remembers where every key and value is.
 *
 * Values are those of the YAML 1.2 core schema: `yes`, `2024-01-01` and `1:30` are strings, `0o17` is 15, `017` is 17.
 * Every mapping key is a string, as it is written.
 *
 * @module
 */
import { type Event, EVENT_ID, parseEvents, YAMLException } from "js-yaml";
import type { Diagnostic, DocumentPath } from "./diagnostics.ts";
import { byPosition, formatPath } from "./diagnostics.ts";
import { escapeLine, quote } from "../core/text.ts";
import { findOffset, MAX_DEPTH, type Problem, TOO_DEEP } from "./source_node.ts";
import { indexPositions, type Position } from "./text_positions.ts";
import { composeDocument } from "./yaml_composer.ts";

/** The largest document, in bytes of UTF-8: 1 MiB. */
export const MAX_BYTES = 1024 * 1024;

/** How many values a document may hold once its aliases are expanded. */
export const MAX_VALUES = 250_000;

/** What a file holds, with the place of every key and value. */
export interface SourceDocument {
  /** The file's name, as it was given. */
  readonly file: string;
  /** Null, booleans, numbers, strings, arrays and plain objects. Arrays and objects behind an alias are shared. */
  readonly value: unknown;
  /**
   * Finds the place of a value, or of the key that it stands under; that of the nearest ancestor when the path is not
   * in the document. The whole document and list items have no key: their value's place is given.
   */
  locate(path: DocumentPath, what?: "key" | "value"): Position;
}

/** A document that was read, or everything that is wrong with it, in the order of the text. */
export type ParsedDocument =
  | ({ readonly ok: true } & SourceDocument)
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads a document from the bytes of a file: strict UTF-8, with or without a byte order mark.
 *
 * @param file the name to use in diagnostics. Never throws.
 */
export function parseDocumentBytes(bytes: Uint8Array, file: string): ParsedDocument {
  if (bytes.length > MAX_BYTES) return refuse("", file, [tooLarge(bytes.length)]);
  try {
    return parseDocument(new TextDecoder("utf-8", { fatal: true }).decode(bytes), file);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const valid = validPrefix(bytes);
    return refuse(valid, file, [{ offset: valid.length, path: [], message: "not valid UTF-8" }]);
  }
}

/**
 * Reads a document from text. An empty document is an empty mapping.
 *
 * Refused, each with its place: text that is not YAML, more than one document, directives, tags, merge keys, keys that
 * are not strings, duplicate keys, keys named `__proto__`, `constructor` or `prototype`, characters that YAML does not
 * allow, and documents beyond the limits of size, depth and aliases.
 *
 * @param file the name to use in diagnostics. Never throws.
 */
export function parseDocument(text: string, file: string): ParsedDocument {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const unreadable = findUnreadable(source);
  if (unreadable !== null) return refuse(source, file, [unreadable]);
  const events = readEvents(source);
  if (!Array.isArray(events)) return refuse(source, file, [events]);
  const structure = findStructureProblem(source, events);
  if (structure !== null) return refuse(source, file, [structure]);

  const { root, problems } = composeDocument(source, events);
  if (problems.length > 0) return refuse(source, file, problems);
  if (root.size > MAX_VALUES) {
    const message = `expected at most ${MAX_VALUES} values in a document, got ${root.size}`;
    return refuse(source, file, [{ offset: root.offset, path: [], message }]);
  }
  const positions = indexPositions(source);
  return {
    ok: true,
    file,
    value: isEmpty(events) ? {} : root.value,
    locate: (path, what = "value") => positions(findOffset(root, path, what)),
  };
}

/** Says what keeps the text from being read at all, before the parser sees it. */
function findUnreadable(source: string): Problem | null {
  const bytes = source.length > MAX_BYTES ? source.length : new TextEncoder().encode(source).length;
  if (bytes > MAX_BYTES) return tooLarge(bytes);
  // The parser lets some of these pass in comments and in quoted text, where nobody would see them.
  const match = /[[\p{Cc}\p{Cs}\uFFFE\uFFFF]--[\t\n\r\x85]]/v.exec(source);
  if (match === null) return null;
  const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const message =
    `the character U+${code} is not allowed here; in double quotes it may be written as \\u${code}`;
  return { offset: match.index, path: [], message };
}

function tooLarge(bytes: number): Problem {
  return { offset: 0, path: [], message: `expected at most ${MAX_BYTES} bytes in a document, got ${bytes}` };
}

function readEvents(source: string): Event[] | Problem {
  try {
    // The parser counts scalars as a level too, and a flow collection within a block one twice. So this only bounds
    // its recursion; it is the composer that counts exactly.
    return parseEvents(source, { maxDepth: MAX_DEPTH + 2 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const offset = error.mark?.position ?? 0;
    return { offset, path: [], message: explainSyntaxError(error.reason, source.charAt(offset)) };
  }
}

/** @param character the one at which the parser stopped. */
function explainSyntaxError(reason: string, character: string): string {
  if (reason.startsWith("nesting exceeded")) return TOO_DEEP;
  // The parser sees both of these common slips as something else, such as bad indentation.
  if (/[@`%]/.test(character)) return `a value that begins with ${quote(character)} must be in quotes`;
  if (character === ":" && reason.startsWith("bad indentation")) {
    return 'a value that contains ": " must be in quotes';
  }
  return `not valid YAML: ${escapeLine(reason.slice(0, 200))}`;
}

/** Says what is wrong with the stream around its first document. */
function findStructureProblem(source: string, events: readonly Event[]): Problem | null {
  const documents = events.filter((event) => event.type === EVENT_ID.DOCUMENT);
  const first = documents[0];
  if (first !== undefined && first.directives.length > 0) {
    const message = "directives (%YAML, %TAG) are not supported";
    return { offset: Math.max(source.search(/^%/m), 0), path: [], message };
  }
  if (first === undefined || documents.length === 1) return null;
  // A marker at the start of a line always ends a document, even within a value: no event says where it is.
  const markers = [...source.matchAll(/^\uFEFF?(?:---|\.\.\.)(?=\s|$)/gm)];
  const second = markers[first.explicitStart ? 1 : 0];
  return {
    offset: second?.index ?? 0,
    path: [],
    message: "expected one document, but a second one begins here",
  };
}

/** Whether there is nothing to read: not even a null, which is a value. */
function isEmpty(events: readonly Event[]): boolean {
  const [, root] = events;
  return root === undefined || (root.type === EVENT_ID.SCALAR && root.valueStart < 0);
}

/** The longest beginning of the bytes that is UTF-8, decoded. */
function validPrefix(bytes: Uint8Array): string {
  const decode = (length: number) =>
    new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    try {
      decode(middle);
      valid = middle;
    } catch {
      invalid = middle;
    }
  }
  return decode(valid);
}

function refuse(source: string, file: string, problems: readonly Problem[]): ParsedDocument {
  const positions = indexPositions(source);
  const diagnostics = problems.map(({ offset, path, message }): Diagnostic => ({
    file,
    ...positions(offset),
    path: formatPath(path),
    message,
  }));
  return { ok: false, diagnostics: diagnostics.sort(byPosition) };
}
