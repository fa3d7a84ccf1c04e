/**
 * The last runs and their outputs, bounded in number and in bytes.
 *
 * A run is known from its start. While it goes on it is not counted and not evicted: its output lies in its
 * compartment's buffers anyhow, which the caps of the streams bound, and is only looked at. When it has ended it is kept,
 * and the runs that ended first go until all fit. What is larger than the whole store alone is not kept at all, rather
 * than driving everything else out; and of the runs of a check, which come by the clock, only the latest is kept.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { StreamName } from "../confinement/protocol.ts";
import type { Clock } from "../core/clock.ts";
import type { RunResult } from "../core/result.ts";
import type { ReportedRun } from "./execute.ts";
import { isCheckClient } from "./check_client.ts";
import { countedBytes, type EndedRun, keep, type KeptRun, LiveRun } from "./kept_run.ts";
import type { RunObserver, RunOutput, StartedRun } from "./run_observer.ts";
import { MAX_READ_BYTES, type RunPart, type RunShelf } from "./run_shelf.ts";
import type { RunRecord } from "./run_summary.ts";

/** How much is kept. */
export interface RunStoreSettings {
  /** Ended runs. */
  readonly keep: number;
  /** Bytes that they may take, with what is known of them. */
  readonly maxBytes: number;
}

const logger = getLogger(["bulkhead", "runs"]);

/** The store. */
export class RunStore implements RunObserver {
  readonly #settings: () => RunStoreSettings;
  readonly #shelf: RunShelf;
  readonly #clock: Clock;
  /** All runs, in the order in which they started. */
  #runs = new Map<string, LiveRun | EndedRun>();
  /** Those that have ended, in that order. */
  #ended = new Map<string, EndedRun>();
  #bytes = 0;

  /** @param settings asked whenever a run has ended */
  constructor(settings: () => RunStoreSettings, shelf: RunShelf, clock: Clock) {
    this.#settings = settings;
    this.#shelf = shelf;
    this.#clock = clock;
  }

  /** How many runs have ended and are kept, and the bytes that they are counted with. */
  get kept(): { readonly runs: number; readonly bytes: number } {
    return { runs: this.#ended.size, bytes: this.#bytes };
  }

  started(run: StartedRun): void {
    this.#runs.set(run.runId, new LiveRun(run, this.#clock));
  }

  output({ runId }: StartedRun, stream: StreamName, _chunk: Uint8Array, soFar: Uint8Array): void {
    const run = this.#runs.get(runId);
    if (run instanceof LiveRun) run.wrote(stream, soFar);
  }

  ended(run: StartedRun, reported: ReportedRun, output: RunOutput): void {
    const { runId: id } = run;
    const { keep: most, maxBytes } = this.#settings();
    if (most === 0) return void this.#runs.delete(id);
    const { ended, shelved } = keep(run, reported, output, this.#clock.wall());
    const bytes = countedBytes(ended);
    if (bytes > maxBytes) {
      this.#runs.delete(id);
      logger.warn("a run is larger than runs.max_bytes: it is not kept", { run_id: id, bytes });
      return;
    }
    if (isCheckClient(run.client)) this.#forgetAllOf(run.client);
    this.#runs.set(id, ended);
    this.#ended.set(id, ended);
    this.#bytes += bytes;
    this.#shelf.put(id, shelved());
    this.refresh();
  }

  abandoned({ runId }: StartedRun): void {
    this.#runs.delete(runId);
  }

  /** Lets go of what is too much by the settings of now. */
  refresh(): void {
    const { keep: most, maxBytes } = this.#settings();
    const evicted: string[] = [];
    for (const id of this.#ended.keys()) {
      if (this.#ended.size <= most && this.#bytes <= maxBytes) break;
      this.#forget(id);
      evicted.push(id);
    }
    if (evicted.length > 0) this.#shelf.remove(evicted);
  }

  /** Takes in runs that an earlier server has kept: they come before all that this one knows, in any order here. */
  adopt(runs: readonly EndedRun[]): void {
    const fresh = runs.filter(({ summary }) => !this.#runs.has(summary.run_id));
    const entries = (sorted: EndedRun[]) => sorted.map((run) => [run.summary.run_id, run] as const);
    this.#runs = new Map([...entries(fresh.toSorted(byStart)), ...this.#runs]);
    this.#ended = new Map([...entries(fresh.toSorted(byEnd)), ...this.#ended]);
    for (const run of fresh) this.#bytes += countedBytes(run);
    this.refresh();
  }

  /** Takes note that what was kept of a run is lost. */
  lost(id: string): void {
    if (this.#ended.has(id)) this.#forget(id);
  }

  /** A run by its id, or null when there is none, or none any more. */
  find(id: string): KeptRun | null {
    const run = this.#runs.get(id);
    return run === undefined ? null : view(run);
  }

  /** All runs, the one that was started last first. */
  *newestFirst(): Generator<KeptRun> {
    for (const run of [...this.#runs.values()].reverse()) yield view(run);
  }

  /**
   * Reads a part of a run that has ended; that of one that goes on is in what {@link find} gives.
   *
   * @param length how many bytes are wanted, at most {@link MAX_READ_BYTES}
   * @returns as many as there are of them, or null when the run is not there any more
   * @throws {Error} when they are there and cannot be read
   */
  async read(
    id: string,
    part: RunPart,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    if (!this.#ended.has(id)) return null;
    const bytes = await this.#shelf.read(id, part, offset, length);
    // Another server that shares the folder may have removed it.
    if (bytes === null) this.lost(id);
    return bytes;
  }

  /**
   * All of a run, with its output as text, as whoever asked for it was answered.
   *
   * @returns null when it is not there any more
   * @throws {Error} when it is there and cannot be read
   */
  async record(run: KeptRun): Promise<RunRecord | null> {
    if (run.state === "running") return run.record();
    const { run_id: id, started_at, client } = run.summary;
    const json = await this.text(id, "result", run.bytes.result);
    const stdout = await this.text(id, "stdout", run.bytes.stdout);
    const stderr = await this.text(id, "stderr", run.bytes.stderr);
    if (json === null || stdout === null || stderr === null) return null;
    // What was written here, by us.
    return { ...JSON.parse(json) as RunResult, stdout, stderr, started_at, client };
  }

  /** A part as text; null when it is not there any more. */
  async text(id: string, part: RunPart, length: number): Promise<string | null> {
    const decoder = new TextDecoder();
    let text = "";
    for (let offset = 0; offset < length; offset += MAX_READ_BYTES) {
      const bytes = await this.read(id, part, offset, Math.min(MAX_READ_BYTES, length - offset));
      if (bytes === null) return null;
      text += decoder.decode(bytes, { stream: true });
    }
    return text + decoder.decode();
  }

  #forgetAllOf(client: string): void {
    const earlier = [...this.#ended.values()]
      .filter(({ summary }) => summary.client === client)
      .map(({ summary }) => summary.run_id);
    for (const id of earlier) this.#forget(id);
    if (earlier.length > 0) this.#shelf.remove(earlier);
  }

  #forget(id: string): void {
    this.#bytes -= countedBytes(this.#ended.get(id)!);
    this.#ended.delete(id);
    this.#runs.delete(id);
  }
}

function view(run: LiveRun | EndedRun): KeptRun {
  return run instanceof LiveRun ? run.view() : run;
}

function byStart(a: EndedRun, b: EndedRun): number {
  return compare(a.summary.started_at, b.summary.started_at) || compare(a.summary.run_id, b.summary.run_id);
}

function byEnd(a: EndedRun, b: EndedRun): number {
  return a.endedAtMs - b.endedAtMs || byStart(a, b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
