/**
 * The schema of the values that manifests declare: one row for each type of `src/policy/value.ts`.
 *
 * @module
 */
import * as z from "zod";
import { TARGET_KINDS, type TargetKind } from "../policy/target.ts";

/** The kinds that a target may have, without `none`. */
const targetKind = z.enum(
  TARGET_KINDS.filter((kind): kind is Exclude<TargetKind, "none"> => kind !== "none"),
);

const word = z.string().min(1).max(200);

const item = word.regex(/^[^,]+$/, "no item of a list holds a comma");

/** Each type's own keys. */
const SHAPES = {
  boolean: {},
  integer: { min: z.int(), max: z.int(), intrusive_above: z.int().optional() },
  number: { min: z.number(), max: z.number(), intrusive_above: z.number().optional() },
  duration: { max_sec: z.number().positive().default(3600) },
  enum: { values: z.array(word).min(1), intrusive_values: z.array(word).min(1).optional() },
  list: { values: z.array(item).min(1), intrusive_values: z.array(item).min(1).optional() },
  port_list: { max_ranges: z.int().min(1).max(1000).default(100) },
  pattern: {
    pattern: z.string().min(1).max(1000).refine(
      isPattern,
      "expected a regular expression (ECMAScript, flag u)",
    ),
    max_length: z.int().min(1).max(2048).default(256),
  },
  file: {
    max_mb: z.number().positive().max(1000).default(50),
    max_lines: z.int().min(1).max(100_000_000).default(1_000_000),
  },
  target: {
    kinds: z.array(targetKind).min(1),
    max_addresses: z.int().min(1).max(1_048_576).default(1),
  },
} as const;

/** The schema of a value, with the keys of `extra` beside the type's own. */
export function valueSchema<Extra extends z.ZodRawShape>(extra: Extra) {
  const row = <Type extends keyof typeof SHAPES>(type: Type) =>
    z.strictObject({ type: z.literal(type), ...SHAPES[type], ...extra });
  return z.discriminatedUnion("type", [
    row("boolean"),
    row("integer"),
    row("number"),
    row("duration"),
    row("enum"),
    row("list"),
    row("port_list"),
    row("pattern"),
    row("file"),
    row("target"),
  ]);
}

function isPattern(source: string): boolean {
  try {
    // Alone, so that no parenthesis of it can close the group that anchors it later.
    new RegExp(source, "u");
    return true;
  } catch {
    return false;
  }
}
