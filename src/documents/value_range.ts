/**
 * What a schema accepts, in words: "an integer from 1 to 65535", "a list of at most 10 items".
 *
 * @module
 */
import * as z from "zod";

/** The kinds of values that zod names, as a reader of YAML knows them. */
const KINDS: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "an integer",
  bigint: "an integer",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a mapping",
  record: "a mapping",
  map: "a mapping",
  null: "null",
  never: "no value",
  undefined: "no value",
};

/** Names a kind of value, such as zod's `int` or `record`. */
export function describeKind(kind: string): string {
  return KINDS[kind] ?? kind;
}

/** The allowed range of a number, of a string's length in characters, or of a list's number of items. */
export interface ValueRange {
  readonly kind: string;
  readonly minimum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
}

const UNITS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["item", "items"],
};

/**
 * Reads the allowed range of a schema for numbers, strings or lists.
 *
 * @returns the range, without bounds where there is none; null for any other schema.
 */
export function readRange(schema: z.core.$ZodType): ValueRange | null {
  const { type } = schema._zod.def;
  if (type !== "number" && type !== "string" && type !== "array") return null;
  // The library's own translation, since it folds all checks of a schema into one range.
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const bound = (value: unknown) => typeof value === "number" ? value : undefined;
  switch (type) {
    case "number": {
      const { minimum, maximum } = json;
      return {
        kind: json.type === "integer" ? "int" : "number",
        // The limits of exact integers are not a choice of the schema's author.
        minimum: minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum,
        exclusiveMinimum: bound(json.exclusiveMinimum),
        maximum: maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum,
        exclusiveMaximum: bound(json.exclusiveMaximum),
      };
    }
    case "string":
      return { kind: type, minimum: json.minLength, maximum: json.maxLength };
    case "array":
      return { kind: type, minimum: json.minItems, maximum: json.maxItems };
  }
}

/** Whether the range is bounded on either side. */
export function isBounded({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: ValueRange): boolean {
  return [minimum, exclusiveMinimum, maximum, exclusiveMaximum].some((bound) => bound !== undefined);
}

/** Says a range in words, always with both bounds when there are two. */
export function describeRange(range: ValueRange): string {
  const { kind, minimum, maximum } = range;
  const name = describeKind(kind);
  const units = UNITS[kind];
  if (units === undefined) {
    if (range.exclusiveMinimum === undefined && range.exclusiveMaximum === undefined) {
      if (minimum !== undefined && minimum === maximum) return `${name} equal to ${minimum}`;
      if (minimum !== undefined && maximum !== undefined) return `${name} from ${minimum} to ${maximum}`;
    }
    return [name, describeBounds(range)].filter((part) => part !== "").join(" ");
  }
  const count = (bound: number) => `${bound} ${units[bound === 1 ? 0 : 1]}`;
  if (minimum === 1 && maximum === undefined) return name.replace("a ", "a non-empty ");
  if (minimum !== undefined && minimum === maximum) return `${name} of exactly ${count(minimum)}`;
  if (minimum !== undefined && maximum !== undefined) return `${name} of ${minimum} to ${count(maximum)}`;
  if (minimum !== undefined) return `${name} of at least ${count(minimum)}`;
  if (maximum !== undefined) return `${name} of at most ${count(maximum)}`;
  return name;
}

function describeBounds(range: ValueRange): string {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = range;
  const bounds = [
    exclusiveMinimum !== undefined && `greater than ${exclusiveMinimum}`,
    exclusiveMinimum === undefined && minimum !== undefined && `of at least ${minimum}`,
    exclusiveMaximum !== undefined && `less than ${exclusiveMaximum}`,
    exclusiveMaximum === undefined && maximum !== undefined && `of at most ${maximum}`,
  ];
  return bounds.filter((bound) => bound !== false).join(" and ").replace("and of", "and");
}
