/**
 * The shelf in a folder. Runs do not wait for the disk: what is to be written waits here, one run at a time is under way,
 * and where the disk is slower than the runs some are not kept, and counted, rather than that more and more wait.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { RunFiles } from "../confinement/run_messages.ts";
import type { RunPart, RunShelf, ShelvedRun } from "./run_shelf.ts";

/** Whoever may still read and write: the scribe. Everything rejects with the reason when it cannot be done. */
export interface ShelfFiles {
  keep(run: string, files: RunFiles): Promise<void>;
  /** Null when there is no such run. */
  read(run: string, file: RunPart, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | null>;
  remove(runs: readonly string[]): Promise<void>;
}

/** What waits at most: runs, and their bytes. A single one may have more, when it is the only one. */
export const MAX_WAITING = { runs: 1000, bytes: 33_554_432 } as const;

const logger = getLogger(["bulkhead", "runs"]);

/** Runs in a folder. */
export class FolderShelf implements RunShelf {
  readonly #files: ShelfFiles;
  readonly #onLost: (id: string) => void;
  /** Runs that are not in the folder yet, in their order; the first is under way. */
  readonly #waiting = new Map<string, ShelvedRun>();
  #waitingBytes = 0;
  /** Settles when nothing waits any more; null when nothing does. */
  #writing: Promise<void> | null = null;
  /** Runs that were lost since the last that was written. */
  #lost = 0;

  /** @param onLost told of a run that could not be written: it is not there */
  constructor(files: ShelfFiles, onLost: (id: string) => void) {
    this.#files = files;
    this.#onLost = onLost;
  }

  put(id: string, run: ShelvedRun): void {
    const bytes = sizeOf(run);
    const isFull = this.#waiting.size >= MAX_WAITING.runs || this.#waitingBytes + bytes > MAX_WAITING.bytes;
    if (isFull && this.#waiting.size > 0) {
      return this.#lose(id, "runs end faster than they can be written to the folder of state");
    }
    this.#waiting.set(id, run);
    this.#waitingBytes += bytes;
    this.#writing ??= this.#write();
  }

  async read(
    id: string,
    part: RunPart,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) return waiting.parts[part].subarray(offset, offset + length);
    const bytes = await this.#files.read(id, part, offset, length);
    if (bytes !== null && bytes.length < length) throw new Error("a kept run is shorter than it was");
    return bytes;
  }

  remove(ids: readonly string[]): void {
    const written = ids.filter((id) => !this.#waiting.has(id));
    for (const id of ids) this.#take(id);
    this.#removeFiles(written);
  }

  /** Resolves when nothing waits to be written. */
  async written(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const [id, run] = first;
      const { index, parts } = run;
      try {
        await this.#files.keep(id, { index, ...parts });
        this.#wrote();
        // It was removed while it was under way.
        if (!this.#waiting.has(id)) this.#removeFiles([id]);
      } catch (error) {
        // One that was removed meanwhile is missed by nobody.
        if (this.#waiting.has(id)) this.#lose(id, (error as Error).message);
      }
      this.#take(id);
    }
    this.#writing = null;
  }

  #removeFiles(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#files.remove(ids).catch((error: Error) => {
      logger.warn("runs that are too many could not be removed", { runs: ids.length, reason: error.message });
    });
  }

  #take(id: string): void {
    const run = this.#waiting.get(id);
    if (run === undefined) return;
    this.#waiting.delete(id);
    this.#waitingBytes -= sizeOf(run);
  }

  /** Said once, and once more when it is over. */
  #lose(id: string, reason: string): void {
    if (this.#lost === 0) logger.warn("a run is not kept", { run_id: id, reason });
    this.#lost++;
    this.#onLost(id);
  }

  #wrote(): void {
    if (this.#lost > 0) logger.warn("runs are kept again", { lost: this.#lost });
    this.#lost = 0;
  }
}

function sizeOf({ index, parts: { stdout, stderr, result } }: ShelvedRun): number {
  return index.length + stdout.length + stderr.length + result.length;
}
