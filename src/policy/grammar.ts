/**
 * The argument grammar: the exact flags that a tool takes and how many values each has. Typed parameters and the
 * free text of `extra_args` go through this one engine; every token of the outcome is accounted for (D3 to D6).
 *
 * @module
 */
import { escapeControls, quote } from "../core/text.ts";
import { nearest } from "../documents/nearest.ts";
import { type Facts, type Need, NOTHING_KNOWN } from "./facts.ts";
import { readExtraArgs } from "./extra_args.ts";
import {
  allFlags,
  type ArgumentGrammar,
  type FlagSpec,
  isIntrusive,
  isLong,
  Lacking,
  type Occurrence,
  type ParameterSpec,
  Refused,
} from "./flags.ts";
import type { TargetPolicy } from "./target_policy.ts";
import { describeValue, readJsonValue, shownValue, type ValueContext } from "./value.ts";

/** What a caller said. */
export interface ArgumentRequest {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly extraArgs: string;
}

/** Arguments that may be passed on, or the field at fault, or what must be known first. */
export type ArgumentDecision =
  | { readonly ok: true; readonly args: readonly string[]; readonly intrusive: readonly string[] }
  | { readonly ok: false; readonly field: string; readonly error: string; readonly remedy: string }
  | { readonly ok: false; readonly need: Need };

/**
 * Checks parameters and extra arguments and renders them in one normalised spelling.
 *
 * @param maxBytes the longest `extra_args`, in bytes of UTF-8 (`security.max_args_length`)
 * @param facts what is known so far; a decision that needs more says so
 */
export function decideArguments(
  request: ArgumentRequest,
  grammar: ArgumentGrammar,
  policy: TargetPolicy,
  maxBytes: number,
  facts: Facts = NOTHING_KNOWN,
): ArgumentDecision {
  const context = { policy, facts };
  try {
    const said = [
      ...readParameters(request.parameters, grammar, context),
      ...readExtraArgs(request.extraArgs, grammar, policy, maxBytes, facts),
    ];
    refuseRepetition(said);
    refuseContradiction(said, request.parameters, grammar);
    const all = [...defaultsFor(said, request.parameters, grammar, context), ...said];
    refuseAmbiguity(all, allFlags(grammar));
    return {
      ok: true,
      args: all.flatMap(render),
      intrusive: all.filter(isIntrusive).map(shown),
    };
  } catch (thrown) {
    if (thrown instanceof Lacking) return { ok: false, need: thrown.need };
    if (!(thrown instanceof Refused)) throw thrown;
    return { ok: false, field: thrown.field, error: thrown.error, remedy: thrown.remedy };
  }
}

function readParameters(
  given: Readonly<Record<string, unknown>>,
  grammar: ArgumentGrammar,
  context: ValueContext,
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
    if (value !== undefined) occurrences.push(...occurrenceOf(name, spec, value, field, context));
    else if (spec.required) {
      throw new Refused(field, `parameter ${quote(name)} is missing`, `Give ${describeValue(spec.value)}.`);
    }
  }
  return occurrences;
}

/** A flag that needs leave, for the person who is asked: with the value, where that is why. */
function shown({ flag, spec, value }: Occurrence): string {
  return spec.intrusive || value === null ? flag : `${flag} ${value}`;
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
  { policy, facts }: ValueContext,
): Occurrence[] {
  const reading = readJsonValue(value, spec.value, policy, facts);
  if ("need" in reading) throw new Lacking(reading.need);
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
  context: ValueContext,
): Occurrence[] {
  const spoken = new Set(said.map((occurrence) => occurrence.flag));
  return [...grammar.parameters].flatMap(([name, spec]) =>
    spec.default === undefined || ownValue(given, name) !== undefined || spoken.has(spec.flag)
      ? []
      : occurrenceOf(name, spec, spec.default, `parameters.${name}`, context)
  );
}

function render(occurrence: Occurrence): string[] {
  const { flag, spec, value } = occurrence;
  if (value === null) return [flag];
  if (!spec.join) return [flag, value];
  return [isLong(flag) ? `${flag}=${value}` : `${flag}${value}`];
}
