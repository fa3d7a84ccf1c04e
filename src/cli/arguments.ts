/**
 * Reading a command's arguments.
 *
 * @module
 */
import { type InferValue, type Parser, text } from "@optique/core";
import { runParserSync } from "@optique/core/facade";
import { EXIT, Exit } from "../core/exit.ts";
import type { Invocation } from "./command.ts";

/**
 * Reads a command's arguments; prints help when it is asked for.
 *
 * @throws {Exit} with 0 after help, with 2 after a usage error
 */
export function readArguments<P extends Parser<"sync", unknown, unknown>>(
  parser: P,
  { name, brief, args, io }: Invocation,
): InferValue<P> {
  const exit = (code: number) => (): never => {
    throw new Exit(code);
  };
  return runParserSync(parser, `bulkhead ${name}`, args, {
    brief: [text(brief)],
    help: { option: true, onShow: exit(EXIT.ok) },
    aboveError: "usage",
    colors: false,
    onError: exit(EXIT.usage),
    stdout: (text) => io.stdout(`${text}\n`),
    stderr: (text) => io.stderr(`${text}\n`),
  });
}
