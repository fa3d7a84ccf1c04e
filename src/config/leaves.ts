/**
 * The leaves of the configuration: the keys that hold a value and no further keys. A list is a value.
 *
 * @module
 */
import type * as z from "zod";
import { formatPath } from "../documents/diagnostics.ts";
import { type Config, configSchema } from "./schema.ts";

/** Stands in a pattern for any name, as those of tools in `tools.overrides`. */
export const ANY_NAME = "*";

/** A leaf of the schema. */
export interface SchemaLeaf {
  /** Such as `server.port` or `tools.overrides.*.limits.memory_mb`. */
  readonly pattern: string;
  readonly schema: z.core.$ZodType;
}

/** A leaf of one configuration. */
export interface ConfigLeaf {
  readonly path: readonly string[];
  /** The path, written out. */
  readonly name: string;
  /** The leaf of the schema that it is one of. Of a mapping without any names, the mapping's own path. */
  readonly pattern: string;
  /** Undefined for an optional key that is absent. */
  readonly value: unknown;
}

/** All leaves of a schema, in its order. */
export function schemaLeaves(
  schema: z.core.$ZodType = configSchema,
  path: readonly string[] = [],
): SchemaLeaf[] {
  const { def } = unwrapped(schema)._zod;
  if (def.type === "object") {
    return Object.entries(def.shape).flatMap(([key, inner]) => schemaLeaves(inner, [...path, key]));
  }
  if (def.type === "record") return schemaLeaves(def.valueType, [...path, ANY_NAME]);
  return [{ pattern: path.join("."), schema }];
}

/**
 * All leaves of a configuration, in the schema's order. What `tools.overrides` does not name is no leaf of it; any
 * other key that is absent is one.
 */
export function configLeaves(config: Config): ConfigLeaf[] {
  return leavesOf(configSchema, config, [], [], false);
}

function leavesOf(
  schema: z.core.$ZodType,
  value: unknown,
  path: readonly string[],
  pattern: readonly string[],
  named: boolean,
): ConfigLeaf[] {
  const { def } = unwrapped(schema)._zod;
  const leaf = { path, name: formatPath(path), pattern: pattern.join("."), value };
  if (value === undefined) return named ? [] : [leaf];
  const fields = value as Readonly<Record<string, unknown>>;
  if (def.type === "record") {
    const below = Object.entries(fields).flatMap(([name, inner]) =>
      leavesOf(def.valueType, inner, [...path, name], [...pattern, ANY_NAME], true)
    );
    return below.length > 0 ? below : [leaf];
  }
  if (def.type !== "object") return [leaf];
  const below = Object.entries(def.shape).flatMap(([key, inner]) =>
    leavesOf(inner, fields[key], [...path, key], [...pattern, key], named)
  );
  return below.length > 0 ? below : [leaf];
}

/** The schema below what says that a key may be absent. */
function unwrapped(schema: z.core.$ZodType): z.core.$ZodTypes {
  const known = schema as z.core.$ZodTypes;
  const { def } = known._zod;
  return def.type === "optional" || def.type === "default" || def.type === "prefault"
    ? unwrapped(def.innerType)
    : known;
}
