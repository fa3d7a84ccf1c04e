/**
 * What a command of the program is.
 *
 * @module
 */
import type { Io } from "../core/exit.ts";

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
