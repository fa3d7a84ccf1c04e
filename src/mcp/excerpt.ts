/**
 * Excerpts: what a model is shown of an output that may be large. Nothing here is lost; it is left out and said so.
 *
 * @module
 */
import { plural } from "../core/text.ts";

const encoder = new TextEncoder();

/** A text that was shortened, or not. */
export interface Excerpt {
  readonly text: string;
  readonly shortened: boolean;
}

/** The beginning and the end of `text`, in at most `maxBytes` bytes of UTF-8, with a note between them. */
export function headAndTail(text: string, maxBytes: number): Excerpt {
  const size = encoder.encode(text).length;
  if (size <= maxBytes) return { text, shortened: false };
  const note = `\n[... ${plural(size, "byte")} in all; the middle is left out ...]\n`;
  const room = maxBytes - encoder.encode(note).length;
  if (room <= 0) return { text: "", shortened: true };
  const head = prefix(text, Math.ceil(room * 2 / 3));
  const tail = suffix(text, Math.floor(room / 3));
  return { text: `${head}${note}${tail}`, shortened: true };
}

/**
 * Makes a parsed object fit into `maxBytes` bytes of JSON by keeping only the first items of its longest lists, and
 * says in its `incomplete` field what was left out. Null when no list is there to shorten.
 */
export function shortenParsed(
  parsed: Readonly<Record<string, unknown>>,
  maxBytes: number,
): Readonly<Record<string, unknown>> | null {
  if (jsonBytes(parsed) <= maxBytes) return parsed;
  const copy = structuredClone(parsed) as Record<string, unknown>;
  const notes = new Map<string, { list: unknown[]; before: number }>();
  for (;;) {
    const largest = listsIn(copy, "").sort((a, b) => b.bytes - a.bytes)[0];
    if (largest === undefined) return null;
    const { path, list } = largest;
    if (!notes.has(path)) notes.set(path, { list, before: list.length });
    list.length = Math.floor(list.length / 2);
    const said = [...notes].map(([name, note]) => `${name}: ${note.list.length} of ${note.before}`).join(
      ", ",
    );
    const lost = typeof parsed.incomplete === "string" ? `${parsed.incomplete}; ` : "";
    copy.incomplete = `${lost}shortened for this answer (${said})`;
    if (jsonBytes(copy) <= maxBytes) return copy;
  }
}

/** The lists with at least one item, at any depth outside other lists. */
function listsIn(value: unknown, path: string): { path: string; list: unknown[]; bytes: number }[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : [{ path, list: value, bytes: jsonBytes(value) }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => listsIn(item, path === "" ? key : `${path}.${key}`));
}

function jsonBytes(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length;
}

/** As many whole characters from the beginning as fit. */
function prefix(text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

/** As many whole characters from the end as fit. */
function suffix(text: string, maxBytes: number): string {
  const bytes = encoder.encode(text);
  let start = bytes.length - maxBytes;
  while (start < bytes.length && (bytes[start]! & 0xc0) === 0x80) start++;
  return new TextDecoder().decode(bytes.subarray(start));
}
