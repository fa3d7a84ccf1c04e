/**
 * Confinement as a whole: the warden, the scribe and a compartment for each tool, in the strongest tier that is to be
 * had. While main still holds its permissions it starts this; afterwards this is all that acts for it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { type Compartment, CompartmentGone } from "./compartment.ts";
import { ConfinedTool } from "./confined_tool.ts";
import type { CapabilityName } from "./linux/capabilities.ts";
import { isServerNonce, newServerNonce } from "./linux/run_tag.ts";
import { Scribe } from "./scribe.ts";
import type { LogFileSettings } from "./scribe_protocol.ts";
import type { Tier, WantedTier } from "./tier.ts";
import { type GoneListener, type Heartbeat, Warden } from "./warden.ts";
import type { CompartmentTerms, FromWarden, KernelReport } from "./warden_protocol.ts";
import { wardenPermissions } from "./workers.ts";

/** A tool that is to be executed. */
export interface ToolToConfine {
  readonly name: string;
  /** Absolute path. */
  readonly program: string;
  /** Every file that starting it, or its helpers, executes. */
  readonly executables: readonly string[];
  readonly capabilities: readonly CapabilityName[];
}

/** What confinement is started with. */
export interface ConfinementOptions {
  readonly tier: WantedTier;
  /** The tools to begin with. */
  readonly tools: readonly ToolToConfine[];
  /** Every absolute path at which a tool may ever be started, whether there is a program now or not. */
  readonly programs: readonly string[];
  /** The folder for the state of all servers; made when it is not there. */
  readonly stateFolder: string;
  /** Whose the state folder must be; null only where users have no numbers. */
  readonly uid: number | null;
  readonly logFile: LogFileSettings | null;
  /** The folders whose files tools may be told to read. */
  readonly wordListFolders: readonly string[];
  /** What may be read again while the server runs; see `ScribeOptions`. */
  readonly readable: readonly string[];
  /** Where libc may be. */
  readonly libc: readonly string[];
  /** The folder of worker sources, or null in a compiled executable. */
  readonly sources: string | null;
  readonly clock: Clock;
  /** Told of a tool whose compartment is gone for good, or cannot be made: its `death` may be another by now. */
  readonly onDeath?: (tool: string) => void;
}

/** The tier was asked for and is not to be had, or there is nowhere to keep state. */
export class NotConfined extends Error {}

const START_WITH_FLAGS = "start with the flags that `bulkhead permissions` prints";

/** How long the decision may take: a compartment comes up within a second or two, or not at all. */
const DECIDE_MS = 30_000;

const logger = getLogger(["bulkhead", "confinement"]);

/** What was decided, once a compartment has shown that it works. */
export interface Decision {
  readonly tier: Tier;
  /** What the kernel gives; null in tier basic. */
  readonly kernel: KernelReport | null;
  /** Why a stronger tier was not taken, or null. */
  readonly fallback: string | null;
}

/** The confinement of a running server. */
export class Confinement {
  /** By name, as they are now. They take runs at once, and begin them when the tier is decided. */
  readonly tools: ReadonlyMap<string, ConfinedTool>;
  readonly scribe: Scribe;
  /** Settles when the tier is decided; rejects with {@link NotConfined} when there is none to be had. */
  readonly decided: Promise<Decision>;
  /** Settles when the calling thread need not hold permissions any more for what it has started. */
  readonly upright: Promise<unknown>;
  readonly #warden: Warden;
  readonly #programs: ReadonlySet<string>;
  readonly #onDeath: (tool: string) => void;
  readonly #tools: Map<string, ConfinedTool>;
  /** Tools that were taken away, of whose runs something is left. */
  readonly #released = new Set<ConfinedTool>();
  /** How many compartments each tool has had, by its name. */
  readonly #made: Map<string, number>;
  #decision: Decision | null = null;
  #isClosing = false;

  /**
   * Starts everything, and returns while it comes up.
   *
   * @throws {NotConfined} when not even a beginning is possible
   */
  constructor(options: ConfinementOptions) {
    const nonce = newServerNonce();
    const scribe = openScribe(options, nonce);
    this.scribe = scribe;
    let opened: ReturnType<typeof openWarden>;
    try {
      opened = openWarden(options, (gone) => this.#gone(gone));
    } catch (error) {
      void scribe.close();
      throw error;
    }
    const { warden, cannot } = opened;
    this.#warden = warden;
    this.#programs = new Set(options.programs);
    this.#onDeath = options.onDeath ?? (() => {});
    this.#made = new Map(options.tools.map(({ name }) => [name, 1]));
    const compartments = Promise.withResolvers<ReadonlyMap<string, Compartment>>();
    this.tools = this.#tools = new Map(options.tools.map(({ name }) => [
      name,
      new ConfinedTool(name, compartments.promise.then((all) => all.get(name)!), scribe),
    ]));
    compartments.promise.catch(() => {});
    const attempts = new Attempts(options, warden, nonce, scribe);
    const { promise: late, reject: beLate } = Promise.withResolvers<never>();
    late.catch(() => {});
    const cancelLate = options.clock.after(
      DECIDE_MS,
      () => beLate(new Error(`no compartment has come up within ${DECIDE_MS / 1000} s`)),
    );
    this.decided = (async () => {
      try {
        const { tier, kernel, fallback, compartments: all } = await Promise.race([
          decide(options.tier, cannot, attempts),
          warden.lost.then((reason) => Promise.reject(new Error(reason))),
          late,
        ]);
        cancelLate();
        this.#decision = { tier, kernel, fallback };
        compartments.resolve(all);
        for (const [name, compartment] of all) this.#watch(name, Promise.resolve(compartment));
        void this.#cleanUpAfter((await scribe.opened).dead);
        return this.#decision;
      } catch (error) {
        const reason = new NotConfined((error as Error).message);
        cancelLate();
        compartments.reject(reason);
        await this.close();
        throw reason;
      }
    })();
    this.decided.catch(() => {});
    this.upright = Promise.allSettled([scribe.opened, warden.answered]);
  }

  /** The decision. @throws {Error} before there is one: nothing has run by then */
  get decision(): Decision {
    if (this.#decision === null) throw new Error("the tier is not decided yet");
    return this.#decision;
  }

  /** Whether programs can be run: the tier is decided, and nobody whom that takes is gone. */
  get stands(): boolean {
    return this.#decision !== null && !this.#isClosing && this.#warden.death === null &&
      this.scribe.death === null;
  }

  /** How the warden is doing. */
  get heartbeat(): Heartbeat {
    return this.#warden.heartbeat;
  }

  /** Resolves with the reason when there is no warden any more: nothing may run then. */
  get lost(): Promise<string> {
    return this.#warden.lost;
  }

  /**
   * Confines a tool, or one that is there anew: because its program, or what starting it executes, has changed.
   *
   * Runs that go on end where they began, in a compartment that goes with the last of them; all others begin in the new
   * one. When that cannot be made, the tool's `death` says why. It must be started at one of the paths that were named at
   * the beginning.
   *
   * @returns the tool, which takes runs at once: for a name that is there the same object as before
   */
  confine(tool: ToolToConfine): ConfinedTool {
    const coming = this.#make(tool);
    this.#watch(tool.name, coming);
    const there = this.#tools.get(tool.name);
    if (there !== undefined) {
      there.replace(coming);
      return there;
    }
    const confined = new ConfinedTool(tool.name, coming, this.scribe);
    this.#tools.set(tool.name, confined);
    return confined;
  }

  /** Takes a tool away: it begins no run any more, and its compartment goes with the last one that goes on. */
  release(name: string): void {
    const tool = this.#tools.get(name);
    if (tool === undefined) return;
    this.#tools.delete(name);
    tool.release();
    if (!tool.isIdle) this.#released.add(tool);
  }

  #watch(tool: string, coming: Promise<Compartment>): void {
    const tell = () => this.#onDeath(tool);
    coming.then((compartment) => void compartment.gone.then(tell), tell);
  }

  async #make(tool: ToolToConfine): Promise<Compartment> {
    const number = (this.#made.get(tool.name) ?? 0) + 1;
    this.#made.set(tool.name, number);
    await this.decided;
    if (!this.#programs.has(tool.program)) {
      throw new Error(
        `the permission to run ${tool.program} was not among those that the server was started with: start it again`,
      );
    }
    await this.scribe.addTool(tool.name);
    if (this.#isClosing) throw new Error("the server is closing");
    return this.#warden.compartment(termsOf(tool, number, this.scribe));
  }

  /** Cancels every run, and kills it without giving it time to end by itself. */
  killRuns(): void {
    this.#warden.killRuns();
  }

  /** Ends everything: nothing that was run is left when this resolves. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#warden.close();
    await this.scribe.close();
  }

  #gone({ run, killed, survivors, note }: Extract<FromWarden, { type: "gone" }>): void {
    const about = { run_id: run, killed, survivors, ...(note !== null && { note }) };
    // Its folder is kept: they may write to it.
    if (survivors > 0) return logger.error("processes of a run have not ended yet", about);
    if (killed > 0) logger.info("ended what a run had left running", about);
    for (const tool of this.#tools.values()) tool.gone(run);
    for (const tool of this.#released) {
      tool.gone(run);
      if (tool.isIdle) this.#released.delete(tool);
    }
  }

  /** What servers left behind that were killed outright: their processes, then their folders. */
  async #cleanUpAfter(dead: readonly string[]): Promise<void> {
    // Without the kernel nothing can be found by its mark; the record stays for a server that can.
    if (this.decision.tier === "basic") return;
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

/** The strongest tier that is to be had. */
async function decide(
  wanted: WantedTier,
  cannot: string | null,
  attempts: Attempts,
): Promise<Decision & { readonly compartments: ReadonlyMap<string, Compartment> }> {
  if (wanted === "basic") return { ...await attempts.attempt("basic"), fallback: null };
  try {
    if (cannot !== null) throw new Error(cannot);
    return { ...await attempts.attempt("kernel"), fallback: null };
  } catch (error) {
    const reason = (error as Error).message;
    if (wanted === "kernel") throw new Error(`the tier kernel is not to be had here: ${reason}`);
    return { ...await attempts.attempt("basic"), fallback: reason };
  }
}

/** Tries tiers. */
class Attempts {
  readonly #options: ConfinementOptions;
  readonly #warden: Warden;
  readonly #nonce: string;
  readonly #scribe: Scribe;

  constructor(options: ConfinementOptions, warden: Warden, nonce: string, scribe: Scribe) {
    this.#options = options;
    this.#warden = warden;
    this.#nonce = nonce;
    this.#scribe = scribe;
  }

  /** Starts one tier; a compartment that was confined, and has tested itself, is the proof that it works. */
  async attempt(tier: Tier) {
    const opening = this.#warden.open(tier, this.#nonce);
    // A compartment confines itself to a folder that must be there.
    await this.#scribe.opened;
    const kernel = await opening;
    const compartments = this.#options.tools.map((tool) =>
      this.#warden.compartment(termsOf(tool, 1, this.#scribe))
    );
    // When one stands, the tier is to be had. When all fall it is not, if it is the machine's fault; tools that fall by
    // their own are not available, rather than run with less.
    if (compartments.length > 0) await Promise.any(compartments.map(({ ready }) => ready)).catch(judgeFall);
    return { tier, kernel, compartments: new Map(compartments.map((one) => [one.terms.compartment, one])) };
  }
}

/**
 * How a tool's compartment is to be made.
 *
 * @param number how many the tool has had, with this one: no tool's name has a dot, so the names differ
 */
function termsOf(
  { name, program, executables, capabilities }: ToolToConfine,
  number: number,
  scribe: Scribe,
): CompartmentTerms {
  return {
    compartment: number === 1 ? name : `${name}.${number}`,
    program,
    rules: { executables, writableFolder: scribe.scratchRoot(name), capabilities },
  };
}

function judgeFall(error: unknown): void {
  if (!(error instanceof AggregateError)) throw error;
  const machine = error.errors.find((one) => !(one instanceof CompartmentGone) || one.machine);
  if (machine !== undefined) throw machine;
}

/** The warden, with as much as this thread can hand on; `cannot` says why that is too little for tier kernel. */
function openWarden(
  options: ConfinementOptions,
  onGone: GoneListener,
): { readonly warden: Warden; readonly cannot: string | null } {
  /** Null when a permission is missing that has to be handed on. */
  const make = (libc: readonly string[]): Warden | null => {
    try {
      return new Warden(wardenPermissions(options.programs, libc, options.sources), options.clock, onGone);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) return null;
      throw error;
    }
  };
  const wanted = make(options.tier === "basic" ? [] : options.libc);
  if (wanted !== null) return { warden: wanted, cannot: null };
  // What is missing is libc, when it can be done without.
  const weaker = options.tier === "basic" ? null : make([]);
  if (weaker === null) {
    throw new NotConfined(
      "the permission to run a tool's program, or to read the sources of the workers, is missing: " +
        START_WITH_FLAGS,
    );
  }
  return { warden: weaker, cannot: `the permission to load libc is missing: ${START_WITH_FLAGS}` };
}

function openScribe(options: ConfinementOptions, nonce: string): Scribe {
  // Without it nobody could tell that the folder is another user's.
  if (options.uid === null && Deno.build.os !== "windows") {
    throw new NotConfined(
      "the server's own user cannot be told, so nor can whose the folder for state is: " + START_WITH_FLAGS,
    );
  }
  try {
    return new Scribe({
      stateFolder: options.stateFolder,
      nonce,
      tools: options.tools.map(({ name }) => name),
      uid: options.uid,
      logFile: options.logFile,
      wordListFolders: options.wordListFolders,
      readable: options.readable,
      clock: options.clock,
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new NotConfined(
      `the folder for state ${options.stateFolder}, that of the log file, one of tools.wordlist_dirs, what is read ` +
        "again while the server runs, or what the server's health is told by may not be used: " +
        START_WITH_FLAGS,
    );
  }
}
