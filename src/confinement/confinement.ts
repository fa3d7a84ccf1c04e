/**
 * Confinement as a whole: the warden, the scribe and a compartment for each tool, in the strongest tier that is to be
 * had. While main still holds its permissions it starts this; afterwards this is all that acts for it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { type Compartment } from "./compartment.ts";
import { ConfinedTool } from "./confined_tool.ts";
import type { CapabilityName } from "./linux/capabilities.ts";
import { isServerNonce, newServerNonce } from "./linux/run_tag.ts";
import { Scribe } from "./scribe.ts";
import type { LogFileSettings } from "./scribe_protocol.ts";
import type { Tier, WantedTier } from "./tier.ts";
import { Warden } from "./warden.ts";
import type { FromWarden, KernelReport } from "./warden_protocol.ts";
import { wardenPermissions } from "./workers.ts";

/** A tool that is to be executed. */
export interface ToolToConfine {
  readonly name: string;
  /** Absolute path. */
  readonly program: string;
  /** Every file that starting it, or its helpers, executes. */
  readonly executables: readonly string[];
  readonly capabilities: readonly CapabilityName[];
  readonly concurrency: number;
}

/** What confinement is started with. */
export interface ConfinementOptions {
  readonly tier: WantedTier;
  readonly tools: readonly ToolToConfine[];
  /** The folder for the state of all servers; made when it is not there. */
  readonly stateFolder: string;
  /** Whose the state folder must be. */
  readonly uid: number | null;
  readonly logFile: LogFileSettings | null;
  /** Where libc may be. */
  readonly libc: readonly string[];
  /** The folder of worker sources, or null in a compiled executable. */
  readonly sources: string | null;
  readonly clock: Clock;
}

/** The tier was asked for and is not to be had, or there is nowhere to keep state. */
export class NotConfined extends Error {}

const logger = getLogger(["bulkhead", "confinement"]);

/** The confinement of a running server. */
export class Confinement {
  readonly tier: Tier;
  /** What the kernel gives; null in tier basic. */
  readonly kernel: KernelReport | null;
  /** Why a stronger tier was not taken, or null. */
  readonly fallback: string | null;
  readonly tools: ReadonlyMap<string, ConfinedTool>;
  readonly scribe: Scribe;
  readonly #warden: Warden;

  private constructor(parts: Started, scribe: Scribe, fallback: string | null) {
    this.tier = parts.tier;
    this.kernel = parts.kernel;
    this.tools = parts.tools;
    this.#warden = parts.warden;
    this.scribe = scribe;
    this.fallback = fallback;
  }

  /**
   * Starts everything. The calling thread holds what {@link wardenPermissions} and the scribe need until this
   * resolves, and may give it up then.
   *
   * @throws {NotConfined}
   */
  static async start(options: ConfinementOptions): Promise<Confinement> {
    const nonce = newServerNonce();
    const scribe = openScribe(options, nonce);
    try {
      const { parts, fallback } = await startTier(options, nonce, scribe);
      const confinement = new Confinement(parts, scribe, fallback);
      void confinement.#cleanUpAfter((await scribe.opened).dead);
      return confinement;
    } catch (error) {
      await scribe.close();
      throw new NotConfined((error as Error).message);
    }
  }

  /** Resolves with the reason when there is no warden any more: nothing may run then. */
  get lost(): Promise<string> {
    return this.#warden.lost;
  }

  /** Ends everything: nothing that was run is left when this resolves. */
  async close(): Promise<void> {
    await this.#warden.close();
    await this.scribe.close();
  }

  /** What servers left behind that were killed outright: their processes, then their folders. */
  async #cleanUpAfter(dead: readonly string[]): Promise<void> {
    // Only a folder that a server of ours made has a name of this kind.
    for (const { nonce, killed, survivors } of await this.#warden.reap(dead.filter(isServerNonce))) {
      if (killed > 0 || survivors > 0) {
        logger.warn("ended what a killed server had left running", { server: nonce, killed, survivors });
      }
      // Its record is kept while one of its processes is there.
      if (survivors === 0) await this.scribe.forget(nonce);
    }
  }
}

function openScribe(options: ConfinementOptions, nonce: string): Scribe {
  try {
    return new Scribe({
      stateFolder: options.stateFolder,
      nonce,
      tools: options.tools.map(({ name, concurrency }) => ({ name, concurrency })),
      uid: options.uid,
      logFile: options.logFile,
      clock: options.clock,
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new NotConfined(
      `the folder for state ${options.stateFolder}, or that of the log file, may not be read and written: start with ` +
        "the flags that `bulkhead permissions` prints",
    );
  }
}

interface Started {
  readonly tier: Tier;
  readonly kernel: KernelReport | null;
  readonly warden: Warden;
  readonly tools: ReadonlyMap<string, ConfinedTool>;
}

async function startTier(
  options: ConfinementOptions,
  nonce: string,
  scribe: Scribe,
): Promise<{ readonly parts: Started; readonly fallback: string | null }> {
  if (options.tier === "basic") {
    return { parts: await attempt(options, "basic", nonce, scribe), fallback: null };
  }
  try {
    return { parts: await attempt(options, "kernel", nonce, scribe), fallback: null };
  } catch (error) {
    const reason = (error as Error).message;
    if (options.tier === "kernel") throw new Error(`the tier kernel is not to be had here: ${reason}`);
    return { parts: await attempt(options, "basic", nonce, scribe), fallback: reason };
  }
}

/** Starts one tier; a compartment that was confined, and has tested itself, is the proof that it works. */
async function attempt(
  options: ConfinementOptions,
  tier: Tier,
  nonce: string,
  scribe: Scribe,
): Promise<Started> {
  const tools = new Map<string, ConfinedTool>();
  const permissions = wardenPermissions(
    options.tools.map(({ program }) => program),
    tier === "kernel" ? options.libc : [],
    options.sources,
  );
  const warden = new Warden(permissions, options.clock, (gone) => {
    report(gone);
    for (const tool of tools.values()) tool.gone(gone.run);
  });
  try {
    const opening = warden.open(tier, nonce);
    // A compartment confines itself to a folder that must be there.
    await scribe.opened;
    const compartments = options.tools.map((tool) => openCompartment(warden, tool, scribe));
    for (const compartment of compartments) {
      tools.set(compartment.terms.tool, new ConfinedTool(compartment, scribe));
    }
    const kernel = await opening;
    // All are made from one mould: when one stands, the tier is to be had, and when one falls it is that one's fault.
    if (compartments.length > 0) await Promise.any(compartments.map(({ ready }) => ready)).catch(firstReason);
    return { tier, kernel, warden, tools };
  } catch (error) {
    await warden.close();
    throw error;
  }
}

function openCompartment(warden: Warden, tool: ToolToConfine, scribe: Scribe): Compartment {
  return warden.compartment({
    tool: tool.name,
    program: tool.program,
    rules: {
      executables: tool.executables,
      writableFolder: scribe.scratchRoot(tool.name),
      capabilities: tool.capabilities,
    },
  });
}

function firstReason(error: unknown): never {
  throw error instanceof AggregateError ? error.errors[0] : error;
}

function report({ run, killed, survivors, note }: Extract<FromWarden, { type: "gone" }>): void {
  const about = { run_id: run, killed, survivors, ...(note !== null && { note }) };
  if (survivors > 0) logger.error("processes of a run could not be ended", about);
  else if (killed > 0) logger.info("ended what a run had left running", about);
}
