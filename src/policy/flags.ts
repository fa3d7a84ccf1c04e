/**
 * What flags are: as a manifest declares them, and as a caller said them.
 *
 * @module
 */
import type { Need } from "./facts.ts";
import { isIntrusiveValue, type ValueSpec } from "./value.ts";

/** One flag: its value, if it takes one, and how it is written. */
export interface FlagSpec {
  /** The flag's value; absent or boolean for a flag that stands alone. */
  readonly value?: ValueSpec;
  /** Written together: `-T4`, `--rate=100`. Otherwise flag and value are two arguments. */
  readonly join: boolean;
  /** Whether it may be given more than once. */
  readonly repeat: boolean;
  /** Whether it needs leave. */
  readonly intrusive: boolean;
  /** What it does, for people. */
  readonly description?: string;
}

/** A typed parameter: a flag with a name of its own. */
export interface ParameterSpec extends FlagSpec {
  readonly value: ValueSpec;
  readonly flag: string;
  /** Used when the caller gives neither the parameter nor its flag. */
  readonly default?: unknown;
  readonly required: boolean;
}

/** All that a caller may say to one tool. */
export interface ArgumentGrammar {
  readonly parameters: ReadonlyMap<string, ParameterSpec>;
  /** The flags of `extra_args`; a parameter's flag belongs to them without being listed. */
  readonly flags: ReadonlyMap<string, FlagSpec>;
}

/** A flag as it was said once, with its checked value. */
export interface Occurrence {
  readonly flag: string;
  readonly spec: FlagSpec;
  readonly value: string | null;
  /** Where it was said, for messages. */
  readonly field: string;
}

/** A value whose judgement needs to know more, thrown in the same way. */
export class Lacking {
  constructor(readonly need: Need) {}
}

/** An expected refusal, thrown between the modules of the grammar alone; `decideArguments` returns it. */
export class Refused {
  constructor(readonly field: string, readonly error: string, readonly remedy: string) {}
}

/** Every flag that may be written, those of the parameters included. */
export function allFlags(grammar: ArgumentGrammar): Map<string, FlagSpec> {
  const flags = new Map(grammar.flags);
  for (const parameter of grammar.parameters.values()) flags.set(parameter.flag, parameter);
  return flags;
}

/** Whether a flag and its value are joined with "=": `--rate=100`, and as dig has it `+timeout=3`. */
export function isLong(flag: string): boolean {
  return flag.startsWith("--") || flag.startsWith("+");
}

/** Whether a value must follow. */
export function takesValue(spec: FlagSpec): spec is FlagSpec & { readonly value: ValueSpec } {
  return spec.value !== undefined && spec.value.type !== "boolean";
}

/** Whether a flag as it was said needs leave: for what it is, or for its value. */
export function isIntrusive({ spec, value }: Occurrence): boolean {
  return spec.intrusive ||
    (value !== null && spec.value !== undefined && isIntrusiveValue(value, spec.value));
}
