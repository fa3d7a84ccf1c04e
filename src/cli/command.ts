/**
 * What a command of the program is, and how its arguments are read.
 *
 * @module
 */
import { type InferValue, message, type Parser } from "@optique/core";
import { runParserSync } from "@optique/core/facade";

/** Exit codes (DESIGN: "Outcomes, everywhere"); those of refusals stand in `src/core/refusal.ts`. */
export const EXIT = { ok: 0, runFailed: 1, usage: 2, bug: 70 } as const;

/** Where a command writes: the result to stdout, everything else to stderr. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** One command. */
export interface Command {
  readonly name: string;
  /** One line for the overview. */
  readonly brief: string;
  /** Runs it; resolves with the exit code. */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** Thrown to end a command early, once what there is to say has been said. */
export class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}

/**
 * Reads a command's arguments; prints help when it is asked for.
 *
 * @throws {Exit} with 0 after help, with 2 after a usage error
 */
export function readArguments<P extends Parser<"sync", unknown, unknown>>(
  parser: P,
  command: { readonly name: string; readonly brief: string },
  args: readonly string[],
  io: Io,
): InferValue<P> {
  const exit = (code: number) => (): never => {
    throw new Exit(code);
  };
  return runParserSync(parser, `bulkhead ${command.name}`, args, {
    brief: message`${command.brief}`,
    help: { option: true, onShow: exit(EXIT.ok) },
    aboveError: "usage",
    colors: false,
    onError: exit(EXIT.usage),
    stdout: (text) => io.stdout(`${text}\n`),
    stderr: (text) => io.stderr(`${text}\n`),
  });
}
