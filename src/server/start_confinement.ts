/**
 * Starting the confinement of an engine: what is confined, what the scribe may read later, and what is said when none is
 * to be had.
 *
 * @module
 */
import type { Availability } from "../catalog/availability.ts";
import { PROGRAM_FOLDERS } from "../catalog/program.ts";
import { confinementSettings, folderSettings } from "../config/settings.ts";
import { Confinement, NotConfined, type ToolToConfine } from "../confinement/confinement.ts";
import { LIBC_PATHS } from "../confinement/linux/kernel.ts";
import { workerSourceFolder } from "../confinement/permissions.ts";
import { systemClock } from "../core/clock.ts";
import { EXIT, Exit, type Io } from "../core/exit.ts";
import type { Found } from "./find_programs.ts";
import { findResolver } from "./find_resolver.ts";
import { commandFolders, type FoundTool, type Machine, type SelfFacts } from "./find_tools.ts";
import type { Setup } from "./setup.ts";

/**
 * What is confined from the start.
 *
 * @param only the one tool that is wanted, or null for all
 */
export function confinedFirst({ tools, resolver }: Found, only: string | null): ToolToConfine[] {
  return [
    ...tools.flatMap((tool) => {
      const { enabled, availability } = tool;
      const isWanted = enabled && (only === null || only === tool.tool.name);
      return isWanted && availability.available ? [toConfine(tool, availability)] : [];
    }),
    ...(resolver.program === null ? [] : [resolver.program]),
  ];
}

/** What confining a tool takes. */
export function toConfine(
  { tool, executables }: FoundTool,
  { path, capabilities }: Extract<Availability, { available: true }>,
): ToolToConfine {
  return { name: tool.name, program: path, executables, capabilities };
}

/** What is asked about again while the server runs, as far as this thread may hand it on. */
export function readableLater(setup: Setup, { tools, resolver }: Found, machine: Machine): string[] {
  // Names may be allowed later.
  const withNames = findResolver({ config: setup.config, policy: { allowsNames: true } }, machine);
  const paths = new Set([
    ...setup.readable,
    ...PROGRAM_FOLDERS,
    ...commandFolders(setup.tools),
    ...[...tools, resolver, withNames].flatMap(({ dependsOn }) => dependsOn),
  ]);
  return [...paths].filter((path) => Deno.permissions.querySync({ name: "read", path }).state === "granted");
}

/**
 * Starts it.
 *
 * @param tools what is confined from the start
 * @param onDeath told of a tool that can run no more
 * @throws {Exit} with 2 when there is nowhere to keep state, or no beginning is possible
 */
export function startConfinement(
  setup: Setup,
  tools: readonly ToolToConfine[],
  self: SelfFacts,
  onDeath: () => void,
  io: Io,
): Confinement {
  const { stateFolder, config } = setup;
  if (stateFolder === null) {
    io.stderr("there is no folder for state: set confinement.state_dir, XDG_STATE_HOME or HOME\n");
    throw new Exit(EXIT.usage);
  }
  try {
    return new Confinement({
      tier: confinementSettings(config).tier,
      tools,
      programs: [...self.granted],
      stateFolder,
      uid: self.self.uid,
      readable: self.readable,
      logFile: setup.logFile,
      wordListFolders: folderSettings(config).wordListFolders,
      libc: LIBC_PATHS,
      sources: workerSourceFolder(),
      clock: systemClock,
      onDeath,
    });
  } catch (error) {
    throw notConfined(error, io);
  }
}

/** The end of a start whose confinement is not to be had; any other error is a bug and stays one. */
export function notConfined(error: unknown, io: Io): unknown {
  if (!(error instanceof NotConfined)) return error;
  io.stderr(`${error.message}\n`);
  return new Exit(EXIT.usage);
}
