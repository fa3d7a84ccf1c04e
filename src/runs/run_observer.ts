/**
 * Watching runs from their start to their end: whoever keeps, shows or announces them is told here.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { StreamName } from "../confinement/protocol.ts";
import { stackOf } from "../core/failed_request.ts";
import type { ReportedRun } from "./execute.ts";

/** A run whose program is about to start. Each run has one such object, the same in every call about it. */
export interface StartedRun {
  /** A UUID of our own making. */
  readonly runId: string;
  readonly tool: string;
  /** The normalised target, or null for a tool without one. */
  readonly target: string | null;
  /** The program's absolute path and its arguments, which may hold a caller's secrets. */
  readonly argv: readonly string[];
  readonly correlationId: string;
  /** Who asked, as `RunContext.client` has it. */
  readonly client: string;
  /** Milliseconds spent waiting for a permit. */
  readonly waitedMs: number;
  /** By the machine's clock: milliseconds since 1970. */
  readonly startedAtMs: number;
}

/** The bytes that were kept of a run's output. */
export type RunOutput = Readonly<Record<StreamName, Uint8Array>>;

/**
 * Told of runs. Each call must return soon, since the run waits for it, and must not change the bytes that it is given:
 * they are everybody's. What it throws is logged and does not touch the run.
 */
export interface RunObserver {
  /** Comes first, and is followed by exactly one of {@link ended} and {@link abandoned}. */
  started(run: StartedRun): void;
  /**
   * Output as it comes, up to the caps of the streams.
   *
   * @param soFar all that was kept of the stream so far: a view, which later output leaves as it is
   */
  output?(run: StartedRun, stream: StreamName, chunk: Uint8Array, soFar: Uint8Array): void;
  /** The program ran, whatever came of it. */
  ended(run: StartedRun, reported: ReportedRun, output: RunOutput): void;
  /** There is no result: nothing ran, because it could not be started or was cancelled before. */
  abandoned(run: StartedRun): void;
}

const logger = getLogger(["bulkhead", "runs"]);

/** One run as its observers see it. Disposing of it abandons a run that has not ended: no observer is left waiting. */
export class ObservedRun {
  readonly #run: StartedRun;
  readonly #observers: readonly RunObserver[];
  #isOver = false;

  /** Tells that the run starts. */
  constructor(run: StartedRun, observers: readonly RunObserver[]) {
    this.#run = run;
    this.#observers = observers;
    this.#tell((observer) => observer.started(run));
  }

  /** Tells of output. */
  output(stream: StreamName, chunk: Uint8Array, soFar: Uint8Array): void {
    this.#tell((observer) => observer.output?.(this.#run, stream, chunk, soFar));
  }

  /** Tells what came of the run. */
  ended(reported: ReportedRun, output: RunOutput): void {
    this.#isOver = true;
    this.#tell((observer) => observer.ended(this.#run, reported, output));
  }

  /** Tells that nothing came of the run, unless it has ended. */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tell((observer) => observer.abandoned(this.#run));
  }

  #tell(tell: (observer: RunObserver) => void): void {
    for (const observer of this.#observers) {
      try {
        tell(observer);
      } catch (error) {
        logger.error("an observer of runs failed", { run_id: this.#run.runId, error: stackOf(error) });
      }
    }
  }
}
