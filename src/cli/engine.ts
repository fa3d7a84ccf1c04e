/**
 * Starting the engine: find the programs, start the confinement, give every permission up.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { checkAvailability } from "../catalog/availability.ts";
import { programCandidates } from "../catalog/program.ts";
import { RESOLVER } from "../catalog/resolver_program.ts";
import { Confinement, NotConfined, type ToolToConfine } from "../confinement/confinement.ts";
import { executableFiles } from "../confinement/executable_files.ts";
import { LIBC_PATHS } from "../confinement/linux/kernel.ts";
import { giveUpPermissions, mayRun, workerSourceFolder } from "../confinement/permissions.ts";
import { systemClock } from "../core/clock.ts";
import { setUpLogging, standardError } from "../logging/setup.ts";
import type { Endpoint, FileFact } from "../policy/facts.ts";
import { Pipeline } from "../runs/pipeline.ts";
import { Resolver } from "../runs/resolver.ts";
import { makeToolbox, type Toolbox, type ToolState } from "../runs/toolbox.ts";
import { EXIT, Exit, type Io } from "./command.ts";
import type { Setup } from "./setup.ts";
import { availabilityWorld, findResolverProgram, ownUser, programReader } from "./system.ts";

/** A running engine. */
export interface Engine {
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

/** A tool, and every file that starting it executes. */
export interface FoundTool extends ToolState {
  readonly executables: readonly string[];
  /** The paths that were looked at to find them, links included: they must be readable. */
  readonly looked: readonly string[];
}

/** Finds out which tools can be used here. */
export function findTools(setup: Setup, options: { readonly askPermission: boolean }): Promise<FoundTool[]> {
  const { tier } = setup.config.confinement;
  const world = availabilityWorld({ ...options, tier, tools: setup.tools.map(({ tool }) => tool) });
  return Promise.all(setup.tools.map(async ({ tool, enabled }): Promise<FoundTool> => {
    const availability = await checkAvailability(tool, world);
    const found = { tool, enabled, availability, executables: [], looked: [] };
    if (!availability.available || tier === "basic") return found;
    const looked = new Set<string>();
    const closure = executableFiles([availability.path, ...availability.helpers], programReader(looked));
    if (closure.ok) return { ...found, executables: closure.files, looked: [...looked] };
    // With auto the tier may turn out to be basic, but what cannot be confined is not used for that.
    const { path } = availability;
    const { reason, remedy } = closure;
    return { ...found, availability: { available: false, path, reason, remedy } };
  }));
}

/**
 * Starts the engine.
 *
 * @param only the one tool that is wanted, or null for all
 * @throws {Exit} with 2 when there is nowhere to keep state
 */
export async function startEngine(setup: Setup, only: string | null, io: Io): Promise<Engine> {
  const states = await findTools(setup, { askPermission: true });
  const resolver = await findResolver(setup);
  // Every path that may have been granted for a tool, found there or not.
  const commands = [...states.map(({ tool }) => tool.manifest.command), RESOLVER.command];
  const programs = commands.flatMap(programCandidates);
  const confinement = startConfinement(
    setup,
    [...wanted(states, only), ...resolver.programs],
    await grantedOf(programs),
    io,
  );
  const names = new Resolver(confinement.tools.get(RESOLVER.name) ?? null, resolver.whyNot, systemClock);
  let ownListener: Endpoint | null = null;
  const toolbox = makeToolbox(states, confinement.tools, systemClock, Math.random);
  const { security, confinement: settings, tools } = setup.config;
  const pipeline = new Pipeline({
    toolbox,
    policy: setup.policy,
    clock: systemClock,
    lookups: {
      resolve: (name, signal) => names.resolve(name, signal),
      inspect: (name) => inspect(confinement, name),
      ownListener: () => ownListener,
    },
    settings: {
      allowIntrusive: security.allow_intrusive,
      confirmIntrusive: security.confirm_intrusive,
      maxArgsBytes: security.max_args_length,
      maxStdoutBytes: security.max_stdout_bytes,
      maxStderrBytes: security.max_stderr_bytes,
      killGraceMs: settings.kill_grace_sec * 1000,
      onFlood: settings.on_flood,
      maxConcurrency: tools.max_concurrency,
      enforced: async () => {
        const { tier, kernel } = await confinement.decided;
        return { tier, treeCeilings: kernel?.cgroup ?? [] };
      },
    },
  });
  return {
    toolbox,
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
async function findResolver(
  setup: Setup,
): Promise<{ readonly programs: readonly ToolToConfine[]; readonly whyNot: string }> {
  const none = (whyNot: string) => ({ programs: [], whyNot });
  if (!setup.policy.allowsNames) return none("no name is allowed");
  const { tier } = setup.config.confinement;
  const found = findResolverProgram();
  if (found.status !== "found") return none(`${found.reason}. ${found.remedy}`);
  const { path } = found;
  if (!await mayRun(path)) return none(`the permission to run ${path} is not granted`);
  const closure = tier === "basic"
    ? { ok: true, files: [] } as const
    : executableFiles([path], programReader(new Set()));
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

/** The programs that this thread may run, and hand on. */
async function grantedOf(programs: readonly string[]): Promise<readonly string[]> {
  const granted = await Promise.all(programs.map(mayRun));
  return programs.filter((_, index) => granted[index]);
}

function startConfinement(
  setup: Setup,
  tools: readonly ToolToConfine[],
  programs: readonly string[],
  io: Io,
): Confinement {
  const { stateFolder, config } = setup;
  if (stateFolder === null) {
    io.stderr("there is no folder for state: set confinement.state_dir, XDG_STATE_HOME or HOME\n");
    throw new Exit(EXIT.usage);
  }
  try {
    const confinement = new Confinement({
      tier: config.confinement.tier,
      tools,
      programs,
      stateFolder,
      uid: ownUser(),
      logFile: setup.logFile,
      wordListFolders: config.tools.wordlist_dirs,
      readable: [],
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
