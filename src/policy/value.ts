/**
 * The types of values that a flag or a parameter may take. One table: for each type its JSON form, its textual form,
 * and the words that describe it.
 *
 * @module
 */
import { hasControls, quote } from "../core/text.ts";
import { type Facts, type Need, NOTHING_KNOWN } from "./facts.ts";
import { describeKinds, type TargetKind, targetParts } from "./target.ts";
import type { TargetPolicy } from "./target_policy.ts";

/** What a manifest says about one value. Ranges are inclusive. */
export type ValueSpec =
  | { readonly type: "boolean" }
  | ({ readonly type: "integer" } & NumberRange)
  | ({ readonly type: "number" } & NumberRange)
  | { readonly type: "duration"; readonly max_sec: number }
  | ({ readonly type: "enum" } & Choices)
  | ({ readonly type: "list" } & Choices)
  | { readonly type: "port_list"; readonly max_ranges: number }
  | { readonly type: "pattern"; readonly pattern: string; readonly max_length: number }
  | { readonly type: "file"; readonly max_mb: number; readonly max_lines: number }
  | { readonly type: "target"; readonly kinds: readonly TargetKind[]; readonly max_addresses: number };

/** From `min` to `max`; beyond `intrusive_above` it needs leave. */
interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly intrusive_above?: number | undefined;
}

/** What may be chosen; `intrusive_values` are choices too, which need leave. */
interface Choices {
  readonly values: readonly string[];
  readonly intrusive_values?: readonly string[] | undefined;
}

/** The names of the value types. */
export type ValueType = ValueSpec["type"];

/** The text that reaches the argument list, or a message that says what was expected, or what must be known first. */
export type ValueReading =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly expected: string }
  | { readonly ok: false; readonly need: Need };

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
  /** Checks text; returns it normalised, or null, or a message of its own, or what must be known first. */
  readonly check: (text: string, spec: Spec, context: ValueContext) =>
    | string
    | null
    | { readonly expected: string }
    | { readonly need: Need };
  /** Whether a checked text needs leave; absent where none does. */
  readonly isIntrusive?: (text: string, spec: Spec) => boolean;
}

/** What values are checked against beside their type. */
export interface ValueContext {
  readonly policy: TargetPolicy;
  readonly facts: Facts;
}

type Rules = { readonly [Type in ValueType]: ValueTypeRules<Extract<ValueSpec, { type: Type }>> };

const choices = ({ values, intrusive_values: intrusive = [] }: Choices) => [...values, ...intrusive];
const needsLeave = ({ intrusive_values: intrusive = [] }: Choices) =>
  intrusive.length === 0 ? "" : ` (need leave: ${intrusive.join(", ")})`;
const isBeyond = (text: string, { intrusive_above: above }: NumberRange) =>
  above !== undefined && Number(text) > above;
const beyond = ({ intrusive_above: above }: NumberRange) =>
  above === undefined ? "" : ` (above ${above} needs leave)`;
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
    describe: (spec) => `an integer from ${spec.min} to ${spec.max}${beyond(spec)}`,
    jsonSchema: (spec) => ({ type: "integer", minimum: spec.min, maximum: spec.max }),
    fromJson: (value) => Number.isSafeInteger(value) ? String(value) : null,
    toJson: numeral,
    check: (text, spec) =>
      /^-?(?:0|[1-9][0-9]{0,15})$/.test(text) && within(Number(text), spec) ? text : null,
    isIntrusive: isBeyond,
  },
  number: {
    describe: (spec) => `a number from ${spec.min} to ${spec.max}${beyond(spec)}`,
    jsonSchema: (spec) => ({ type: "number", minimum: spec.min, maximum: spec.max }),
    // A number that JavaScript writes with an exponent is one that a program may read differently.
    fromJson: (value) => typeof value === "number" && Number.isFinite(value) ? String(value) : null,
    toJson: numeral,
    check: (text, spec) => NUMBER.test(text) && within(Number(text), spec) ? plainNumber(Number(text)) : null,
    isIntrusive: isBeyond,
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
    describe: (spec) => `one of ${choices(spec).join(", ")}${needsLeave(spec)}`,
    jsonSchema: (spec) => ({ type: "string", enum: choices(spec) }),
    fromJson: string,
    toJson: same,
    check: (text, spec) => choices(spec).includes(text) ? text : null,
    isIntrusive: (text, spec) => !spec.values.includes(text),
  },
  list: {
    describe: (spec) => `a list of ${choices(spec).join(", ")}${needsLeave(spec)}`,
    jsonSchema: (spec) => ({
      type: "array",
      items: { type: "string", enum: choices(spec) },
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
      const known = choices(spec);
      return items.every((item) => known.includes(item)) && new Set(items).size === items.length
        ? text
        : null;
    },
    isIntrusive: (text, spec) => text.split(",").some((item) => !spec.values.includes(item)),
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
  file: {
    describe: (spec) =>
      `a file in one of tools.wordlist_dirs, named as it is named there, of at most ${spec.max_mb} MB and ` +
      `${spec.max_lines} lines`,
    jsonSchema: () => ({ type: "string", maxLength: MAX_FILE_NAME_LENGTH }),
    fromJson: string,
    toJson: same,
    check: (text, spec, { facts }) => {
      if (!isFileName(text)) return null;
      const fact = facts.files.get(text);
      if (fact === undefined) return { need: { kind: "file", name: text } };
      if (!fact.ok) return { expected: `a word list: ${fact.reason}. ${fact.remedy}` };
      if (fact.bytes > spec.max_mb * 1_000_000) {
        return { expected: `a file of at most ${spec.max_mb} MB; this one has ${fact.bytes} bytes` };
      }
      return fact.lines > spec.max_lines
        ? { expected: `a file of at most ${spec.max_lines} lines; this one has ${fact.lines}` }
        : fact.path;
    },
  },
  target: {
    describe: (spec) => describeKinds(spec.kinds),
    jsonSchema: () => ({ type: "string" }),
    fromJson: string,
    toJson: same,
    check: (text, spec, { policy, facts }) => {
      const decision = policy.decide(text, { kinds: spec.kinds, maxAddresses: spec.max_addresses }, facts);
      if ("need" in decision) return decision;
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

const MAX_FILE_NAME_LENGTH = 255;

/** Whether `text` can name a file below a folder: no step up, nothing hidden, no empty part. */
function isFileName(text: string): boolean {
  return text.length <= MAX_FILE_NAME_LENGTH && !text.includes("\\") &&
    text.split("/").every((part) => part !== "" && !part.startsWith("."));
}

/** What a value is expected to be, in words: "an integer from 0 to 5". */
export function describeValue(spec: ValueSpec): string {
  return rulesOf(spec).describe(spec);
}

/** The JSON Schema of a parameter's value. Every value that the checks accept, it accepts. */
export function valueJsonSchema(spec: ValueSpec): JsonSchema {
  return rulesOf(spec).jsonSchema(spec);
}

/** Reads the JSON value of a typed parameter. */
export function readJsonValue(
  value: unknown,
  spec: ValueSpec,
  policy: TargetPolicy,
  facts: Facts = NOTHING_KNOWN,
): ValueReading {
  const text = rulesOf(spec).fromJson(value, spec);
  return text === null
    ? { ok: false, expected: describeValue(spec) }
    : readTextValue(text, spec, policy, facts);
}

/**
 * Reads the text of a flag's value. Whatever its type allows, no value begins with "-", which a program could take for
 * a flag (D6), and none is empty, since a joined flag would then take the next argument for its value. A lone
 * surrogate would reach the program as another character (D8).
 */
export function readTextValue(
  text: string,
  spec: ValueSpec,
  policy: TargetPolicy,
  facts: Facts = NOTHING_KNOWN,
): ValueReading {
  if (hasControls(text)) return { ok: false, expected: `${describeValue(spec)}, without control characters` };
  if (text === "" || !text.isWellFormed()) return { ok: false, expected: describeValue(spec) };
  if (text.startsWith("-")) return { ok: false, expected: `${describeValue(spec)}, not beginning with '-'` };
  const checked = rulesOf(spec).check(text, spec, { policy, facts });
  if (checked === null) return { ok: false, expected: describeValue(spec) };
  return typeof checked === "string" ? { ok: true, text: checked } : { ok: false, ...checked };
}

/** Whether a value that was read needs leave, beside what its flag says. */
export function isIntrusiveValue(text: string, spec: ValueSpec): boolean {
  return rulesOf(spec).isIntrusive?.(text, spec) ?? false;
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
