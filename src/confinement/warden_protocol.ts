/**
 * What the server, the warden and the compartments say to each other about confinement: three tables of messages,
 * without arguments and without output. Anything else is fatal to the sender, or to the warden when main is it.
 *
 * @module
 */
import { CAPABILITIES } from "./linux/capabilities.ts";
import type { Ceilings } from "./linux/ceilings.ts";
import type { ThreadRules } from "./linux/confine_thread.ts";
import { isServerNonce } from "./linux/run_tag.ts";
import {
  count,
  hasExactly,
  listOf,
  messageCheck,
  oneOf,
  orNull,
  text,
  textUpTo,
  wholeCount,
} from "./message_table.ts";
import type { Tier } from "./tier.ts";

/** Ceilings on all processes of a run together; null is no ceiling. */
export interface TreeCeilings {
  readonly memoryBytes: number | null;
  readonly processes: number | null;
}

/** What the warden is told of a run before its program starts. */
export interface RunTerms {
  readonly run: string;
  readonly compartment: string;
  readonly ceilings: Ceilings;
  readonly tree: TreeCeilings;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
}

/** How a compartment is to be made. */
export interface CompartmentTerms {
  /**
   * Its own name, such as `nmap` or `nmap.2`: a tool whose program has changed has a new compartment beside the one
   * where runs still go on.
   */
  readonly compartment: string;
  /** Absolute path: the one program that it may start. */
  readonly program: string;
  readonly rules: ThreadRules;
}

/** From the server to the warden. */
export type ToWarden =
  /** `undertaker` leads from the server to the worker that acts when the warden does not. */
  | { readonly type: "open"; readonly tier: Tier; readonly nonce: string; readonly undertaker: MessagePort }
  /** `port` leads to the server, past the warden. */
  | { readonly type: "make"; readonly terms: CompartmentTerms; readonly port: MessagePort }
  /** Ends the compartment and everything that runs in it. */
  | { readonly type: "drop"; readonly compartment: string }
  | { readonly type: "begin"; readonly terms: RunTerms }
  /** The run is over for the server; whatever is left of it is killed. */
  | { readonly type: "end"; readonly run: string }
  /** Kills what servers that are gone have left behind. */
  | { readonly type: "reap"; readonly nonces: readonly string[] }
  /** Nothing runs any more; the warden puts back what it changed on the machine. */
  | { readonly type: "close" }
  | { readonly type: "ping"; readonly count: number };

/** What the kernel gives, as the warden found it. */
export interface KernelReport {
  readonly libc: string;
  readonly architecture: string;
  /** 0 where there is no Landlock. */
  readonly landlockAbi: number;
  readonly capabilities: readonly string[];
  /** Which tree ceilings a cgroup enforces. */
  readonly cgroup: readonly string[];
  /** Why none does, or null. */
  readonly cgroupReason: string | null;
}

/** From the warden to the server. */
export type FromWarden =
  /** `kernel` is null in tier basic; a reason where the tier is not to be had. */
  | { readonly type: "opened"; readonly kernel: KernelReport | null }
  | { readonly type: "not_opened"; readonly reason: string }
  | { readonly type: "made"; readonly compartment: string }
  /** The compartment could not be confined: nothing runs in it. `machine`: nor could any other tool's. */
  | {
    readonly type: "not_made";
    readonly compartment: string;
    readonly reason: string;
    readonly machine: boolean;
  }
  | { readonly type: "died"; readonly compartment: string; readonly reason: string }
  /** No process of the run is left. With `survivors` it is not yet so, and this is told again when it is. */
  | {
    readonly type: "gone";
    readonly run: string;
    readonly killed: number;
    readonly survivors: number;
    readonly note: string | null;
  }
  | { readonly type: "reaped"; readonly nonce: string; readonly killed: number; readonly survivors: number }
  | { readonly type: "closed" }
  | { readonly type: "pong"; readonly count: number };

/** From the warden to a compartment: once, at its beginning, and when a start was refused. */
export type WardenToCompartment =
  | {
    readonly type: "open";
    readonly program: string;
    /** Null in tier basic. */
    readonly rules: ThreadRules | null;
    readonly port: MessagePort;
  }
  | { readonly type: "refusal"; readonly run: string; readonly reason: string | null };

/** From a compartment to the warden. */
export type CompartmentToWarden =
  | { readonly type: "confined"; readonly listener: number }
  | { readonly type: "not_confined"; readonly reason: string; readonly machine: boolean }
  /** The error number of the attempt to execute what does not exist. */
  | { readonly type: "self_tested"; readonly errno: number }
  | { readonly type: "ready" }
  /** The next program that it starts is this run's. */
  | { readonly type: "spawning"; readonly run: string }
  | { readonly type: "spawned"; readonly run: string }
  | { readonly type: "not_spawned"; readonly run: string }
  | { readonly type: "stop"; readonly run: string }
  | { readonly type: "exited"; readonly run: string };

/** Ids of runs, names of compartments: a tool's name, and a number. */
const name = textUpTo(80);
const isPort = (value: unknown) => value instanceof MessagePort;
const nonce = (value: unknown) => typeof value === "string" && isServerNonce(value);

const CEILINGS = hasExactly({
  memoryBytes: wholeCount,
  cpuSec: wholeCount,
  openFiles: wholeCount,
  fileBytes: wholeCount,
});
const TREE = hasExactly({ memoryBytes: orNull(wholeCount), processes: orNull(wholeCount) });
const RULES = hasExactly({
  executables: listOf(text, 256),
  writableFolder: text,
  capabilities: listOf(oneOf(...Object.keys(CAPABILITIES)), 8),
});

/** What the warden takes from the server. */
export const isToWarden: (data: unknown) => data is ToWarden = messageCheck<ToWarden>({
  open: { tier: oneOf("kernel", "basic"), nonce, undertaker: isPort },
  make: { terms: hasExactly({ compartment: name, program: text, rules: RULES }), port: isPort },
  drop: { compartment: name },
  begin: {
    terms: hasExactly({ run: name, compartment: name, ceilings: CEILINGS, tree: TREE, killGraceMs: count }),
  },
  end: { run: name },
  reap: { nonces: listOf(nonce, 1024) },
  close: {},
  ping: { count: wholeCount },
});

/** What the server takes from the warden. */
export const isFromWarden: (data: unknown) => data is FromWarden = messageCheck<FromWarden>({
  opened: {
    kernel: orNull(hasExactly({
      libc: text,
      architecture: name,
      landlockAbi: wholeCount,
      capabilities: listOf(name, 64),
      cgroup: listOf(name, 8),
      cgroupReason: orNull(text),
    })),
  },
  not_opened: { reason: text },
  made: { compartment: name },
  not_made: { compartment: name, reason: text, machine: oneOf(true, false) },
  died: { compartment: name, reason: text },
  gone: { run: name, killed: wholeCount, survivors: wholeCount, note: orNull(text) },
  reaped: { nonce, killed: wholeCount, survivors: wholeCount },
  closed: {},
  pong: { count: wholeCount },
});

/** What the warden takes from a compartment. */
export const isCompartmentToWarden: (data: unknown) => data is CompartmentToWarden = messageCheck<
  CompartmentToWarden
>({
  confined: { listener: wholeCount },
  not_confined: { reason: text, machine: oneOf(true, false) },
  self_tested: { errno: wholeCount },
  ready: {},
  spawning: { run: name },
  spawned: { run: name },
  not_spawned: { run: name },
  stop: { run: name },
  exited: { run: name },
});
