/**
 * `bulkhead schema`: JSON Schemas for editors.
 *
 * @module
 */
import { argument, choice, object } from "@optique/core";
import { z } from "zod";
import { manifestSchema } from "../catalog/manifest.ts";
import { configSchema } from "../config/schema.ts";
import { type Command, EXIT, readArguments } from "./command.ts";

const SCHEMAS = { manifest: manifestSchema, config: configSchema } as const;

const parser = object({ which: argument(choice(["manifest", "config"], { metavar: "manifest|config" })) });

/** The command. */
export const schema: Command = {
  name: "schema",
  brief: "Prints the JSON Schema of manifests or of the configuration, for editors.",
  run(args, io) {
    const { which } = readArguments(parser, schema, args, io);
    // An editor checks what is written, before defaults are filled in.
    io.stdout(`${JSON.stringify(z.toJSONSchema(SCHEMAS[which], { io: "input" }), null, 2)}\n`);
    return Promise.resolve(EXIT.ok);
  },
};
