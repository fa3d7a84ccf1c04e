/**
 * A tool as it can be executed: its compartment, and for each run a folder of its own.
 *
 * @module
 */
import { abortionOf, type Compartment, type Execution, type OutputListener } from "./compartment.ts";
import type { Order } from "./protocol.ts";

/** Where runs get their folders from. */
export interface ScratchFolders {
  makeScratch(tool: string): Promise<{ readonly id: string; readonly path: string }>;
  removeScratch(tool: string, id: string): Promise<void>;
}

/** Executes orders of one tool. */
export class ConfinedTool {
  readonly #name: string;
  readonly #scratch: ScratchFolders;
  readonly #coming: Promise<Compartment>;
  #compartment: Compartment | null = null;
  /** Why there will be no compartment, or null. */
  #failure: string | null = null;
  /** What to do once nothing is left of a run. */
  readonly #afterwards = new Map<string, () => void>();

  /** @param compartment comes when it is decided how tools are confined; runs wait for it */
  constructor(name: string, compartment: Promise<Compartment>, scratch: ScratchFolders) {
    this.#name = name;
    this.#scratch = scratch;
    this.#coming = compartment;
    compartment.then(
      (it) => this.#compartment = it,
      (error) => this.#failure = (error as Error).message,
    );
  }

  /** Why it can execute no more, or null while it can. */
  get death(): string | null {
    return this.#failure ?? this.#compartment?.death ?? null;
  }

  /**
   * Executes the tool's program in a folder that was made for this run, which is also its home.
   *
   * @param signal aborting it stops the run, with SIGTERM first
   */
  async run(order: Order, signal: AbortSignal, onOutput?: OutputListener): Promise<Execution> {
    const abortion = abortionOf(signal);
    let compartment: Compartment;
    let folder: Awaited<ReturnType<ScratchFolders["makeScratch"]>>;
    try {
      await Promise.race([this.#coming, abortion]);
      if (signal.aborted) return { status: "cancelled" };
      compartment = await this.#coming;
    } catch (error) {
      return { status: "not_started", reason: (error as Error).message };
    }
    // Not before there is a compartment: each folder that was made must be removed again.
    const making = this.#scratch.makeScratch(this.#name);
    try {
      await Promise.race([making, abortion]);
      if (signal.aborted) {
        // A folder that comes too late is nobody's.
        making.then(({ id }) => this.#scratch.removeScratch(this.#name, id)).catch(() => {});
        return { status: "cancelled" };
      }
      folder = await making;
    } catch (error) {
      return { status: "not_started", reason: (error as Error).message, lacks: "folder" };
    }
    const { id, path } = folder;
    // A process that is still there could write to a folder that is being removed.
    this.#afterwards.set(order.id, () => void this.#scratch.removeScratch(this.#name, id));
    const env = { ...order.env, HOME: path, TMPDIR: path };
    const execution = await compartment.run({ ...order, env }, path, signal, onOutput);
    // Nothing was announced to the warden, so it will not say that nothing is left.
    if (execution.status === "not_started" || execution.status === "cancelled") this.gone(order.id);
    return execution;
  }

  /** The last process of the run is gone. */
  gone(run: string): void {
    this.#afterwards.get(run)?.();
    this.#afterwards.delete(run);
  }
}
