/**
 * The values that a flag or a parameter may take: what a manifest says about them, and reading what a caller gave.
 *
 * @module
 */
import type { JsonSchema } from "../core/json_schema.ts";
import { hasControls, quote } from "../core/text.ts";
import { type Facts, type Need, NOTHING_KNOWN } from "./facts.ts";
import type { TargetKind } from "./target.ts";
import type { TargetPolicy } from "./target_policy.ts";
import { valueRules } from "./value_rules.ts";

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
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly intrusive_above?: number | undefined;
}

/** What may be chosen; `intrusive_values` are choices too, which need leave. */
export interface Choices {
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

export type { JsonSchema };

/** What values are checked against beside their type. */
export interface ValueContext {
  readonly policy: TargetPolicy;
  readonly facts: Facts;
}

/** What a value is expected to be, in words: "an integer from 0 to 5". */
export function describeValue(spec: ValueSpec): string {
  return valueRules(spec).describe(spec);
}

/** The JSON Schema of a parameter's value. Every value that the checks accept, it accepts. */
export function valueJsonSchema(spec: ValueSpec): JsonSchema {
  return valueRules(spec).jsonSchema(spec);
}

/** Reads the JSON value of a typed parameter. */
export function readJsonValue(
  value: unknown,
  spec: ValueSpec,
  policy: TargetPolicy,
  facts: Facts = NOTHING_KNOWN,
): ValueReading {
  const text = valueRules(spec).fromJson(value, spec);
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
  const checked = valueRules(spec).check(text, spec, { policy, facts });
  if (checked === null) return { ok: false, expected: describeValue(spec) };
  return typeof checked === "string" ? { ok: true, text: checked } : { ok: false, ...checked };
}

/** Whether a value that was read needs leave, beside what its flag says. */
export function isIntrusiveValue(text: string, spec: ValueSpec): boolean {
  return valueRules(spec).isIntrusive?.(text, spec) ?? false;
}

/** The JSON value that `--param name=text` means, for a parameter of this type. */
export function jsonFromText(text: string, spec: ValueSpec): unknown {
  return valueRules(spec).toJson(text);
}

/** A value as it was given, for a message. */
export function shownValue(value: unknown): string {
  return quote(typeof value === "string" ? value : JSON.stringify(value) ?? String(value));
}
