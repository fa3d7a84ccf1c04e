/**
 * The command line: the first word chooses the command.
 *
 * @module
 */
import "./quiet_server.ts";
import { FailedRequest } from "../core/failed_request.ts";
import { NAME, VERSION } from "../core/version.ts";
import { logWritten } from "../logging/setup.ts";
import { nearest } from "../documents/nearest.ts";
import { redactText } from "../core/redact.ts";
import { escapeControls, quote } from "../core/text.ts";
import { EXIT, Exit, type Io } from "../core/exit.ts";
import { COMMANDS } from "./commands.ts";

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
    const { run } = await command.load();
    return await run({ args: rest, io, name: command.name, brief: command.brief });
  } catch (error) {
    if (error instanceof Exit) return error.code;
    const { error: what } = FailedRequest.about(error);
    io.stderr(escapeControls(redactText(`bulkhead: internal error: ${what}\n`)));
    return EXIT.bug;
  } finally {
    // The program ends with this, whether somebody reads its log or not.
    await logWritten(LOG_MS);
  }
}

/** How long the log may take to be written at the end, in milliseconds. */
const LOG_MS = 500;

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
