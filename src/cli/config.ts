/**
 * `bulkhead config`: the effective configuration, each value with its source.
 *
 * @module
 */
import { message, object, option } from "@optique/core";
import { configText, describeConfig } from "../config/describe.ts";
import { loadConfig } from "../config/load.ts";
import { escapeControls, escapeControlsInJson } from "../core/text.ts";
import { readArguments } from "./arguments.ts";
import { type Command, EXIT } from "./command.ts";
import { configFlags, configOptions, serverOptions } from "./options.ts";
import { failed } from "./setup.ts";
import { configWorld } from "./system.ts";

const parser = object({
  json: option("--json", { description: message`Print JSON.` }),
  ...serverOptions,
  ...configOptions,
});

/** The command. */
export const run: Command = (invocation) => {
  const { io } = invocation;
  const options = readArguments(parser, invocation);
  // The configuration alone: why a value is what it is can be seen also while a manifest is wrong.
  const loaded = loadConfig(configFlags(options), configWorld());
  if (!loaded.ok) throw failed(loaded.diagnostics, io);
  io.stdout(
    options.json
      ? `${escapeControlsInJson(JSON.stringify(describeConfig(loaded), null, 2))}\n`
      : escapeControls(configText(loaded)),
  );
  return Promise.resolve(EXIT.ok);
};
