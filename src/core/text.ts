/**
 * Showing untrusted text: a program's output and a caller's words must not steer a terminal, a log or a reader.
 *
 * @module
 */

/**
 * What is never shown raw: control characters, format characters (bidirectional overrides make a line read as
 * something else, zero-width ones hide text), lone surrogates, line and paragraph separators (Unicode UTS 39).
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** How many characters of a value a message shows. */
export const QUOTED_CHARACTERS = 60;

function escapeCharacter(character: string): string {
  const hex = character.codePointAt(0)!.toString(16);
  return SHORT_ESCAPES[character] ?? (hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`);
}

/** Escapes every character that is not printable: the text becomes one line. Nothing is cut. */
export function escapeLine(text: string): string {
  return text.replace(UNPRINTABLE, escapeCharacter);
}

/** The same for text of several lines: newlines and tabs stay. */
export function escapeControls(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => character === "\n" || character === "\t" ? character : escapeCharacter(character),
  );
}

/** The same for text that is JSON already: what it holds raw becomes `\uNNNN`, and the value stays what it was. */
export function escapeControlsInJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) =>
    character === "\n" ? character : Array.from(
      { length: character.length },
      (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`,
    ).join(""));
}

/** Whether `text` holds a control character (C0, DEL or C1), newlines and tabs included. */
export function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Text in quotation marks for a message: one line, escaped, cut at {@link QUOTED_CHARACTERS} characters. */
export function quote(text: string): string {
  // A character is at most two UTF-16 units, so this slice keeps enough, and the spread stays small for a huge text.
  const characters = [...text.slice(0, 2 * QUOTED_CHARACTERS + 2)];
  const kept = characters.slice(0, QUOTED_CHARACTERS).join("");
  const quoted = escapeLine(kept.replace(/["\\]/g, "\\$&"));
  return `"${quoted}${characters.length > QUOTED_CHARACTERS ? "…" : ""}"`;
}

/** `1 host`, `2 hosts`: a count with its noun. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}

/** What is wrong and what to do, as two sentences: the first ends as it likes, such as with a question mark. */
export function withRemedy(error: string, remedy: string): string {
  return `${error}${/[.?!]$/.test(error) ? "" : "."} ${remedy}`;
}
