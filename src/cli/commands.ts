/**
 * The commands of the program, as data.
 *
 * @module
 */
import type { Parser } from "@optique/core";
import type { Command } from "./command.ts";

/** A command: its module is loaded only when it is the one, because each brings its own packages. */
export interface CommandEntry {
  readonly name: string;
  /** One line for the overview. */
  readonly brief: string;
  load(): Promise<CommandModule>;
}

/** What a command's module has. */
export interface CommandModule {
  readonly run: Command;
  /** What its arguments are read by. */
  readonly parser: Parser<"sync", unknown, unknown>;
}

/** The commands in the order of the overview. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "serve",
    brief: "Serves MCP clients over stdio or HTTP",
    load: () => import("./serve.ts"),
  },
  {
    name: "call",
    brief: "Runs one tool once and prints the result",
    load: () => import("./call.ts"),
  },
  {
    name: "tools",
    brief: "Lists the tools, or prints the manual of one",
    load: () => import("./tools.ts"),
  },
  {
    name: "check",
    brief: "Validates the configuration and the manifests",
    load: () => import("./check.ts"),
  },
  {
    name: "config",
    brief: "Prints the effective configuration, each value with its source",
    load: () => import("./config.ts"),
  },
  {
    name: "permissions",
    brief: "Prints the exact Deno flags that this configuration needs",
    load: () => import("./permissions.ts"),
  },
  {
    name: "doctor",
    brief: "Says what this machine gives, and proves what is kept from whom",
    load: () => import("./doctor.ts"),
  },
  {
    name: "schema",
    brief: "Prints the JSON Schema of manifests or of the configuration, for editors",
    load: () => import("./schema.ts"),
  },
  {
    name: "completions",
    brief: "Prints the completions for a shell: bash, zsh or fish",
    load: () => import("./completions.ts"),
  },
];
