/**
 * `bulkhead permissions`: the exact Deno flags that a configuration needs, and who holds what.
 *
 * @module
 */
import { choice, message, object, option, withDefault } from "@optique/core";
import { confinementSettings, listenerSettings, ownCheckSettings } from "../config/settings.ts";
import { serviceOf } from "../confinement/services.ts";
import { shellWord } from "../core/shell_words.ts";
import { quote } from "../core/text.ts";
import { grantFlags, runGrants, THREADS, workerSourceFolder } from "../confinement/permissions.ts";
import { permissionsPage } from "../confinement/permissions_page.ts";
import { readArguments } from "./arguments.ts";
import { EXIT } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { findPrograms } from "../server/find_programs.ts";
import { commandFolders } from "../server/find_tools.ts";
import { machineOfNow } from "../server/system.ts";
import { configFlags, configOptions, serverOptions } from "./options.ts";
import { readSetup } from "../server/setup.ts";

/** Its arguments. */
export const parser = object({
  format: withDefault(
    option("--format", choice(["flags", "json", "markdown"], { metavar: "flags|json|markdown" }), {
      description: message`How to print them; flags is the default.`,
    }),
    "flags",
  ),
  ...serverOptions,
  ...configOptions,
});

/** The command. */
export const run: Command = (invocation) => {
  const { io } = invocation;
  const options = readArguments(parser, invocation);
  const setup = readSetup(configFlags(options), io);
  const { transport, host, port } = listenerSettings(setup.config);
  const { tools: states, resolver } = findPrograms(setup, machineOfNow(setup, { askPermission: false }));
  const grants = runGrants({
    programs: [
      ...states.flatMap(({ enabled, availability }) =>
        enabled && availability.available ? [availability.path] : []
      ),
      ...(resolver.program === null ? [] : [resolver.program.program]),
    ],
    // A loader or an interpreter is looked at by its name and where it really is.
    readable: [
      ...setup.readable,
      ...commandFolders(setup.tools.filter(({ enabled }) => enabled)),
      ...states.flatMap(({ enabled, looked }) => enabled ? looked : []),
      ...resolver.looked,
      ...states.flatMap(({ tool, enabled }) => enabled ? tool.manifest.forbidden_files : []),
    ],
    writable: setup.writable,
    tier: confinementSettings(setup.config).tier,
    listener: transport === "http" ? { host, port } : null,
    services: ownCheckSettings(setup.config).dependencies.map(serviceOf),
  });
  if (resolver.program === null && setup.policy.allowsNames) {
    io.stderr(`left out: names: ${resolver.whyNot}\n`);
  }
  for (const { tool, enabled, availability } of states) {
    if (enabled && !availability.available) io.stderr(`left out: ${tool.name}: ${availability.reason}\n`);
  }
  // Deno separates the paths of a flag by commas, and its versions disagree about how to write one inside a path.
  const split = Object.values(grants).flatMap((items) => items === true ? [] : items).find((item) =>
    item.includes(",")
  );
  if (split !== undefined) {
    io.stderr(`${quote(split)}: a path with a comma cannot be granted; rename it\n`);
    return EXIT.usage;
  }
  // Its own worker sources are not where those of a checkout are.
  if (workerSourceFolder() === null) {
    io.stderr(
      "this executable needs no flags, its permissions are compiled in; for a start from source print them there: " +
        "deno run -P=inspect main.ts permissions\n",
    );
  }
  const flags = grantFlags(grants);
  if (options.format === "flags") io.stdout(`${flags.map(shellWord).join(" ")}\n`);
  else if (options.format === "json") {
    io.stdout(`${JSON.stringify({ flags, grants, threads: THREADS }, null, 2)}\n`);
  } else io.stdout(permissionsPage(grants));
  return EXIT.ok;
};
