/**
 * The types of values that a flag or a parameter may take. One table: for each type its JSON form, its textual form,
 * and the words that describe it.
 *
 * @module
 */
import { hasControls, quote } from "../core/text.ts";
import { describeKinds, type TargetKind, targetParts } from "./target.ts";
import type { TargetPolicy } from "./target_policy.ts";

/** What a manifest says about one value. Ranges are inclusive. */
export type ValueSpec =
  | { readonly type: "boolean" }
  | { readonly type: "integer"; readonly min: number; readonly max: number }
  | { readonly type: "number"; readonly min: number; readonly max: number }
  | { readonly type: "duration"; readonly max_sec: number }
  | { readonly type: "enum"; readonly values: readonly string[] }
  | { readonly type: "list"; readonly values: readonly string[] }
  | { readonly type: "port_list"; readonly max_ranges: number }
  | { readonly type: "pattern"; readonly pattern: string; readonly max_length: number }
  | { readonly type: "target"; readonly kinds: readonly TargetKind[]; readonly max_addresses: number };

/** The names of the value types. */
export type ValueType = ValueSpec["type"];

/** The text that reaches the argument list, or a message that says what was expected. */
export type ValueReading = { readonly ok: true; readonly text: string } | {
  readonly ok: false;
  readonly expected: string;
};

/** A JSON Schema, as far as this program writes them. */
export type JsonSchema = Readonly<Record<string, unknown>>;

interface ValueTypeRules<Spec extends ValueSpec> {
  /** What is expected, in words: "an integer from 0 to 5". */
  readonly describe: (spec: Spec) => string;
  readonly jsonSchema: (spec: Spec) => JsonSchema;
  /** Turns a JSON value into text, or null when it has the wrong JSON type. */
  readonly fromJson: (value: unknown, spec: Spec) => string | null;
  /** Turns the text of `--param name=text` into the JSON value that {@link fromJson} reads. */
  readonly toJson: (text: string) => unknown;
  /** Checks text; returns it normalised, or null, or a message of its own. */
  readonly check: (text: string, spec: Spec, policy: TargetPolicy) => string | null | { expected: string };
}

type Rules = { readonly [Type in ValueType]: ValueTypeRules<Extract<ValueSpec, { type: Type }>> };

const string = (value: unknown) => typeof value === "string" ? value : null;
const same = (text: string) => text;
const numeral = (text: string): unknown => /^-?[0-9]+(?:\.[0-9]+)?$/.test(text) ? Number(text) : text;

const RULES: Rules = {
  boolean: {
    describe: () => "true or false",
    jsonSchema: () => ({ type: "boolean" }),
    fromJson: (value) => typeof value === "boolean" ? String(value) : null,
    toJson: (text) => text === "true" ? true : text === "false" ? false : text,
    check: (text) => text === "true" || text === "false" ? text : null,
  },
  integer: {
    describe: (spec) => `an integer from ${spec.min} to ${spec.max}`,
    jsonSchema: (spec) => ({ type: "integer", minimum: spec.min, maximum: spec.max }),
    fromJson: (value) => Number.isSafeInteger(value) ? String(value) : null,
    toJson: numeral,
    check: (text, spec) =>
      /^-?(?:0|[1-9][0-9]{0,15})$/.test(text) && within(Number(text), spec) ? text : null,
  },
  number: {
    describe: (spec) => `a number from ${spec.min} to ${spec.max}`,
    jsonSchema: (spec) => ({ type: "number", minimum: spec.min, maximum: spec.max }),
    // A number that JavaScript writes with an exponent is one that a program may read differently.
    fromJson: (value) => typeof value === "number" && Number.isFinite(value) ? String(value) : null,
    toJson: numeral,
    check: (text, spec) => NUMBER.test(text) && within(Number(text), spec) ? plainNumber(Number(text)) : null,
  },
  duration: {
    describe: (spec) =>
      `a duration of at most ${spec.max_sec} s, such as 500ms, 10s or 2m (a bare number is seconds)`,
    jsonSchema: () => ({ type: "string", pattern: DURATION.source }),
    fromJson: string,
    toJson: same,
    check: (text, spec) => {
      const parts = DURATION.exec(text);
      if (parts === null) return null;
      const { times, per } = SECONDS[parts[2] ?? "s"]!;
      return Number(parts[1]) * times / per <= spec.max_sec ? text : null;
    },
  },
  enum: {
    describe: (spec) => `one of ${spec.values.join(", ")}`,
    jsonSchema: (spec) => ({ type: "string", enum: spec.values }),
    fromJson: string,
    toJson: same,
    check: (text, spec) => spec.values.includes(text) ? text : null,
  },
  list: {
    describe: (spec) => `a list of ${spec.values.join(", ")}`,
    jsonSchema: (spec) => ({
      type: "array",
      items: { type: "string", enum: spec.values },
      minItems: 1,
      uniqueItems: true,
    }),
    fromJson: (value) =>
      Array.isArray(value) && value.length > 0 &&
        value.every((item) => typeof item === "string" && !item.includes(","))
        ? value.join(",")
        : null,
    toJson: (text) => text.split(","),
    check: (text, spec) => {
      const items = text.split(",");
      return items.every((item) => spec.values.includes(item)) && new Set(items).size === items.length
        ? text
        : null;
    },
  },
  port_list: {
    describe: (spec) => `ports from 1 to 65535 such as 22,80,8000-8100, at most ${spec.max_ranges} ranges`,
    // A single port is what many clients send as a number.
    jsonSchema: () => ({
      anyOf: [{ type: "string", pattern: PORT_LIST.source }, { type: "integer", minimum: 1, maximum: 65535 }],
    }),
    fromJson: (value) => Number.isSafeInteger(value) ? String(value) : string(value),
    toJson: same,
    check: (text, spec) => {
      if (!PORT_LIST.test(text)) return null;
      const ranges = text.split(",");
      return ranges.length <= spec.max_ranges && ranges.every(isPortRange) ? text : null;
    },
  },
  pattern: {
    describe: (spec) => `text of at most ${spec.max_length} characters that matches ${spec.pattern}`,
    jsonSchema: (spec) => ({ type: "string", pattern: `^(?:${spec.pattern})$`, maxLength: spec.max_length }),
    fromJson: string,
    toJson: same,
    check: (text, spec) =>
      text.length <= spec.max_length && new RegExp(`^(?:${spec.pattern})$`, "u").test(text) ? text : null,
  },
  target: {
    describe: (spec) => describeKinds(spec.kinds),
    jsonSchema: () => ({ type: "string" }),
    fromJson: string,
    toJson: same,
    check: (text, spec, policy) => {
      const decision = policy.decide(text, { kinds: spec.kinds, maxAddresses: spec.max_addresses });
      if (!decision.ok) return { expected: `an allowed target: ${decision.error}. ${decision.remedy}` };
      return targetParts(decision.target, true).target;
    },
  },
};

// No number has leading zeros: a program may read those as octal.
const NUMBER = /^-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?$/;
const DURATION = /^(0|[1-9][0-9]{0,8})(ms|s|m|h)?$/;
/** Seconds of each unit, as a fraction: 0.001 is none that a number holds exactly. */
const SECONDS: Readonly<Record<string, { readonly times: number; readonly per: number }>> = {
  ms: { times: 1, per: 1000 },
  s: { times: 1, per: 1 },
  m: { times: 60, per: 1 },
  h: { times: 3600, per: 1 },
};
const PORT_LIST = /^[1-9][0-9]{0,4}(?:-[1-9][0-9]{0,4})?(?:,[1-9][0-9]{0,4}(?:-[1-9][0-9]{0,4})?)*$/;

/** What a value is expected to be, in words: "an integer from 0 to 5". */
export function describeValue(spec: ValueSpec): string {
  return rulesOf(spec).describe(spec);
}

/** The JSON Schema of a parameter's value. Every value that the checks accept, it accepts. */
export function valueJsonSchema(spec: ValueSpec): JsonSchema {
  return rulesOf(spec).jsonSchema(spec);
}

/** Reads the JSON value of a typed parameter. */
export function readJsonValue(value: unknown, spec: ValueSpec, policy: TargetPolicy): ValueReading {
  const text = rulesOf(spec).fromJson(value, spec);
  return text === null ? { ok: false, expected: describeValue(spec) } : readTextValue(text, spec, policy);
}

/**
 * Reads the text of a flag's value. Whatever its type allows, no value begins with "-", which a program could take for
 * a flag (D6), and none is empty, since a joined flag would then take the next argument for its value. A lone
 * surrogate would reach the program as another character (D8).
 */
export function readTextValue(text: string, spec: ValueSpec, policy: TargetPolicy): ValueReading {
  if (hasControls(text)) return { ok: false, expected: `${describeValue(spec)}, without control characters` };
  if (text === "" || !text.isWellFormed()) return { ok: false, expected: describeValue(spec) };
  if (text.startsWith("-")) return { ok: false, expected: `${describeValue(spec)}, not beginning with '-'` };
  const checked = rulesOf(spec).check(text, spec, policy);
  if (checked === null) return { ok: false, expected: describeValue(spec) };
  return typeof checked === "string"
    ? { ok: true, text: checked }
    : { ok: false, expected: checked.expected };
}

/** The JSON value that `--param name=text` means, for a parameter of this type. */
export function jsonFromText(text: string, spec: ValueSpec): unknown {
  return rulesOf(spec).toJson(text);
}

/** A value as it was given, for a message. */
export function shownValue(value: unknown): string {
  return quote(typeof value === "string" ? value : JSON.stringify(value) ?? String(value));
}

function rulesOf(spec: ValueSpec): ValueTypeRules<ValueSpec> {
  // Each row is written for its own member of the union; the lookup by `type` pairs them again.
  return RULES[spec.type] as unknown as ValueTypeRules<ValueSpec>;
}

function within(value: number, range: { min: number; max: number }): boolean {
  return range.min <= value && value <= range.max;
}

/** The number that was compared, so that digits beyond its precision do not pass a cap; never with an exponent. */
function plainNumber(value: number): string | null {
  const text = String(value);
  return NUMBER.test(text) ? text : null;
}

function isPortRange(text: string): boolean {
  const [first, last = first] = text.split("-").map(Number) as [number, number?];
  return 1 <= first && first <= last && last <= 65535;
}
