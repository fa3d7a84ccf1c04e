/**
 * `bulkhead check`: validates the configuration and the manifests, and starts nothing.
 *
 * @module
 */
import { object } from "@optique/core";
import { confinementSettings } from "../config/settings.ts";
import { escapeLine, plural } from "../core/text.ts";
import { unenforced } from "../runs/unenforced.ts";
import { readArguments } from "./arguments.ts";
import { EXIT } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { configFlags, configOptions } from "./options.ts";
import { doubtfulChecks } from "../server/doubtful_checks.ts";
import { readTokens } from "../server/read_tokens.ts";
import { readSetup } from "../server/setup.ts";

/** Its arguments. */
export const parser = object(configOptions);

/** The command. */
export const run: Command = async (invocation) => {
  const { io } = invocation;
  const setup = readSetup(configFlags(readArguments(parser, invocation)), io);
  for (const { tool } of setup.tools) {
    for (const text of unenforced(tool.manifest, confinementSettings(setup.config).tier)) {
      io.stderr(`${tool.file}: warning: declared, but not enforced: ${text}\n`);
    }
  }
  for (const { name, reason } of doubtfulChecks(setup)) {
    io.stderr(`health.checks: warning: ${name} cannot succeed as it is configured: ${escapeLine(reason)}\n`);
  }
  const tokens = await readTokens(setup, io);
  const enabled = setup.tools.filter((tool) => tool.enabled).length;
  io.stdout(
    `configuration: ${setup.configFile ?? "defaults"}: ok\n` +
      `manifests: ${plural(setup.tools.length, "tool")}, ${enabled} enabled: ok\n` +
      (tokens === null ? "" : `tokens: ${tokens.size}: ok\n`) +
      `allowed targets: ${setup.policy.describe()}\n`,
  );
  return EXIT.ok;
};
