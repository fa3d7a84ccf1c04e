/**
 * Words as a shell reads them: for what a person is to copy, and for what a person is to judge.
 *
 * @module
 */

/** As it is, or in single quotes for a POSIX shell. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9@%_+=:,.\/\[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * A command for a person to judge: one line of printable ASCII that stands for exactly these words.
 *
 * A word that holds anything else is written as bash's `$'...'` (bash(1), QUOTING), so that no control character, no
 * invisible one and no letter that only looks like another can show a command that is not the one that is run.
 */
export function shownCommand(argv: readonly string[]): string {
  return argv.map((word) => /^[\x20-\x7e]*$/.test(word) ? shellWord(word) : escapedWord(word)).join(" ");
}

function escapedWord(word: string): string {
  const escaped = word.replace(/['\\]/g, "\\$&").replace(/[^\x20-\x7e]/gu, (character) => {
    const hex = character.codePointAt(0)!.toString(16);
    return hex.length > 4 ? `\\U${hex.padStart(8, "0")}` : `\\u${hex.padStart(4, "0")}`;
  });
  return `$'${escaped}'`;
}
