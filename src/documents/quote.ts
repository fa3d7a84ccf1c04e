/**
 * Untrusted text inside messages: escaped, so that it cannot drive a terminal or forge a line, and cut.
 *
 * @module
 */

/** How many characters of a value a message shows. */
export const QUOTED_CHARACTERS = 60;

// Format characters (Cf) are escaped too: bidirectional overrides make a line read as something else.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escapeCharacter(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  return SHORT_ESCAPES[character] ?? (hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`);
}

/** Replaces every character that is not printable by its escape sequence; nothing is cut. */
export function escapeText(text: string): string {
  return text.replace(UNPRINTABLE, escapeCharacter);
}

/** Quotes text for a message: `"…"` with escapes, cut to {@link QUOTED_CHARACTERS} characters. */
export function quoteText(text: string): string {
  // A character is at most two UTF-16 units, so this slice keeps enough, and the spread stays small for a huge text.
  const characters = [...text.slice(0, 2 * QUOTED_CHARACTERS + 2)];
  const kept = characters.slice(0, QUOTED_CHARACTERS).join("");
  const quoted = escapeText(kept.replace(/["\\]/g, "\\$&"));
  return `"${quoted}${characters.length > QUOTED_CHARACTERS ? "…" : ""}"`;
}

/** Names a value for a message: scalars as they are (text quoted and cut), collections by their kind. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return quoteText(value);
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  return String(value);
}
