/**
 * The command line: the first word chooses the command.
 *
 * @module
 */
import { NAME, VERSION } from "../core/version.ts";
import { nearest } from "../documents/nearest.ts";
import { quote } from "../core/text.ts";
import { call } from "./call.ts";
import { check } from "./check.ts";
import { type Command, EXIT, Exit, type Io } from "./command.ts";
import { permissions } from "./permissions.ts";
import { schema } from "./schema.ts";
import { serve } from "./serve.ts";
import { tools } from "./tools.ts";

/** The commands in the order of the overview. */
const COMMANDS: readonly Command[] = [serve, call, tools, check, permissions, schema];

/** Runs the program; resolves with its exit code. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const [word, ...rest] = args;
  if (word === "--version" || word === "-V") {
    io.stdout(`${NAME} ${VERSION}\n`);
    return EXIT.ok;
  }
  if (word === "--help" || word === "-h" || word === "help") {
    io.stdout(overview());
    return EXIT.ok;
  }
  if (word === undefined) {
    io.stderr(overview());
    return EXIT.usage;
  }
  const command = COMMANDS.find(({ name }) => name === word);
  if (command === undefined) {
    const near = nearest(word, COMMANDS.map(({ name }) => name));
    const hint = near === null ? "see bulkhead --help" : `did you mean ${near}?`;
    io.stderr(`bulkhead: there is no command ${quote(word)}; ${hint}\n`);
    return EXIT.usage;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (error instanceof Exit) return error.code;
    io.stderr(`bulkhead: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.bug;
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, brief }) => `  ${name.padEnd(width)}  ${brief}`);
  return [
    "Bulkhead turns command-line network tools into MCP tools that an AI agent can be trusted with.",
    "",
    "Usage: bulkhead COMMAND [OPTIONS]",
    "       bulkhead COMMAND --help",
    "       bulkhead --version",
    "",
    ...lines,
    "",
  ].join("\n");
}
