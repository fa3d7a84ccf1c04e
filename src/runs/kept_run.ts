/**
 * A run as the store knows it: one that goes on, with its output so far, or one that has ended, whose bytes are on a
 * shelf.
 *
 * @module
 */
import * as z from "zod";
import type { Clock } from "../core/clock.ts";
import type { StreamName } from "../confinement/protocol.ts";
import type { ReportedRun } from "./execute.ts";
import type { RunOutput, StartedRun } from "./run_observer.ts";
import type { ShelvedRun } from "./run_shelf.ts";
import {
  runningRecord,
  runningSummary,
  type RunRecord,
  type RunSummary,
  runSummarySchema,
  summaryOf,
} from "./run_summary.ts";

/** A run that goes on. */
export interface RunningRun {
  readonly state: "running";
  readonly summary: RunSummary;
  /** Views of what it has written so far: what it writes later leaves them as they are. */
  readonly output: RunOutput;
  readonly record: () => RunRecord;
}

/** A run that has ended. */
export interface EndedRun {
  readonly state: "ended";
  readonly summary: RunSummary;
  /** Bytes of each part. */
  readonly bytes: { readonly stdout: number; readonly stderr: number; readonly result: number };
  /** By the machine's clock: milliseconds since 1970. */
  readonly endedAtMs: number;
}

/** A run. */
export type KeptRun = RunningRun | EndedRun;

/** What a shelf keeps of an ended run to be known by. */
const indexSchema = z.strictObject({
  /** Another form gets another number: what is not understood is not kept. */
  format: z.literal(1),
  summary: runSummarySchema.refine(({ outcome }) => outcome !== "running"),
  bytes: z.strictObject({ stdout: z.int().min(0), stderr: z.int().min(0), result: z.int().min(0) }),
  ended_at_ms: z.int(),
});

/** Bytes that a record is counted with beside its parts: its summary, and its places in maps. */
const RECORD_BYTES = 1024;

/** The bytes that a run takes of `runs.max_bytes`. */
export function countedBytes({ bytes }: EndedRun): number {
  return bytes.stdout + bytes.stderr + bytes.result + RECORD_BYTES;
}

/** A run that goes on, as it is now. */
export class LiveRun {
  readonly #run: StartedRun;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #output: Record<StreamName, Uint8Array> = { stdout: NOTHING, stderr: NOTHING };

  constructor(run: StartedRun, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
    this.#startedMs = clock.now();
  }

  /** Takes note of all that it has written so far. */
  wrote(stream: StreamName, soFar: Uint8Array): void {
    this.#output[stream] = soFar;
  }

  /** What can be said of it now. */
  view(): RunningRun {
    const elapsedMs = this.#clock.now() - this.#startedMs;
    const output = { ...this.#output };
    return {
      state: "running",
      summary: runningSummary(this.#run, elapsedMs, output),
      output,
      record: () => runningRecord(this.#run, elapsedMs, output),
    };
  }
}

/** Makes of a run that has just ended what is kept of it. */
export function keep(
  run: StartedRun,
  { result }: ReportedRun,
  output: RunOutput,
  endedAtMs: number,
): { readonly ended: EndedRun; readonly shelved: () => ShelvedRun } {
  const encoder = new TextEncoder();
  // The texts are made of the bytes again when they are wanted.
  const json = encoder.encode(JSON.stringify({ ...result, stdout: "", stderr: "" }));
  const bytes = { stdout: output.stdout.length, stderr: output.stderr.length, result: json.length };
  const ended: EndedRun = { state: "ended", summary: summaryOf(run, result), bytes, endedAtMs };
  return {
    ended,
    shelved: () => ({
      parts: { stdout: alone(output.stdout), stderr: alone(output.stderr), result: alone(json) },
      index: encoder.encode(
        JSON.stringify({ format: 1, summary: ended.summary, bytes, ended_at_ms: Math.round(endedAtMs) }),
      ),
    }),
  };
}

/** The run that a shelf was found to hold, or null when this is no index of it. */
export function readIndex(id: string, text: string, found: EndedRun["bytes"]): EndedRun | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const read = indexSchema.safeParse(json);
  if (!read.success) return null;
  const { summary, bytes, ended_at_ms: endedAtMs } = read.data;
  const isWhole = bytes.stdout === found.stdout && bytes.stderr === found.stderr &&
    bytes.result === found.result;
  return summary.run_id === id && isWhole ? { state: "ended", summary, bytes, endedAtMs } : null;
}

/** Bytes in a buffer that is no longer than they are: a view would keep all of the buffer that it grew in. */
function alone(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length
    ? new Uint8Array(buffer)
    : bytes.slice() as Uint8Array<ArrayBuffer>;
}

const NOTHING = new Uint8Array();
