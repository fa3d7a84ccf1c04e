/**
 * `bulkhead config`: the effective configuration, each value with its source.
 *
 * @module
 */
import { message, object, option } from "@optique/core";
import { configText, describeConfig } from "../config/describe.ts";
import { escapeControls, escapeControlsInJson } from "../core/text.ts";
import { readArguments } from "./arguments.ts";
import { EXIT } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { configFlags, configOptions, serverOptions } from "./options.ts";
import { readSetup } from "../server/setup.ts";

/** Its arguments. */
export const parser = object({
  json: option("--json", { description: message`Print JSON.` }),
  ...serverOptions,
  ...configOptions,
});

/** The command. */
export const run: Command = (invocation) => {
  const { io } = invocation;
  const options = readArguments(parser, invocation);
  // Checked as a whole: what no server would start with is not in effect.
  const { config, configFile: file, sources } = readSetup(configFlags(options), io);
  const shown = { config, file, sources };
  io.stdout(
    options.json
      ? `${escapeControlsInJson(JSON.stringify(describeConfig(shown), null, 2))}\n`
      : escapeControls(configText(shown)),
  );
  return EXIT.ok;
};
