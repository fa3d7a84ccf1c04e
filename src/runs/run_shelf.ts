/**
 * Where the bytes of ended runs are: what a store of runs needs of the place, and the place in memory.
 *
 * @module
 */
import { MAX_RUN_READ_BYTES, type RunFile } from "../confinement/run_messages.ts";

/** What is kept of a run in bytes; `result` is JSON. */
export type RunPart = Exclude<RunFile, "index">;

/** All of it. */
export type RunParts = Readonly<Record<RunPart, Uint8Array<ArrayBuffer>>>;

/** What is put on a shelf. */
export interface ShelvedRun {
  readonly parts: RunParts;
  /** What must be known of the run without reading its parts; JSON. */
  readonly index: Uint8Array<ArrayBuffer>;
}

/** Bytes that one reading gives at most: as many as the scribe reads at once. */
export const MAX_READ_BYTES = MAX_RUN_READ_BYTES;

/** A place for the bytes of ended runs. */
export interface RunShelf {
  /** Takes what is kept of a run. The bytes are not changed any more. It may turn out later that they are lost. */
  put(id: string, run: ShelvedRun): void;
  /**
   * Reads a part of a run.
   *
   * @param length how many bytes are wanted, at most {@link MAX_READ_BYTES}
   * @returns as many as there are of them, or null when the run is not there any more
   * @throws {Error} when they are there and cannot be read
   */
  read(id: string, part: RunPart, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Removes runs, whether they are there or not. */
  remove(ids: readonly string[]): void;
}

/** The shelf in memory. */
export class MemoryShelf implements RunShelf {
  readonly #runs = new Map<string, RunParts>();

  put(id: string, { parts }: ShelvedRun): void {
    this.#runs.set(id, parts);
  }

  read(id: string, part: RunPart, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return Promise.resolve(this.#runs.get(id)?.[part].subarray(offset, offset + length) ?? null);
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#runs.delete(id);
  }
}
