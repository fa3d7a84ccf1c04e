/**
 * The argument grammar: the exact flags that a tool takes and how many values each has. Typed parameters and the
 * free text of `extra_args` go through this one engine; every token of the outcome is accounted for (D3 to D6).
 *
 * @module
 */
import { split } from "shlex";
import { escapeControls, hasControls, quote } from "../core/text.ts";
import { nearest } from "../documents/nearest.ts";
import type { TargetPolicy } from "./target_policy.ts";
import { describeValue, readJsonValue, readTextValue, shownValue, type ValueSpec } from "./value.ts";

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

/** What a caller said. */
export interface ArgumentRequest {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly extraArgs: string;
}

/** Arguments that may be passed on, or the field at fault. */
export type ArgumentDecision =
  | { readonly ok: true; readonly args: readonly string[]; readonly intrusive: readonly string[] }
  | { readonly ok: false; readonly field: string; readonly error: string; readonly remedy: string };

/** A flag as it was said once, with its checked value. */
interface Occurrence {
  readonly flag: string;
  readonly spec: FlagSpec;
  readonly value: string | null;
  /** Where it was said, for messages. */
  readonly field: string;
}

/** An expected refusal, thrown inside this module alone and returned by {@link decideArguments}. */
class Refused {
  constructor(readonly field: string, readonly error: string, readonly remedy: string) {}
}

/**
 * Checks parameters and extra arguments and renders them in one normalised spelling.
 *
 * @param maxBytes the longest `extra_args`, in bytes of UTF-8 (`security.max_args_length`)
 */
export function decideArguments(
  request: ArgumentRequest,
  grammar: ArgumentGrammar,
  policy: TargetPolicy,
  maxBytes: number,
): ArgumentDecision {
  try {
    const said = [
      ...readParameters(request.parameters, grammar, policy),
      ...readExtraArgs(request.extraArgs, grammar, policy, maxBytes),
    ];
    refuseRepetition(said);
    refuseContradiction(said, request.parameters, grammar);
    const all = [...defaultsFor(said, request.parameters, grammar, policy), ...said];
    refuseAmbiguity(all, allFlags(grammar));
    return {
      ok: true,
      args: all.flatMap(render),
      intrusive: all.filter((occurrence) => occurrence.spec.intrusive).map((occurrence) => occurrence.flag),
    };
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    return { ok: false, field: thrown.field, error: thrown.error, remedy: thrown.remedy };
  }
}

function readParameters(
  given: Readonly<Record<string, unknown>>,
  grammar: ArgumentGrammar,
  policy: TargetPolicy,
): Occurrence[] {
  const names = [...grammar.parameters.keys()];
  for (const name of Object.keys(given)) {
    if (grammar.parameters.has(name)) continue;
    const near = nearest(name, names);
    throw new Refused(
      `parameters.${escapeControls(name.slice(0, 60))}`,
      `unknown parameter ${quote(name)}${near === null ? "" : `; did you mean ${quote(near)}?`}`,
      names.length === 0 ? "This tool takes no parameters." : `Its parameters are: ${names.join(", ")}.`,
    );
  }
  const occurrences: Occurrence[] = [];
  for (const [name, spec] of grammar.parameters) {
    const value = ownValue(given, name);
    const field = `parameters.${name}`;
    if (value !== undefined) occurrences.push(...occurrenceOf(name, spec, value, field, policy));
    else if (spec.required) {
      throw new Refused(field, `parameter ${quote(name)} is missing`, `Give ${describeValue(spec.value)}.`);
    }
  }
  return occurrences;
}

/** What the caller gave under `name`; what every object inherits, such as `constructor`, was not given. */
function ownValue(given: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(given, name) ? given[name] : undefined;
}

function occurrenceOf(
  name: string,
  spec: ParameterSpec,
  value: unknown,
  field: string,
  policy: TargetPolicy,
): Occurrence[] {
  const reading = readJsonValue(value, spec.value, policy);
  if (!reading.ok) {
    throw new Refused(
      field,
      `parameter ${quote(name)} is ${shownValue(value)}; expected ${reading.expected}`,
      `Give ${quote(name)} as ${describeValue(spec.value)}.`,
    );
  }
  if (spec.value.type !== "boolean") return [{ flag: spec.flag, spec, value: reading.text, field }];
  return reading.text === "true" ? [{ flag: spec.flag, spec, value: null, field }] : [];
}

function readExtraArgs(
  text: string,
  grammar: ArgumentGrammar,
  policy: TargetPolicy,
  maxBytes: number,
): Occurrence[] {
  const field = "extra_args";
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > maxBytes) {
    throw new Refused(
      field,
      `extra_args is ${bytes} bytes long; at most ${maxBytes} are taken`,
      "Shorten it; a person may raise security.max_args_length.",
    );
  }
  if (hasControls(text)) {
    throw new Refused(
      field,
      "extra_args holds a control character or a newline",
      "Give it as one plain line.",
    );
  }
  const flags = allFlags(grammar);
  const tokens = tokenise(text);
  const occurrences: Occurrence[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const match = matchFlag(token, flags);
    if (match === null) throw unknownToken(token, flags);
    let value = match.value;
    const { flag, spec } = match;
    if (takesValue(spec)) {
      if (value === null) {
        index++;
        value = tokens[index] ?? null;
      }
      if (value === null) {
        throw new Refused(
          field,
          `flag ${flag} needs a value`,
          `Give ${describeValue(spec.value)} after ${flag}.`,
        );
      }
      const reading = readTextValue(value, spec.value, policy);
      if (!reading.ok) {
        throw new Refused(
          field,
          `the value of ${flag} is ${quote(value)}; expected ${reading.expected}`,
          `Give ${flag} ${describeValue(spec.value)}.`,
        );
      }
      value = reading.text;
    } else if (value !== null) {
      throw new Refused(field, `flag ${flag} takes no value`, `Write ${flag} alone.`);
    }
    occurrences.push({ flag, spec, value, field });
  }
  return occurrences;
}

function allFlags(grammar: ArgumentGrammar): Map<string, FlagSpec> {
  const flags = new Map(grammar.flags);
  for (const parameter of grammar.parameters.values()) flags.set(parameter.flag, parameter);
  return flags;
}

function takesValue(spec: FlagSpec): spec is FlagSpec & { readonly value: ValueSpec } {
  return spec.value !== undefined && spec.value.type !== "boolean";
}

function tokenise(text: string): string[] {
  try {
    return split(text);
  } catch (error) {
    throw new Refused(
      "extra_args",
      `extra_args cannot be split into words: ${(error as Error).message}`,
      "Close every quotation mark.",
    );
  }
}

/**
 * Finds the flag that `token` is: the exact name, `--name=value`, or, for a flag declared joined, the name with its
 * value right behind it. No other prefix counts, so `-proxy` is never `-p` with the value `roxy` (D5).
 */
function matchFlag(
  token: string,
  flags: ReadonlyMap<string, FlagSpec>,
): { flag: string; spec: FlagSpec; value: string | null } | null {
  const exact = flags.get(token);
  if (exact !== undefined) return { flag: token, spec: exact, value: null };
  const equals = token.indexOf("=");
  if (token.startsWith("--") && equals > 0) {
    const flag = token.slice(0, equals);
    const spec = flags.get(flag);
    return spec === undefined ? null : { flag, spec, value: token.slice(equals + 1) };
  }
  const short = token.slice(0, 2);
  const spec = /^-[A-Za-z0-9]/.test(short) ? flags.get(short) : undefined;
  return spec?.join === true ? { flag: short, spec, value: token.slice(2) } : null;
}

function unknownToken(token: string, flags: ReadonlyMap<string, FlagSpec>): Refused {
  const known = [...flags.keys()];
  const list = known.length === 0 ? "This tool takes no extra_args." : `Its flags are: ${known.join(" ")}.`;
  if (!token.startsWith("-") || token === "-" || token === "--") {
    return new Refused(
      "extra_args",
      `extra_args holds ${quote(token)}, which is neither a flag nor a flag's value`,
      list,
    );
  }
  const near = nearest(token, known);
  const hint = near === null ? "" : `; did you mean ${near}?`;
  return new Refused("extra_args", `flag ${quote(token)} is not one that this tool takes${hint}`, list);
}

function refuseRepetition(said: readonly Occurrence[]): void {
  const seen = new Map<string, Occurrence>();
  for (const occurrence of said) {
    const earlier = seen.get(occurrence.flag);
    if (earlier !== undefined && !occurrence.spec.repeat) {
      const where = earlier.field === occurrence.field
        ? "twice"
        : `in ${earlier.field} and in ${occurrence.field}`;
      throw new Refused(occurrence.field, `flag ${occurrence.flag} is given ${where}`, "Give it once.");
    }
    seen.set(occurrence.flag, occurrence);
  }
}

/** A switch that a parameter turns off must not be turned on again in `extra_args`. */
function refuseContradiction(
  said: readonly Occurrence[],
  given: Readonly<Record<string, unknown>>,
  grammar: ArgumentGrammar,
): void {
  for (const [name, spec] of grammar.parameters) {
    if (ownValue(given, name) !== false || !said.some((occurrence) => occurrence.flag === spec.flag)) {
      continue;
    }
    throw new Refused(
      "extra_args",
      `flag ${spec.flag} is given although parameter ${quote(name)} is false`,
      `Leave one of the two out.`,
    );
  }
}

/** A joined flag with its value must not read as a longer flag: `-s` with the value `V1` where there is `-sV` too. */
function refuseAmbiguity(all: readonly Occurrence[], flags: ReadonlyMap<string, FlagSpec>): void {
  for (const occurrence of all) {
    const { flag, spec, value, field } = occurrence;
    if (!spec.join || value === null) continue;
    const written = render(occurrence)[0]!;
    const other = [...flags.keys()].find((name) => name.length > flag.length && written.startsWith(name));
    if (other === undefined) continue;
    throw new Refused(
      field,
      `flag ${flag} with the value ${quote(value)} would read as the flag ${other}`,
      `Write ${other} if that flag is meant, or give ${flag} another value.`,
    );
  }
}

function defaultsFor(
  said: readonly Occurrence[],
  given: Readonly<Record<string, unknown>>,
  grammar: ArgumentGrammar,
  policy: TargetPolicy,
): Occurrence[] {
  const spoken = new Set(said.map((occurrence) => occurrence.flag));
  return [...grammar.parameters].flatMap(([name, spec]) =>
    spec.default === undefined || ownValue(given, name) !== undefined || spoken.has(spec.flag)
      ? []
      : occurrenceOf(name, spec, spec.default, `parameters.${name}`, policy)
  );
}

function render(occurrence: Occurrence): string[] {
  const { flag, spec, value } = occurrence;
  if (value === null) return [flag];
  if (!spec.join) return [flag, value];
  return [flag.startsWith("--") ? `${flag}=${value}` : `${flag}${value}`];
}
