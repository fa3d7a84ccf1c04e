/**
 * What the server and a compartment say to each other: one table of messages. Anything else is fatal to the
 * compartment, because a thread that handles a program's output is not trusted to be what it was.
 *
 * @module
 */

import type { Ceilings } from "./linux/ceilings.ts";
import { count, hasExactly, messageCheck, oneOf, orNull, text, textUpTo } from "./message_table.ts";
import type { TreeCeilings } from "./warden_protocol.ts";

/** The two output streams. */
export type StreamName = "stdout" | "stderr";

/** Why a run was stopped before its program ended by itself. */
export type StopCause = "timeout" | "cancelled" | "flood";

/** One execution, as it is asked of a compartment. The program is the compartment's own and is not named. */
export interface Order {
  /** The run's id. */
  readonly id: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds until the program is stopped. */
  readonly deadlineMs: number;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** Bytes kept of each stream. */
  readonly maxBytes: Readonly<Record<StreamName, number>>;
  /** What happens at a stream's cap: read on and forget, or stop the program. */
  readonly onFlood: "drain" | "kill";
  /** What each process may use, and all together; the warden is told, not the compartment. */
  readonly ceilings: Ceilings;
  readonly tree: TreeCeilings;
}

/** The part of an order that the compartment itself is given. */
export interface InsideOrder extends Omit<Order, "ceilings" | "tree"> {
  /** The working folder. */
  readonly cwd: string;
}

/** From the server to a compartment. */
export type ToCompartment =
  | { readonly type: "run"; readonly order: InsideOrder }
  | { readonly type: "cancel"; readonly id: string }
  /** Stops every run: there is no warden any more. */
  | { readonly type: "abandon" };

/** How an execution ended. */
export interface Ending {
  /** The exit code, or null when a signal ended the program. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What we stopped it for, or null when it ended by itself. */
  readonly cause: StopCause | null;
  /** Bytes written, kept or not. */
  readonly bytes: Readonly<Record<StreamName, number>>;
  /** Milliseconds from the start to the end. */
  readonly durationMs: number;
  /** Whether another process still held the output open when the program had ended. */
  readonly heldOpen: boolean;
}

/** From a compartment to the server. */
export type FromCompartment =
  | { readonly type: "output"; readonly id: string; readonly stream: StreamName; readonly bytes: Uint8Array }
  | { readonly type: "ended"; readonly id: string; readonly ending: Ending }
  | { readonly type: "not_started"; readonly id: string; readonly reason: string };

const name = textUpTo(64);

const ENDING = hasExactly({
  code: orNull(Number.isSafeInteger),
  signal: orNull(name),
  cause: oneOf(null, "timeout", "cancelled", "flood"),
  bytes: hasExactly({ stdout: count, stderr: count }),
  durationMs: count,
  heldOpen: oneOf(true, false),
});

/** Bytes that the sender cannot change or lengthen any more. */
const isOwnBytes = (value: unknown) => value instanceof Uint8Array && value.buffer instanceof ArrayBuffer;

/** Whether `data` is a message that a compartment may send. Bytes are bounded where they are kept. */
export const isFromCompartment: (data: unknown) => data is FromCompartment = messageCheck<FromCompartment>({
  output: { id: name, stream: oneOf("stdout", "stderr"), bytes: isOwnBytes },
  ended: { id: name, ending: ENDING },
  not_started: { id: name, reason: text },
});
