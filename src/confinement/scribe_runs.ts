/**
 * The server's side of the runs that a scribe keeps: orders, each with its answer.
 *
 * @module
 */
import { newId } from "../core/ids.ts";
import { PendingAnswers } from "./pending_answers.ts";
import {
  type FoundRun,
  MAX_RUN_FILE_BYTES,
  MAX_RUN_INDEX_BYTES,
  MAX_RUNS_AT_ONCE,
  type RunAnswer,
  type RunFile,
  type RunFiles,
  type RunOrder,
} from "./run_messages.ts";

/** Where answers are waited for that come once only. */
const ONCE = "";

/** Runs in a folder. Everything rejects with the reason when it cannot be done. */
export class ScribeRuns {
  readonly #send: (order: RunOrder) => void;
  readonly #openings = new PendingAnswers<void>();
  readonly #listings = new PendingAnswers<number>();
  readonly #keepings = new PendingAnswers<void>();
  readonly #readings = new PendingAnswers<Uint8Array<ArrayBuffer> | null>();
  readonly #removals = new PendingAnswers<string | null>();
  #onFound: ((runs: readonly FoundRun[]) => void) | null = null;

  /** @param send throws when no order is taken any more */
  constructor(send: (order: RunOrder) => void) {
    this.#send = send;
  }

  /** Makes the folder when it is not there, once; before this nothing else may be asked. */
  open(): Promise<void> {
    return this.#ask(this.#openings, ONCE, { type: "open_runs" });
  }

  /**
   * Lists all runs that are there, and removes what is damaged.
   *
   * @param onFound told of them, some at a time
   * @returns how many were damaged
   */
  async list(onFound: (runs: readonly FoundRun[]) => void): Promise<number> {
    this.#onFound = onFound;
    try {
      return await this.#ask(this.#listings, ONCE, { type: "list_runs" });
    } finally {
      this.#onFound = null;
    }
  }

  /** Keeps a run. The bytes are copied: what the caller has stays its own. */
  async keep(run: string, files: RunFiles): Promise<void> {
    const { index, ...rest } = files;
    const isTooMuch = index.length > MAX_RUN_INDEX_BYTES ||
      Object.values(rest).some(({ buffer }) => buffer.byteLength > MAX_RUN_FILE_BYTES);
    // An order that is not in the table would end the scribe.
    if (isTooMuch) throw new Error("it is larger than a run may be that is kept in a folder");
    await this.#ask(this.#keepings, run, { type: "keep_run", run, ...files });
  }

  /** Reads a file of a run; null when there is no such run. */
  read(run: string, file: RunFile, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const id = newId();
    return this.#ask(this.#readings, id, { type: "read_run", id, run, file, offset, length });
  }

  /** Removes runs, whether they are there or not. */
  async remove(runs: readonly string[]): Promise<void> {
    for (let begin = 0; begin < runs.length; begin += MAX_RUNS_AT_ONCE) {
      const id = newId();
      const some = runs.slice(begin, begin + MAX_RUNS_AT_ONCE);
      const reason = await this.#ask(this.#removals, id, { type: "remove_runs", id, runs: some });
      if (reason !== null) throw new Error(reason);
    }
  }

  /** Takes an answer. @returns false when nobody waits for it */
  answered(answer: RunAnswer): boolean {
    switch (answer.type) {
      case "runs_opened":
        return this.#openings.resolve(ONCE, undefined);
      case "runs_not_opened":
        return this.#openings.reject(ONCE, answer.reason);
      case "runs_found":
        this.#onFound?.(answer.runs);
        return this.#onFound !== null;
      case "runs_listed":
        return this.#listings.resolve(ONCE, answer.damaged);
      case "runs_not_listed":
        return this.#listings.reject(ONCE, answer.reason);
      case "run_kept":
        return this.#keepings.resolve(answer.run, undefined);
      case "run_not_kept":
        return this.#keepings.reject(answer.run, answer.reason);
      case "run_bytes":
        return this.#readings.resolve(answer.id, answer.bytes);
      case "run_not_read":
        return this.#readings.reject(answer.id, answer.reason);
      case "runs_removed":
        return this.#removals.resolve(answer.id, answer.reason);
    }
  }

  /** No more answers come. */
  fail(reason: string): void {
    const all = [this.#openings, this.#listings, this.#keepings, this.#readings, this.#removals];
    for (const pending of all) pending.settleAll(({ reject }) => reject(new Error(reason)));
  }

  async #ask<T>(answers: PendingAnswers<T>, key: string, order: RunOrder): Promise<T> {
    this.#send(order);
    return await answers.wait(key);
  }
}
