/**
 * Standard output, kept for the one who speaks a protocol there. Whatever else writes to it, a library as a rule, by
 * `console`, `Deno.stdout` or `process.stdout`, is taken aside and reported.
 *
 * What is replaced are methods of objects that there is one of, so that whoever has got hold of `console` or
 * `Deno.stdout` before writes nothing there either, and neither does `process.stdout`, which writes by
 * `Deno.stdout.writeSync`. A function taken off such an object before is out of reach, hence this goes before every
 * other module; so is file descriptor 1 itself, by `node:fs`.
 *
 * @module
 */

const { stdout } = Deno;

/** Standard output as it was found: for a protocol, or the result of a command. */
export const standardOutput = {
  write: stdout.write.bind(stdout),
  writeSync: stdout.writeSync.bind(stdout),
} as const;

/** How much is reported of one thing that was written, in bytes and in characters. */
const MAX_REPORTED = 1000;

/** What `console` has that writes nothing: classes and the like. */
const SILENT = ["Console", "context", "createTask"];

/** What a page asks its user by: it writes the question to standard output. */
const QUESTIONS = ["alert", "confirm", "prompt"];

/** Told of what was written: the beginning of it. */
type StrayListener = (text: string) => void;

let listener: StrayListener = toStandardError;
let isReporting = false;

/** Takes standard output away from everyone but {@link standardOutput}, in this thread and for good. */
export function reserveStandardOutput(): void {
  const takeBytes = (bytes: Uint8Array) => {
    report(new TextDecoder().decode(bytes.subarray(0, MAX_REPORTED)));
    return bytes.length;
  };
  replace(stdout, "writeSync", takeBytes);
  replace(stdout, "write", (bytes: Uint8Array) => Promise.resolve(takeBytes(bytes)));
  replace(stdout, "close", () => {});
  // Made when it is asked for: it would take most of the time that all of this takes.
  let stream: WritableStream<Uint8Array> | null = null;
  const writable = () => stream ??= new WritableStream({ write: (bytes) => void takeBytes(bytes) });
  Object.defineProperty(stdout, "writable", { get: writable, configurable: false });
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(console))) {
    if (typeof value !== "function" || SILENT.includes(name)) continue;
    replace(console, name, (...values: unknown[]) => {
      if (name === "assert" && values[0] || values.length === 0) return;
      report(values.map(shown).join(" "));
    });
  }
  for (const name of QUESTIONS) {
    if (!(name in globalThis)) continue;
    replace(globalThis, name, (question: unknown) => {
      report(shown(question));
      return null;
    });
  }
}

/** Has `to` told of what is taken aside from now on; before, it goes to standard error. */
export function reportStrayOutput(to: StrayListener): void {
  listener = to;
}

/** @throws {TypeError} if there is no way to replace it: better no server than one that may break its protocol */
function replace(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: false, configurable: false });
}

function report(text: string): void {
  // Whoever is told may end up here again.
  if (isReporting) return;
  isReporting = true;
  try {
    listener(text.slice(0, MAX_REPORTED));
  } finally {
    isReporting = false;
  }
}

/** A value as `console` shows it, or nearly. */
function shown(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return Deno.inspect(value, { depth: 2, iterableLimit: 20, strAbbreviateSize: MAX_REPORTED });
  } catch {
    // Whatever it is, it throws when it is looked at.
    return `[${typeof value}]`;
  }
}

/** For as long as there is no log, and for workers, which have none. Nobody waits until it is written. */
function toStandardError(text: string): void {
  const line = text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const bytes = new TextEncoder().encode(`bulkhead: kept from standard output: ${line}\n`);
  Deno.stderr.write(bytes).catch(() => {/* Nobody reads it any more. */});
}
