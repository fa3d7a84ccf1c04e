/**
 * Starting the engine: find the programs, make the compartments, give every permission up.
 *
 * @module
 */
import { checkAvailability } from "../catalog/availability.ts";
import { programCandidates } from "../catalog/program.ts";
import { Compartment } from "../confinement/compartment.ts";
import { giveUpPermissions, workerSourceFolder } from "../confinement/permissions.ts";
import { effectiveTier } from "../confinement/tier.ts";
import { systemClock } from "../core/clock.ts";
import { Pipeline } from "../runs/pipeline.ts";
import { makeToolbox, type Toolbox, type ToolState } from "../runs/toolbox.ts";
import type { Setup } from "./setup.ts";
import { availabilityWorld } from "./system.ts";

/** A running engine. */
export interface Engine {
  readonly toolbox: Toolbox;
  readonly pipeline: Pipeline;
  /** Gives up every permission of this thread. The listener, if there is one, is bound before. */
  seal(): Promise<void>;
  /** Ends the compartments. */
  close(): void;
}

/** Finds out which tools can be used here. */
export function findTools(setup: Setup, options: { readonly askPermission: boolean }): Promise<ToolState[]> {
  const world = availabilityWorld(options);
  return Promise.all(setup.tools.map(async ({ tool, enabled }) => ({
    tool,
    enabled,
    availability: await checkAvailability(tool, world),
  })));
}

/**
 * Starts the engine.
 *
 * @param only the one tool that is wanted, or null for all
 */
export async function startEngine(setup: Setup, only: string | null): Promise<Engine> {
  const states = await findTools(setup, { askPermission: true });
  const compartments = new Map<string, Compartment>();
  // Every path that may have been granted for a tool, found there or not.
  const programs = states.flatMap(({ tool }) => programCandidates(tool.manifest.command));
  for (const { tool, enabled, availability } of states) {
    if (!availability.available || !enabled || (only !== null && only !== tool.name)) continue;
    compartments.set(tool.name, new Compartment(tool.name, availability.path, systemClock));
  }
  const toolbox = makeToolbox(states, compartments, systemClock, Math.random);
  const { security, confinement, tools } = setup.config;
  const pipeline = new Pipeline({
    toolbox,
    policy: setup.policy,
    clock: systemClock,
    settings: {
      allowIntrusive: security.allow_intrusive,
      confirmIntrusive: security.confirm_intrusive,
      maxArgsBytes: security.max_args_length,
      maxStdoutBytes: security.max_stdout_bytes,
      maxStderrBytes: security.max_stderr_bytes,
      killGraceMs: confinement.kill_grace_sec * 1000,
      onFlood: confinement.on_flood,
      maxConcurrency: tools.max_concurrency,
      tier: effectiveTier(confinement.tier),
    },
  });
  return {
    toolbox,
    pipeline,
    async seal() {
      // A worker made from a source file is read with this thread's permission, so that must last until it is up.
      if (workerSourceFolder() !== null) {
        await Promise.allSettled([...compartments.values()].map((compartment) => compartment.ready));
      }
      await giveUpPermissions(programs, setup.readable);
    },
    close() {
      for (const compartment of compartments.values()) compartment.close();
    },
  };
}
