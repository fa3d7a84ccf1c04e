/**
 * What a schema expected where a value failed, in words. Given to zod as its error map, since only there does an issue
 * still know the schema that raised it.
 *
 * @module
 */
import type * as z from "zod";
import { nearest } from "./nearest.ts";
import { quote } from "../core/text.ts";
import { describeValue } from "./describe_value.ts";
import { describeKind, describeRange, isBounded, readRange, type ValueRange } from "./value_range.ts";

/**
 * How a message begins that says what was expected. To every such message, also one that a schema gives itself, the
 * value is added that was there instead: `expected a host name, got "a b"`.
 */
export const EXPECTED = "expected ";

/** The message of a union in which no branch says more. */
export const NO_BRANCH = `${EXPECTED}one of the allowed forms`;

/** How many allowed keys are listed for an unknown key that is near to none of them. */
const LISTED_KEYS = 12;

/**
 * Describes an issue that zod raised, without the offending value. An issue of several unknown keys gets one line for
 * each key, in the order of `issue.keys`.
 */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return EXPECTED + describeExpectedType(issue);
    case "too_small":
    case "too_big":
      return EXPECTED + describeRange(readBounds(issue));
    case "invalid_value":
      return EXPECTED + listValues(issue.values);
    case "invalid_union":
      if (issue.inclusive === false) return "fits more than one of the allowed forms";
      return Array.isArray(issue.options) ? EXPECTED + listValues(issue.options) : NO_BRANCH;
    case "invalid_format":
      return EXPECTED + describeFormat(issue);
    case "not_multiple_of":
      return `${EXPECTED}a multiple of ${issue.divisor}`;
    case "unrecognized_keys":
      return issue.keys.map((key) => describeUnknownKey(key, allowedKeys(issue.inst))).join("\n");
    default:
      return "not a valid value";
  }
}

/** Lists allowed values: `"tcp"`, or `one of "tcp", "udp"`. */
function listValues(values: readonly unknown[]): string {
  const list = values.map((value) => describeValue(value)).join(", ");
  return values.length === 1 ? list : `one of ${list}`;
}

type RawIssue<Code extends z.core.$ZodIssueCode> = Extract<z.core.$ZodRawIssue, { readonly code: Code }>;

function describeExpectedType(issue: RawIssue<"invalid_type">): string {
  const range = issue.schema === undefined ? null : readRange(issue.schema);
  return range === null ? describeKind(issue.expected) : describeRange(range);
}

function readBounds(issue: RawIssue<"too_small" | "too_big">): ValueRange {
  const range = issue.schema === undefined ? null : readRange(issue.schema);
  if (range !== null && isBounded(range)) return range;
  // Either the check is on a schema that has no range of its own, or an integer is too large to be exact.
  if (issue.origin === "int") {
    return { kind: "int", minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
  }
  const bound = Number(issue.code === "too_small" ? issue.minimum : issue.maximum);
  if (issue.code === "too_small") {
    return { kind: issue.origin, [issue.inclusive === false ? "exclusiveMinimum" : "minimum"]: bound };
  }
  return { kind: issue.origin, [issue.inclusive === false ? "exclusiveMaximum" : "maximum"]: bound };
}

const FORMATS: Readonly<Record<string, string>> = {
  base64: "base64 text",
  cidrv4: "an IPv4 network such as 192.0.2.0/24",
  cidrv6: "an IPv6 network such as 2001:db8::/32",
  date: "a date such as 2024-01-31",
  datetime: "a time such as 2024-01-31T12:00:00Z",
  email: "an e-mail address",
  hostname: "a host name",
  ipv4: "an IPv4 address",
  ipv6: "an IPv6 address",
  lowercase: "a string in lower case",
  uppercase: "a string in upper case",
  url: "a URL",
  uuid: "a UUID",
};

function describeFormat(issue: RawIssue<"invalid_format">): string {
  switch (issue.format) {
    case "starts_with":
      return `a string that begins with ${describeValue(issue.prefix)}`;
    case "ends_with":
      return `a string that ends with ${describeValue(issue.suffix)}`;
    case "includes":
      return `a string that contains ${describeValue(issue.includes)}`;
    case "regex":
      return `a string that matches ${issue.pattern}`;
    default:
      return FORMATS[issue.format] ?? `a string in the format ${issue.format}`;
  }
}

function describeUnknownKey(key: string, allowed: readonly string[]): string {
  const unknown = `unknown key ${quote(key)}`;
  const suggestion = nearest(key, allowed);
  if (suggestion !== null) return `${unknown}; did you mean ${quote(suggestion)}?`;
  if (allowed.length === 0 || allowed.length > LISTED_KEYS) return unknown;
  return `${unknown}; ${EXPECTED}${listValues(allowed)}`;
}

/** The keys that the schema of a mapping names: those of an object, or of a record whose keys are an enumeration. */
function allowedKeys(schema: unknown): readonly string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === "object") return Object.keys(def.shape);
  if (def.type === "record") return [...def.keyType._zod.values ?? []].map(String);
  return [];
}
