/**
 * The types of values, in one table: for each its JSON form, its textual form, and the words that describe it.
 *
 * @module
 */
import type { Need } from "./facts.ts";
import { describeKinds, targetParts } from "./target.ts";
import type { Choices, JsonSchema, NumberRange, ValueContext, ValueSpec, ValueType } from "./value.ts";

/** What is known of one type of values. */
export interface ValueTypeRules<Spec extends ValueSpec> {
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

/** The row of a value's type. */
export function valueRules(spec: ValueSpec): ValueTypeRules<ValueSpec> {
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
