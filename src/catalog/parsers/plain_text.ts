/**
 * Making lines of plain text out of what strangers wrote.
 *
 * A parser's summary is read line by line, so a name that a remote host chose must not be able to add a line of its
 * own or to steer a terminal.
 *
 * @module
 */
import { plural } from "../../core/text.ts";

/** How many lines a summary may have; the object itself holds everything. */
const MAX_SUMMARY_LINES = 200;
/** How long one piece of foreign text in a summary may be, in UTF-16 code units. */
const MAX_PIECE_LENGTH = 300;

/** The text of the bytes, read as UTF-8; what is not UTF-8 becomes U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** @returns at most `maxLength` UTF-16 code units of the text, without splitting a surrogate pair. */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const last = text.charCodeAt(maxLength - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxLength - 1 : maxLength);
}

/** @returns the text as one short piece of a line: no line breaks, no control or direction-changing characters. */
export function onePiece(text: string): string {
  const cut = cutText(text, MAX_PIECE_LENGTH);
  const clean = cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return cut.length < text.length ? `${clean}...` : clean;
}

/** @returns the lines as one text, with the surplus of a very long summary left off and said. */
export function joinSummary(lines: readonly string[]): string {
  if (lines.length <= MAX_SUMMARY_LINES) return lines.join("\n");
  const left = lines.length - MAX_SUMMARY_LINES;
  return [...lines.slice(0, MAX_SUMMARY_LINES), `(${plural(left, "more line")})`].join("\n");
}

/** @returns what was lost, as one sentence for the `incomplete` field, or null when nothing was. */
export function joinLosses(losses: readonly string[]): string | null {
  return losses.length === 0 ? null : losses.join("; ");
}
