/**
 * What the server and a compartment say to each other: one table of messages. Anything else is fatal to the
 * compartment, because a thread that handles a program's output is not trusted to be what it was.
 *
 * @module
 */

/** The two output streams. */
export type StreamName = "stdout" | "stderr";

/** Why a run was stopped before its program ended by itself. */
export type StopCause = "timeout" | "cancelled" | "flood";

/** One execution, as a compartment is asked for it. The program is the compartment's own and is not named. */
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
}

/** From the server to a compartment. */
export type ToCompartment =
  | { readonly type: "open"; readonly program: string }
  | { readonly type: "run"; readonly order: Order }
  | { readonly type: "cancel"; readonly id: string };

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
  | { readonly type: "ready" }
  | { readonly type: "output"; readonly id: string; readonly stream: StreamName; readonly bytes: Uint8Array }
  | { readonly type: "ended"; readonly id: string; readonly ending: Ending }
  | { readonly type: "not_started"; readonly id: string; readonly reason: string };

type Fields = Readonly<Record<string, (value: unknown) => boolean>>;

const text = (value: unknown) => typeof value === "string" && value.length <= 4096;
const count = (value: unknown) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const orNull = (check: (value: unknown) => boolean) => (value: unknown) => value === null || check(value);
const oneOf = (...options: readonly unknown[]) => (value: unknown) => options.includes(value);

const ENDING: Fields = {
  code: orNull(Number.isSafeInteger),
  signal: orNull(text),
  cause: oneOf(null, "timeout", "cancelled", "flood"),
  bytes: hasExactly({ stdout: count, stderr: count }),
  durationMs: count,
  heldOpen: oneOf(true, false),
};

/** The messages of a compartment, field by field. */
const FROM_COMPARTMENT: Readonly<Record<FromCompartment["type"], Fields>> = {
  ready: {},
  output: { id: text, stream: oneOf("stdout", "stderr"), bytes: (value) => value instanceof Uint8Array },
  ended: { id: text, ending: hasExactly(ENDING) },
  not_started: { id: text, reason: text },
};

/** Whether `data` is a message that a compartment may send. */
export function isFromCompartment(data: unknown): data is FromCompartment {
  if (typeof data !== "object" || data === null || !("type" in data) || typeof data.type !== "string") {
    return false;
  }
  if (!Object.hasOwn(FROM_COMPARTMENT, data.type)) return false;
  const fields = FROM_COMPARTMENT[data.type as FromCompartment["type"]];
  return hasExactly({ ...fields, type: text })(data);
}

function hasExactly(fields: Fields): (value: unknown) => boolean {
  return (value) =>
    typeof value === "object" && value !== null &&
    Object.keys(value).length === Object.keys(fields).length &&
    Object.entries(fields).every(([key, check]) =>
      Object.hasOwn(value, key) && check((value as Record<string, unknown>)[key])
    );
}
