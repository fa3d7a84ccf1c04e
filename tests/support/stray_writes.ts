/**
 * Writing to standard output in every way that a library may, each with a mark of its own.
 *
 * @module
 */
import nodeConsole from "node:console";
import process from "node:process";

/** What `console` has that writes to standard output. */
const METHODS = [
  "log",
  "info",
  "debug",
  "dir",
  "dirxml",
  "table",
  "count",
  "group",
  "groupCollapsed",
  "timeLog",
  "timeEnd",
] as const;

/** The marks that {@link writeEverywhere} leaves. */
export function marksOf(when: string): string[] {
  const others = ["writeSync", "write", "writable", "process", "nodeConsole", "newConsole", "newStdio"];
  return [...METHODS, ...others].map((way) => `stray:${when}:${way}:`);
}

/** What was got hold of when this module was loaded. */
const { stdout } = Deno;
const held = console;

/** Writes in all of these ways. */
export async function writeEverywhere(when: string): Promise<void> {
  const mark = (way: string) => `stray:${when}:${way}:\u001b[2J\n{"jsonrpc": "2.0"}\n`;
  const bytes = (way: string) => new TextEncoder().encode(mark(way));
  for (const name of METHODS) {
    if (name.startsWith("time")) held.time(mark(name));
    held[name](mark(name));
  }
  held.log(mark("log"), { more: [1, 2] });
  held.log();
  held.groupEnd();
  held.clear();
  stdout.writeSync(bytes("writeSync"));
  await Deno.stdout.write(bytes("write"));
  const writer = Deno.stdout.writable.getWriter();
  await writer.write(bytes("writable"));
  writer.releaseLock();
  process.stdout.write(mark("process"));
  nodeConsole.log(mark("nodeConsole"));
  new nodeConsole.Console(process.stdout).log(mark("newConsole"));
  new nodeConsole.Console({ stdout: process.stdout, stderr: process.stderr }).info(mark("newStdio"));
  stdout.close();
}
