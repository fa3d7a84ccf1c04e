/**
 * The server's side of a compartment: hands it orders through a port of their own, and collects what comes back. The
 * compartment is not trusted: its messages are checked, and each run has a deadline here too. When it dies, the warden
 * makes it again.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { plural } from "../core/text.ts";
import {
  type Ending,
  isFromCompartment,
  type Order,
  type StreamName,
  type ToCompartment,
} from "./protocol.ts";
import type { CompartmentTerms, RunTerms } from "./warden_protocol.ts";

/** What came of an execution. */
export type Execution =
  | {
    readonly status: "ended";
    readonly ending: Ending;
    readonly output: Readonly<Record<StreamName, Uint8Array>>;
  }
  /** The program could not be started: nothing ran. */
  | {
    readonly status: "not_started";
    readonly reason: string;
    /** What was missing, when it was not the program's start that failed. */
    readonly lacks?: "folder";
  }
  /** It was cancelled before it began: nothing ran. */
  | { readonly status: "cancelled" }
  /** The compartment died, or fell silent past the deadline, with the run inside it. */
  | {
    readonly status: "lost";
    readonly reason: string;
    readonly output: Readonly<Record<StreamName, Uint8Array>>;
    readonly durationMs: number;
  };

/**
 * Called with each kept piece of output as it comes, and with all that was kept of the stream so far: a view, which later
 * output leaves as it is, and which costs nothing while the run goes on.
 */
export type OutputListener = (stream: StreamName, bytes: Uint8Array, soFar: Uint8Array) => void;

/** What a compartment needs of the warden. */
export interface CompartmentWarden {
  make(terms: CompartmentTerms, port: MessagePort): void;
  drop(compartment: string): void;
  begin(terms: RunTerms): void;
  /** Kills what runs for a run that is not over, as far as the kernel helps. */
  kill(run: string): void;
  end(run: string): void;
}

/**
 * How long after deadline and grace, twice, a compartment may take to answer before it counts as dead, in milliseconds.
 * It takes its neighbours' runs with it, so it is given longer than a machine with too few processors makes it late.
 */
const OVERDUE_MS = 5000;

/** A compartment that dies more often than this in {@link DEATHS_WITHIN_MS} is not made again. */
const MOST_DEATHS = 5;
const DEATHS_WITHIN_MS = 60_000;

interface RunInside {
  readonly order: Order;
  readonly startedMs: number;
  readonly kept: Readonly<Record<StreamName, ByteBuffer>>;
  readonly onOutput: OutputListener | undefined;
  readonly resolve: (execution: Execution) => void;
  readonly cancelOverdueTimer: () => void;
  /** Whether the server had it killed; what comes of it then is a cancellation. */
  isKilled: boolean;
}

/** Why a compartment is not there. */
export class CompartmentGone extends Error {
  /** @param machine whether the machine lacks what it takes to confine any tool */
  constructor(reason: string, readonly machine: boolean) {
    super(reason);
  }
}

/** One compartment of a tool. */
export class Compartment {
  readonly terms: CompartmentTerms;
  readonly #warden: CompartmentWarden;
  readonly #clock: Clock;
  readonly #runs = new Map<string, RunInside>();
  /** The port to the worker, or null while there is none. */
  #port: MessagePort | null = null;
  #up = Promise.withResolvers<void>();
  #death: string | null = null;
  readonly #gone = Promise.withResolvers<void>();
  #deathTimesMs: number[] = [];

  /** Has the compartment made. */
  constructor(terms: CompartmentTerms, warden: CompartmentWarden, clock: Clock) {
    this.terms = terms;
    this.#warden = warden;
    this.#clock = clock;
    this.#make();
  }

  /** Settles once the worker is up and confined; rejects when it cannot be. */
  get ready(): Promise<void> {
    return this.#up.promise;
  }

  /** Resolves when the compartment is gone for good. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Why the compartment is gone for good, or null. */
  get death(): string | null {
    return this.#death;
  }

  /**
   * Executes the program.
   *
   * @param cwd the working folder
   * @param signal aborting it stops the run, with SIGTERM first
   */
  async run(order: Order, cwd: string, signal: AbortSignal, onOutput?: OutputListener): Promise<Execution> {
    // One that has died is being made again, unless it is gone for good.
    const cancelled = abortionOf(signal);
    if (this.#death !== null) return { status: "not_started", reason: this.#death };
    while (!await Promise.race([cancelled, this.ready.then(() => true, () => false)])) {
      if (this.#death !== null) return { status: "not_started", reason: this.#death };
    }
    if (signal.aborted) return { status: "cancelled" };
    const { ceilings, tree, ...rest } = order;
    const { compartment } = this.terms;
    return await new Promise((resolve) => {
      const cancel = () => this.#send({ type: "cancel", id: order.id });
      const overdueMs = order.deadlineMs + order.killGraceMs + OVERDUE_MS;
      this.#runs.set(order.id, {
        order,
        startedMs: this.#clock.now(),
        kept: {
          stdout: new ByteBuffer(order.maxBytes.stdout),
          stderr: new ByteBuffer(order.maxBytes.stderr),
        },
        onOutput,
        resolve: (execution) => {
          signal.removeEventListener("abort", cancel);
          resolve(execution);
        },
        cancelOverdueTimer: this.#watch(overdueMs),
        isKilled: false,
      });
      this.#warden.begin({ run: order.id, compartment, ceilings, tree, killGraceMs: order.killGraceMs });
      this.#send({ type: "run", order: { ...rest, cwd } });
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  /** The warden has made it. */
  made(): void {
    this.#up.resolve();
  }

  /** The warden could not confine it, and what cannot be confined is not used. */
  notMade(reason: string, machine: boolean): void {
    this.#endWith(machine ? reason : `the tool cannot be confined: ${reason}`, machine);
  }

  /** The warden has seen it die. */
  died(reason: string): void {
    if (this.#death !== null) return;
    const now = this.#clock.now();
    this.#deathTimesMs = [...this.#deathTimesMs, now].filter((then) => now - then < DEATHS_WITHIN_MS);
    if (this.#deathTimesMs.length > MOST_DEATHS) {
      return this.#end(
        `it died ${plural(this.#deathTimesMs.length, "time")} in a minute; the last time: ${reason}`,
      );
    }
    this.#lose(`the tool's compartment died: ${reason}`);
    this.#make();
  }

  /** Cancels what runs, and kills it without giving it time to end. */
  kill(): void {
    for (const [id, run] of this.#runs) {
      run.isKilled = true;
      this.#send({ type: "cancel", id });
      this.#warden.kill(id);
    }
    // In tier basic the compartment does it.
    this.#send({ type: "abandon" });
  }

  /** There is no warden any more: what runs is killed as far as the compartment can, and reported. */
  abandon(reason: string): void {
    this.#send({ type: "abandon" });
    this.#end(reason);
  }

  /** Ends the compartment. Runs inside it are killed and reported as lost. */
  close(): void {
    if (this.#death !== null) return;
    this.#warden.drop(this.terms.compartment);
    this.#end("it was closed");
  }

  #make(): void {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => this.#receive(port1, data);
    port1.onmessageerror = () => this.#distrust("it sent a message that cannot be read");
    this.#port = port1;
    this.#up = Promise.withResolvers();
    // Nobody may be waiting for it when it fails; the runs report it then.
    this.#up.promise.catch(() => {});
    this.#warden.make(this.terms, port2);
  }

  /**
   * Declares the compartment dead when it has not answered in time. Time is asked for twice: when the whole process
   * was stopped meanwhile, the answer may be waiting to be read, and is read between the two.
   */
  #watch(overdueMs: number): () => void {
    let cancel = this.#clock.after(overdueMs, () => {
      cancel = this.#clock.after(OVERDUE_MS, () => this.#distrust("it did not answer in time"));
    });
    return () => cancel();
  }

  #send(message: ToCompartment): void {
    this.#port?.postMessage(message);
  }

  #receive(port: MessagePort, data: unknown): void {
    // What an earlier worker still had to say.
    if (port !== this.#port) return;
    if (!isFromCompartment(data)) return this.#distrust("it sent a message that is not in the table");
    const run = this.#runs.get(data.id);
    if (run === undefined) return this.#distrust("it spoke of a run that it was not given");
    switch (data.type) {
      case "output":
        if (!run.kept[data.stream].append(data.bytes)) {
          return this.#distrust("it sent more output than it was to keep");
        }
        run.onOutput?.(data.stream, data.bytes, run.kept[data.stream].bytes());
        break;
      case "ended":
        this.#finish(run, { status: "ended", ending: endingOf(run, data.ending), output: outputOf(run) });
        break;
      case "not_started":
        this.#finish(
          run,
          run.isKilled ? { status: "cancelled" } : { status: "not_started", reason: data.reason },
        );
        break;
    }
  }

  #finish(run: RunInside, execution: Execution): void {
    this.#runs.delete(run.order.id);
    run.cancelOverdueTimer();
    this.#warden.end(run.order.id);
    run.resolve(execution);
  }

  /** It is not what it should be: the warden ends it, and makes another. */
  #distrust(reason: string): void {
    if (this.#death !== null) return;
    this.#warden.drop(this.terms.compartment);
    this.died(reason);
  }

  /** Gone for good. */
  #end(reason: string): void {
    this.#endWith(`the tool's compartment is gone: ${reason}`);
  }

  #endWith(death: string, machine = false): void {
    if (this.#death !== null) return;
    this.#death = death;
    this.#lose(death, machine);
    this.#gone.resolve();
  }

  #lose(reason: string, machine = false): void {
    this.#port?.close();
    this.#port = null;
    this.#up.reject(new CompartmentGone(reason, machine));
    for (const run of [...this.#runs.values()]) {
      const durationMs = this.#clock.now() - run.startedMs;
      this.#finish(run, { status: "lost", reason, output: outputOf(run), durationMs });
    }
  }
}

/** Resolves when the signal is aborted. */
export function abortionOf(signal: AbortSignal): Promise<true> {
  if (signal.aborted) return Promise.resolve(true);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(true), { once: true }));
}

/** The compartment may have seen the end of a program before it heard that this was wanted. */
function endingOf({ isKilled }: RunInside, ending: Ending): Ending {
  return isKilled && ending.cause === null && ending.signal !== null
    ? { ...ending, cause: "cancelled" }
    : ending;
}

function outputOf(run: RunInside): Record<StreamName, Uint8Array> {
  return { stdout: run.kept.stdout.bytes(), stderr: run.kept.stderr.bytes() };
}
