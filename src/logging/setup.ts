/**
 * Logging: structured lines on standard error, and in a file when there is one; never on standard output,
 * which belongs to the protocol. What looks like a secret is taken out of every line.
 *
 * @module
 */
import {
  configureSync,
  getLogger,
  type LogLevel,
  type LogRecord,
  type Sink,
  type TextFormatter,
} from "@logtape/logtape";
import { systemClock } from "../core/clock.ts";
import { redactText, withoutSecrets } from "../core/redact.ts";
import { escapeControls, escapeControlsInJson } from "../core/text.ts";
import { LineOutput } from "./line_output.ts";
import { withCorrelation } from "./run_ids.ts";

/** The configuration's part. */
export interface LogSettings {
  readonly level: "debug" | "info" | "warning" | "error";
  /** `auto`: pretty on a terminal, JSON otherwise. */
  readonly format: "auto" | "pretty" | "json";
}

/** Where lines go: standard error, or a test's list. */
export interface LogOutput {
  readonly isTerminal: boolean;
  write(line: string): void;
}

/**
 * Sets logging up for the whole process. Calling it again replaces what was set up before.
 *
 * @param file takes each line for the log file, which is always JSON
 */
export function setUpLogging(
  settings: LogSettings,
  output: LogOutput,
  file?: (line: string) => void,
): void {
  const pretty = settings.format === "pretty" || (settings.format === "auto" && output.isTerminal);
  const format = pretty ? prettyLine : jsonLine;
  const sinks: Record<string, Sink> = { stderr: (record) => output.write(format(record)) };
  if (file !== undefined) sinks.file = (record) => file(jsonLine(record));
  const everywhere = Object.keys(sinks);
  configureSync({
    reset: true,
    sinks,
    loggers: [
      { category: ["bulkhead"], sinks: everywhere, lowestLevel: settings.level satisfies LogLevel },
      // Without a sink of its own, the library's own logger would write to standard output.
      { category: ["logtape", "meta"], sinks: everywhere, lowestLevel: "error" },
    ],
  });
}

const errorLines = new LineOutput(Deno.stderr, (lines) => {
  getLogger(["bulkhead", "logging"]).warn("lines of the log are lost: nobody read standard error", { lines });
});

/** Standard error of this process. Nobody waits for it. */
export const standardError: LogOutput = {
  get isTerminal() {
    return Deno.stderr.isTerminal();
  },
  write: (line) => errorLines.write(line),
};

/**
 * Waits until the log is written, but no longer than `maxMs` milliseconds: the last that a program does.
 */
export async function logWritten(maxMs: number): Promise<void> {
  const tooLong = Promise.withResolvers<void>();
  const cancel = systemClock.after(maxMs, tooLong.resolve);
  await Promise.race([errorLines.written(), tooLong.promise]);
  cancel();
}

/** One JSON object a line (D23). */
const jsonLine: TextFormatter = (record) => {
  const fixed = {
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    logger: record.category.join("."),
    message: messageOf(record),
  };
  // Named once more behind the properties, so that no property takes the place of a fixed field.
  const line = JSON.stringify(
    Object.assign({}, fixed, withCorrelation(record.properties), fixed),
    withoutSecrets,
  );
  return `${escapeControlsInJson(line)}\n`;
};

/** `17:03:21.512 info  run started tool=nmap ...`, for people. */
const prettyLine: TextFormatter = (record) => {
  const time = new Date(record.timestamp).toISOString().slice(11, 23);
  const given = withCorrelation(record.properties);
  const properties = Object.entries(given)
    .map(([key, value]) => [key, withoutSecrets.call(given, key, value)] as const)
    .map(([key, value]) =>
      ` ${key}=${typeof value === "string" ? value : JSON.stringify(value, withoutSecrets)}`
    )
    .join("");
  const line = `${messageOf(record)}${properties}`.replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  return `${time} ${record.level.padEnd(7)} ${escapeControls(line)}\n`;
};

function messageOf(record: LogRecord): string {
  return redactText(record.message.map(String).join(""));
}
