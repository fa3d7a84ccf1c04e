/**
 * Showing untrusted text: a program's output and a caller's words must not steer a terminal, a log or a reader.
 *
 * @module
 */

/**
 * Control characters (C0 but tab and newline, DEL, C1), and the invisible characters that reorder or hide text:
 * bidirectional controls, zero-width characters, line separators, byte order marks and tags (Unicode TR 36, UTS 39).
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Shows what should not be seen raw as `\xNN` or `\u{N}`. Tabs and newlines stay. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (char) => {
    const code = char.codePointAt(0)!;
    const hex = code.toString(16);
    return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
  });
}

/** The same for text that is JSON already: what it holds raw becomes `\uNNNN`, and the value stays what it was. */
export function escapeControlsInJson(json: string): string {
  return json.replace(
    UNSAFE,
    (char) =>
      Array.from(
        { length: char.length },
        (_, unit) => `\\u${char.charCodeAt(unit).toString(16).padStart(4, "0")}`,
      )
        .join(""),
  );
}

/** Whether `text` holds a control character (C0, DEL or C1), newlines and tabs included. */
export function hasControls(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /[\u0000-\u001f\u007f-\u009f]/.test(text);
}

/** A value in quotation marks for an error message: one line, escaped, cut at 60 characters. */
export function quote(value: string): string {
  const short = value.length > 60 ? `${value.slice(0, 57)}...` : value;
  return JSON.stringify(escapeControls(short));
}

/** `1 host`, `2 hosts`: a count with its noun. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}
