/**
 * `bulkhead tools`: the catalog, or the manual of one tool.
 *
 * @module
 */
import { argument, message, object, option, optional } from "@optique/core";
import { confinementSettings } from "../config/settings.ts";
import { systemClock } from "../core/clock.ts";
import { REFUSAL_ANSWERS } from "../core/refusal.ts";
import { toolInformation } from "../runs/describe_tool.ts";
import { manualOf } from "../runs/manual.ts";
import { Registry } from "../runs/registry.ts";
import { findTool, type ToolboxEntry, unavailability } from "../runs/toolbox.ts";
import { readArguments } from "./arguments.ts";
import { EXIT } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { findTools } from "../server/find_tools.ts";
import { configFlags, configOptions, toolName } from "./options.ts";
import { readSetup } from "../server/setup.ts";
import { machineOfNow } from "../server/system.ts";

/** Its arguments. */
export const parser = object({
  name: optional(
    argument(toolName("NAME"), { description: message`The tool whose manual to print.` }),
  ),
  json: option("--json", { description: message`Print JSON.` }),
  ...configOptions,
});

/** The command. */
export const run: Command = (invocation) => {
  const { io } = invocation;
  const options = readArguments(parser, invocation);
  const setup = readSetup(configFlags(options), io);
  const states = findTools(setup, machineOfNow(setup, { askPermission: true }));
  // Nothing is executed here, so nothing is made to execute it with.
  const registry = new Registry(states, { clock: systemClock, random: Math.random, equip: () => null });
  const toolbox = registry.tools;
  if (options.name === undefined) {
    const entries = [...toolbox.values()];
    io.stdout(
      options.json
        ? `${
          JSON.stringify({ tools: entries.map((entry) => toolInformation(entry, setup.policy)) }, null, 2)
        }\n`
        : `${entries.map(line).join("")}\nbulkhead tools NAME prints the manual of one.\n`,
    );
    return EXIT.ok;
  }
  const found = findTool(toolbox, options.name);
  if (!found.ok) {
    io.stderr(`${found.refusal.error}\n${found.refusal.remedy}\n`);
    return REFUSAL_ANSWERS[found.refusal.condition].exitCode;
  }
  io.stdout(
    options.json
      ? `${JSON.stringify(toolInformation(found.value, setup.policy), null, 2)}\n`
      : manualOf(found.value, setup.policy, confinementSettings(setup.config).tier),
  );
  return EXIT.ok;
};

function line(entry: ToolboxEntry): string {
  const { tool, enabled, availability } = entry;
  const name = `${tool.name.padEnd(12)} ${tool.manifest.title.padEnd(24)} `;
  const below = (text: string) => `${" ".repeat(name.length)}${text}\n`;
  if (!enabled) return `${name}disabled by tools.include and tools.exclude\n`;
  const missing = unavailability(entry);
  if (missing === null) return `${name}available: ${availability.path}\n`;
  return `${name}unavailable: ${missing.reason}\n${below(missing.remedy)}`;
}
