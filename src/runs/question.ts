/**
 * The question that a person is asked before an intrusive run. How it reaches the person is the adapters' part.
 *
 * @module
 */
import { shownCommand } from "../core/shell_words.ts";
import { escapeLine } from "../core/text.ts";

/** What a person is to decide about: one run, exactly as it would be started. */
export interface ApprovalQuestion {
  readonly tool: string;
  /** The normalised target, or null. */
  readonly target: string | null;
  /** What in this run needs leave; never empty. */
  readonly intrusive: readonly string[];
  /** The program's path, then its arguments. */
  readonly argv: readonly string[];
}

/**
 * What came of a question.
 *
 * - `approved`: the person chose to run it, in so many words
 * - `declined`: the person chose not to
 * - `unanswered`: nobody made a choice: dismissed, out of time, an answer that makes no sense, or an error on the way
 * - `busy`: it was not asked, because another question to the same person is open
 */
export type ApprovalAnswer = "approved" | "declined" | "unanswered" | "busy";

/**
 * Asks the person behind one caller.
 *
 * @param signal aborted when the question is no longer open; whatever is answered later counts for nothing
 */
export type AskPerson = (question: ApprovalQuestion, signal: AbortSignal) => Promise<ApprovalAnswer>;

/**
 * What the person is shown of the run. Each line is printable, and indented by four spaces: a client that renders
 * Markdown shows such lines as they are (CommonMark 0.31, 4.4), and nothing in an argument can hide another one.
 */
export function describeQuestion({ tool, target, intrusive, argv }: ApprovalQuestion): string {
  const lines = [
    ["tool", tool],
    ...(target === null ? [] : [["target", target]]),
    ["intrusive", intrusive.join(", ")],
    ["command", shownCommand(argv)],
  ];
  return lines.map(([name, value]) => `    ${`${name}:`.padEnd(11)}${escapeLine(value!)}`).join("\n");
}
