/**
 * `bulkhead schema`: JSON Schemas for editors.
 *
 * @module
 */
import { argument, choice, object } from "@optique/core";
import * as z from "zod";
import { manifestSchema } from "../catalog/manifest.ts";
import { configSchema } from "../config/schema.ts";
import { readArguments } from "./arguments.ts";
import { EXIT } from "../core/exit.ts";
import type { Command } from "./command.ts";

const SCHEMAS = { manifest: manifestSchema, config: configSchema } as const;

/** Its arguments. */
export const parser = object({
  which: argument(choice(["manifest", "config"], { metavar: "manifest|config" })),
});

/** The command. */
export const run: Command = (invocation) => {
  const { io } = invocation;
  const { which } = readArguments(parser, invocation);
  // An editor checks what is written, before defaults are filled in.
  io.stdout(`${JSON.stringify(z.toJSONSchema(SCHEMAS[which], { io: "input" }), null, 2)}\n`);
  return EXIT.ok;
};
