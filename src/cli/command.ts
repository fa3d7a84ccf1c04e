/**
 * What a command of the program is.
 *
 * @module
 */

/** Exit codes (DESIGN: "Outcomes, everywhere"); those of refusals stand in `src/core/refusal.ts`. */
export const EXIT = { ok: 0, runFailed: 1, usage: 2, bug: 70 } as const;

/** Where a command writes: the result to stdout, everything else to stderr. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** One call of a command. */
export interface Invocation {
  /** The command's name, and what it does in one line. */
  readonly name: string;
  readonly brief: string;
  /** What stands behind the name. */
  readonly args: readonly string[];
  readonly io: Io;
}

/** A command; what it returns, or resolves with, is the exit code. */
export type Command = (invocation: Invocation) => number | Promise<number>;

/** Thrown to end a command early, once what there is to say has been said. */
export class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}
