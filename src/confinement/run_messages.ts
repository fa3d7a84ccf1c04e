/**
 * The part of the scribe's protocol that is about runs which are kept in the folder of state.
 *
 * @module
 */
import {
  bytesUpTo,
  type Check,
  hasExactly,
  listOf,
  matching,
  type MessageTable,
  oneOf,
  orNull,
  text,
  textUpTo,
  wholeCount,
} from "./message_table.ts";

/** The files of a run: `index` is what must be known of it without reading the others, `result` is JSON. */
export const RUN_FILES = ["index", "result", "stdout", "stderr"] as const;

/** One of them. */
export type RunFile = (typeof RUN_FILES)[number];

/** A run that was found in the folder. */
export interface FoundRun {
  readonly run: string;
  readonly index: string;
  /** Bytes of the other files. */
  readonly bytes: { readonly result: number; readonly stdout: number; readonly stderr: number };
}

/** What is to be kept of a run. */
export type RunFiles = Readonly<Record<RunFile, Uint8Array>>;

/** From the server to the scribe. `open_runs` comes before all others, once. */
export type RunOrder =
  /** Makes the folder when it is not there. */
  | { readonly type: "open_runs" }
  /** Has all runs listed that are there. */
  | { readonly type: "list_runs" }
  | ({ readonly type: "keep_run"; readonly run: string } & RunFiles)
  | {
    readonly type: "read_run";
    readonly id: string;
    readonly run: string;
    readonly file: RunFile;
    readonly offset: number;
    readonly length: number;
  }
  | { readonly type: "remove_runs"; readonly id: string; readonly runs: readonly string[] };

/** From the scribe to the server: one answer to each order, and pages of `runs_found` before `runs_listed`. */
export type RunAnswer =
  | { readonly type: "runs_opened" }
  | { readonly type: "runs_not_opened"; readonly reason: string }
  | { readonly type: "runs_found"; readonly runs: readonly FoundRun[] }
  /** `damaged` runs were removed. */
  | { readonly type: "runs_listed"; readonly damaged: number }
  | { readonly type: "runs_not_listed"; readonly reason: string }
  | { readonly type: "run_kept"; readonly run: string }
  | { readonly type: "run_not_kept"; readonly run: string; readonly reason: string }
  /** Fewer bytes than were asked for where the file ends; null when there is no such run. */
  | { readonly type: "run_bytes"; readonly id: string; readonly bytes: Uint8Array<ArrayBuffer> | null }
  | { readonly type: "run_not_read"; readonly id: string; readonly reason: string }
  /** `reason` says why some were not removed, or is null. */
  | { readonly type: "runs_removed"; readonly id: string; readonly reason: string | null };

/** Bytes of an index. */
export const MAX_RUN_INDEX_BYTES = 65_536;

/** Bytes of any other file of a run. */
export const MAX_RUN_FILE_BYTES = 1_073_741_824;

/** Bytes that are read at once. */
export const MAX_RUN_READ_BYTES = 1_048_576;

/** Runs in one message. */
export const MAX_RUNS_AT_ONCE = 128;

/** How `newId()` writes a run's id, which is a part of a path: nothing but this may stand in it. */
export const RUN_ID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const run = matching(RUN_ID_PATTERN);
const id = run;
const bytes = bytesUpTo(MAX_RUN_FILE_BYTES);
const readLength: Check = (value) => wholeCount(value) && Number(value) <= MAX_RUN_READ_BYTES;

/** The orders. */
export const RUN_ORDERS: MessageTable<RunOrder> = {
  open_runs: {},
  list_runs: {},
  keep_run: { run, index: bytesUpTo(MAX_RUN_INDEX_BYTES), result: bytes, stdout: bytes, stderr: bytes },
  read_run: { id, run, file: oneOf(...RUN_FILES), offset: wholeCount, length: readLength },
  remove_runs: { id, runs: listOf(run, MAX_RUNS_AT_ONCE) },
};

/** The answers. */
export const RUN_ANSWERS: MessageTable<RunAnswer> = {
  runs_opened: {},
  runs_not_opened: { reason: text },
  runs_found: {
    runs: listOf(
      hasExactly({
        run,
        index: textUpTo(MAX_RUN_INDEX_BYTES),
        bytes: hasExactly({ result: wholeCount, stdout: wholeCount, stderr: wholeCount }),
      }),
      MAX_RUNS_AT_ONCE,
    ),
  },
  runs_listed: { damaged: wholeCount },
  runs_not_listed: { reason: text },
  run_kept: { run },
  run_not_kept: { run, reason: text },
  run_bytes: { id, bytes: orNull(bytesUpTo(MAX_RUN_READ_BYTES)) },
  run_not_read: { id, reason: text },
  runs_removed: { id, reason: orNull(text) },
};

/** Whether an order is about kept runs. */
export function isRunOrder<Other extends { readonly type: string }>(
  order: Other | RunOrder,
): order is RunOrder {
  return Object.hasOwn(RUN_ORDERS, order.type);
}

/** Whether an answer is about kept runs. */
export function isRunAnswer<Other extends { readonly type: string }>(
  answer: Other | RunAnswer,
): answer is RunAnswer {
  return Object.hasOwn(RUN_ANSWERS, answer.type);
}
