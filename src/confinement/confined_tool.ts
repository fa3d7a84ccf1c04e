/**
 * A tool as it can be executed: its compartment, and for each run a folder of its own. Its compartment may be replaced
 * by another while runs go on.
 *
 * @module
 */
import { abortionOf, type Compartment, type Execution, type OutputListener } from "./compartment.ts";
import type { Order } from "./protocol.ts";

/** Where runs get their folders from. */
export interface ScratchFolders {
  makeScratch(tool: string): Promise<{ readonly id: string; readonly path: string }>;
  removeScratch(tool: string, id: string, run: string): Promise<void>;
}

/** A compartment that the tool has, had, or is to have. */
interface Place {
  readonly coming: Promise<Compartment>;
  compartment: Compartment | null;
  /** Why there will be no compartment, or null. */
  failure: string | null;
  /** How many runs have been given to it and go on. */
  runs: number;
}

/** A place whose compartment has come. */
interface TakenPlace {
  readonly place: Place;
  readonly compartment: Compartment;
}

/** Executes orders of one tool. */
export class ConfinedTool {
  readonly #name: string;
  readonly #scratch: ScratchFolders;
  /** Where runs begin. */
  #place: Place;
  /** What to do once nothing is left of a run. */
  readonly #afterwards = new Map<string, () => void>();

  /** @param compartment comes when it is decided how tools are confined; runs wait for it */
  constructor(name: string, compartment: Promise<Compartment>, scratch: ScratchFolders) {
    this.#name = name;
    this.#scratch = scratch;
    this.#place = this.#placeOf(compartment);
  }

  /** Why it can execute no more, or null while it can. */
  get death(): string | null {
    return this.#place.failure ?? this.#place.compartment?.death ?? null;
  }

  /** Whether nothing is left of any run. */
  get isIdle(): boolean {
    return this.#afterwards.size === 0;
  }

  /** Has runs begin in another compartment. The one before is closed when the last run that goes on in it has ended. */
  replace(compartment: Promise<Compartment>): void {
    const before = this.#place;
    this.#place = this.#placeOf(compartment);
    this.#closeIfLeft(before);
  }

  /** Begins no run any more. */
  release(): void {
    this.replace(Promise.reject(new Error("the tool was taken away")));
  }

  /**
   * Executes the tool's program in a folder that was made for this run, which is also its home.
   *
   * @param signal aborting it stops the run, with SIGTERM first
   */
  async run(order: Order, signal: AbortSignal, onOutput?: OutputListener): Promise<Execution> {
    const abortion = abortionOf(signal);
    let folder: Awaited<ReturnType<ScratchFolders["makeScratch"]>>;
    try {
      if (await this.#placeNow(abortion) === null) return { status: "cancelled" };
    } catch (error) {
      return { status: "not_started", reason: (error as Error).message };
    }
    // Not before there is a compartment: each folder that was made must be removed again.
    const making = this.#scratch.makeScratch(this.#name);
    try {
      await Promise.race([making, abortion]);
      if (signal.aborted) {
        // A folder that comes too late is nobody's.
        making.then(({ id }) => this.#scratch.removeScratch(this.#name, id, order.id)).catch(() => {});
        return { status: "cancelled" };
      }
      folder = await making;
    } catch (error) {
      return { status: "not_started", reason: (error as Error).message, lacks: "folder" };
    }
    const { id, path } = folder;
    // A process that is still there could write to a folder that is being removed.
    this.#afterwards.set(order.id, () => void this.#scratch.removeScratch(this.#name, id, order.id));
    const env = { ...order.env, HOME: path, TMPDIR: path };
    const execution = await this.#runInPlace({ ...order, env }, path, signal, abortion, onOutput);
    // Nothing was announced to the warden, so it will not say that nothing is left.
    if (execution.status === "not_started" || execution.status === "cancelled") this.gone(order.id);
    return execution;
  }

  /** The last process of the run is gone. */
  gone(run: string): void {
    this.#afterwards.get(run)?.();
    this.#afterwards.delete(run);
  }

  /** In the compartment that is the tool's by now: it may have been replaced while the folder was made. */
  async #runInPlace(
    order: Order,
    folder: string,
    signal: AbortSignal,
    abortion: Promise<true>,
    onOutput?: OutputListener,
  ): Promise<Execution> {
    let now: TakenPlace | null;
    try {
      now = await this.#placeNow(abortion);
    } catch (error) {
      return { status: "not_started", reason: (error as Error).message };
    }
    if (now === null) return { status: "cancelled" };
    const { place, compartment } = now;
    place.runs++;
    try {
      return await compartment.run(order, folder, signal, onOutput);
    } finally {
      place.runs--;
      this.#closeIfLeft(place);
    }
  }

  /**
   * Where runs begin now; null when they are not wanted any more before there is such a place.
   *
   * @throws {Error} with the reason when there will be none
   */
  async #placeNow(abortion: Promise<true>): Promise<TakenPlace | null> {
    for (;;) {
      const place = this.#place;
      const settled = place.coming.then(() => false, () => false);
      if (await Promise.race([abortion, settled])) return null;
      if (place === this.#place) return { place, compartment: await place.coming };
    }
  }

  #placeOf(coming: Promise<Compartment>): Place {
    const place: Place = { coming, compartment: null, failure: null, runs: 0 };
    coming.then(
      (compartment) => {
        place.compartment = compartment;
        this.#closeIfLeft(place);
      },
      (error) => place.failure = (error as Error).message,
    );
    return place;
  }

  #closeIfLeft(place: Place): void {
    if (place !== this.#place && place.runs === 0) place.compartment?.close();
  }
}
