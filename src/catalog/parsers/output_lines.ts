/**
 * Reading a program's output line by line.
 *
 * @module
 */
import { cutText } from "./plain_text.ts";

/** No line that a parser knows is longer, in UTF-16 code units; a longer one is not looked at. */
const MAX_LINE_LENGTH = 2000;
/** How many different messages are kept, and how much of each. */
const MAX_MESSAGES = 5;
const MAX_MESSAGE_LENGTH = 300;

/** A text in lines. */
export interface OutputLines {
  /** The lines that are whole: a line feed ends each. Those that are too long are left out. */
  readonly lines: readonly string[];
  /** What follows the last line feed: empty, or a line that was cut or not yet finished. */
  readonly rest: string;
  /** How many lines were left out. */
  readonly dropped: number;
}

/** Splits a text into its lines. */
export function splitLines(text: string): OutputLines {
  const all = text.split("\n").map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
  const rest = all.pop() ?? "";
  const lines = all.filter((line) => line.length <= MAX_LINE_LENGTH);
  return { lines, rest: cutText(rest, MAX_LINE_LENGTH), dropped: all.length - lines.length };
}

/** @returns the messages as one text, each once and only the first few, or null when there is none. */
export function joinMessages(messages: Iterable<string>): string | null {
  const kept = new Set<string>();
  for (const message of messages) {
    const text = cutText(message.trim(), MAX_MESSAGE_LENGTH);
    if (text !== "") kept.add(text);
    if (kept.size === MAX_MESSAGES) break;
  }
  return kept.size === 0 ? null : [...kept].join("; ");
}
