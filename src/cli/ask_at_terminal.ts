/**
 * Asking for leave at the terminal that `bulkhead call` was started from.
 *
 * @module
 */
import { type AskPerson, describeQuestion } from "../runs/question.ts";

/** A terminal with a person at it. */
export interface Terminal {
  write(text: string): void;
  /** Reads what was typed, a line at most at a time; null at the end of input (Ctrl-D). */
  read(buffer: Uint8Array): Promise<number | null>;
}

/** The longest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 256;

/** The terminal of this process, or null when nobody could read a question there or type an answer. */
export function ownTerminal(write: (text: string) => void): Terminal | null {
  if (!Deno.stdin.isTerminal() || !Deno.stderr.isTerminal()) return null;
  return { write, read: (buffer) => Deno.stdin.read(buffer) };
}

/** Asks at a terminal: only the whole word `yes` is leave, and the end of input is no answer. */
export function askAt(terminal: Terminal): AskPerson {
  return async (question, signal) => {
    terminal.write(
      `This run is intrusive, and starts only with your leave:\n\n${describeQuestion(question)}\n\n` +
        "Type yes to run it, anything else to refuse: ",
    );
    // What was typed stands behind the question; when it ends without an answer, the next message gets its own line.
    const onEnd = () => terminal.write("\n");
    signal.addEventListener("abort", onEnd, { once: true });
    const answer = await readAnswer(terminal);
    signal.removeEventListener("abort", onEnd);
    if (answer === null) terminal.write("\n");
    return answer === null ? "unanswered" : answer.trim() === "yes" ? "approved" : "declined";
  };
}

/** One line, or null when the input ended before it did. Of a line that is too long the beginning is no `yes` either. */
async function readAnswer(terminal: Terminal): Promise<string | null> {
  const bytes = new Uint8Array(MAX_ANSWER_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const read = await terminal.read(bytes.subarray(length));
    if (read === null) return null;
    length += read;
    const end = bytes.subarray(0, length).indexOf(0x0a);
    if (end >= 0) return new TextDecoder().decode(bytes.subarray(0, end));
  }
  return "";
}
