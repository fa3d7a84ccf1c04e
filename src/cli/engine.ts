/**
 * Starting the engine: find the programs, start the confinement, give every permission up.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { programCandidates } from "../catalog/program.ts";
import { RESOLVER } from "../catalog/resolver_program.ts";
import { Confinement, NotConfined, type ToolToConfine } from "../confinement/confinement.ts";
import { executableFiles } from "../confinement/executable_files.ts";
import { LIBC_PATHS } from "../confinement/linux/kernel.ts";
import { giveUpPermissions, mayRun, workerSourceFolder } from "../confinement/permissions.ts";
import { systemClock } from "../core/clock.ts";
import { setUpLogging, standardError } from "../logging/setup.ts";
import type { Endpoint, FileFact } from "../policy/facts.ts";
import type { BreakerTransition } from "../resilience/circuit_breaker.ts";
import { Pipeline } from "../runs/pipeline.ts";
import { Resolver } from "../runs/resolver.ts";
import { Registry } from "../runs/registry.ts";
import type { Toolbox } from "../runs/toolbox.ts";
import { EXIT, Exit, type Io } from "./command.ts";
import { InEffect } from "./in_effect.ts";
import { findTools, type FoundTool } from "./find_tools.ts";
import type { Setup } from "./setup.ts";
import { findResolverProgram, machineFiles, machineOfNow, ownUser } from "./system.ts";

/** A running engine. */
export interface Engine {
  readonly inEffect: InEffect;
  readonly registry: Registry;
  readonly toolbox: Toolbox;
  readonly pipeline: Pipeline;
  readonly confinement: Confinement;
  readonly found: readonly FoundTool[];
  /** Says where the server itself listens: nothing is aimed there. */
  listens(endpoint: Endpoint): void;
  /** Gives up every permission of this thread. The listener, if there is one, is bound before. */
  seal(): Promise<void>;
  /**
   * Waits until the tier is decided.
   *
   * @throws {Exit} with 2 when the one that was asked for is not to be had
   */
  confined(): Promise<void>;
  /** Ends the compartments, and with them whatever still runs. */
  close(): Promise<void>;
}

/**
 * Starts the engine.
 *
 * @param only the one tool that is wanted, or null for all
 * @throws {Exit} with 2 when there is nowhere to keep state
 */
export function startEngine(setup: Setup, only: string | null, io: Io): Engine {
  const states = findTools(setup, machineOfNow(setup, { askPermission: true }));
  const resolver = findResolver(setup);
  // Every path that may have been granted for a tool, found there or not.
  const commands = [...states.map(({ tool }) => tool.manifest.command), RESOLVER.command];
  const programs = commands.flatMap(programCandidates);
  const confinement = startConfinement(setup, [...wanted(states, only), ...resolver.programs], io);
  const names = new Resolver(confinement.tools.get(RESOLVER.name) ?? null, resolver.whyNot, systemClock);
  let ownListener: Endpoint | null = null;
  const inEffect = new InEffect(setup);
  const registry = new Registry(states, {
    clock: systemClock,
    random: Math.random,
    equip: ({ tool }) => confinement.tools.get(tool.name) ?? null,
    onTransition: logTransition,
  });
  const pipeline = new Pipeline({
    toolbox: registry.tools,
    rules: () => inEffect.rules,
    clock: systemClock,
    lookups: {
      resolve: (name, signal) => names.resolve(name, signal),
      inspect: (name) => inspect(confinement, name),
      ownListener: () => ownListener,
    },
    enforced: async () => {
      const { tier, kernel } = await confinement.decided;
      return { tier, treeCeilings: kernel?.cgroup ?? [] };
    },
    record: () => {},
  });
  return {
    inEffect,
    registry,
    toolbox: registry.tools,
    pipeline,
    confinement,
    found: states,
    listens(endpoint) {
      ownListener = endpoint;
    },
    async seal() {
      // In an executable the workers have all that they need; sources are read with this thread's permission.
      if (workerSourceFolder() !== null) await confinement.upright;
      await giveUpPermissions(programs, [...setup.readable, ...setup.writable]);
    },
    async confined() {
      try {
        const { fallback } = await confinement.decided;
        if (fallback === null) return;
        logger.warn("tier basic: programs run without limits of the kernel", { reason: fallback });
      } catch (error) {
        throw notConfined(error, io);
      }
    },
    close: () => confinement.close(),
  };
}

/** The resolver's program, when a name is allowed at all; and why there is none otherwise. */
function findResolver(
  setup: Setup,
): { readonly programs: readonly ToolToConfine[]; readonly whyNot: string } {
  const none = (whyNot: string) => ({ programs: [], whyNot });
  if (!setup.policy.allowsNames) return none("no name is allowed");
  const { tier } = setup.config.confinement;
  const found = findResolverProgram();
  if (found.status !== "found") return none(`${found.reason}. ${found.remedy}`);
  const { path } = found;
  if (!mayRun(path)) return none(`the permission to run ${path} is not granted`);
  const closure = tier === "basic" ? { ok: true, files: [] } as const : executableFiles([path], machineFiles);
  if (!closure.ok) return none(`${closure.reason}. ${closure.remedy}`);
  const { name } = RESOLVER;
  const tool = { name, program: path, executables: closure.files, capabilities: [] };
  return { programs: [tool], whyNot: "" };
}

/** A file in the folders of word lists, as plans want to know it. */
async function inspect(confinement: Confinement, name: string): Promise<FileFact> {
  try {
    return { ok: true, ...await confinement.scribe.inspect(name) };
  } catch (error) {
    const remedy = "A person names the folders in tools.wordlist_dirs; give a file's name as it is there.";
    return { ok: false, reason: (error as Error).message, remedy };
  }
}

function wanted(states: readonly FoundTool[], only: string | null): ToolToConfine[] {
  return states.flatMap(({ tool, enabled, availability, executables }) => {
    if (!enabled || !availability.available || (only !== null && only !== tool.name)) return [];
    return [{
      name: tool.name,
      program: availability.path,
      executables,
      capabilities: availability.capabilities,
    }];
  });
}

const logger = getLogger(["bulkhead", "confinement"]);
const toolLogger = getLogger(["bulkhead", "tools"]);

function logTransition(tool: string, { from, to, cause }: BreakerTransition): void {
  const about = { tool, from, to, cause };
  if (to === "open") toolLogger.warn("circuit breaker opened", about);
  else toolLogger.info(`circuit breaker ${to === "closed" ? "closed" : "half open"}`, about);
}

function startConfinement(setup: Setup, tools: readonly ToolToConfine[], io: Io): Confinement {
  const { stateFolder, config } = setup;
  if (stateFolder === null) {
    io.stderr("there is no folder for state: set confinement.state_dir, XDG_STATE_HOME or HOME\n");
    throw new Exit(EXIT.usage);
  }
  try {
    const confinement = new Confinement({
      tier: config.confinement.tier,
      tools,
      stateFolder,
      uid: ownUser(),
      logFile: setup.logFile,
      wordListFolders: config.tools.wordlist_dirs,
      libc: LIBC_PATHS,
      sources: workerSourceFolder(),
      clock: systemClock,
    });
    const { scribe } = confinement;
    if (setup.logFile !== null) setUpLogging(config.logging, standardError, (line) => scribe.writeLog(line));
    return confinement;
  } catch (error) {
    throw notConfined(error, io);
  }
}

/** The end of a start whose confinement is not to be had; any other error is a bug and stays one. */
function notConfined(error: unknown, io: Io): unknown {
  if (!(error instanceof NotConfined)) return error;
  io.stderr(`${error.message}\n`);
  return new Exit(EXIT.usage);
}
