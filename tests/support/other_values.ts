import assert from "node:assert/strict";
import * as z from "zod";
import { readRange } from "../../src/documents/value_range.ts";

/** Texts to try where a schema wants one: a path, an address, the name of a tool. */
const TEXTS = ["/other/place", "192.0.2.77", "sample"];

/** Mappings to try where a schema wants one. */
const OBJECTS = [{ name: "sample", tcp: "127.0.0.1:389" }, { name: "sample", tool: "sample" }];

/** A value that a leaf's schema takes, and that is not its default, from the schema itself. */
export function otherValue(pattern: string, schema: z.core.$ZodType): unknown {
  const standard = z.safeParse(schema, undefined);
  const current = standard.success ? standard.data : undefined;
  const other = candidates(schema, current).find((value) =>
    JSON.stringify(value) !== JSON.stringify(current) && z.safeParse(schema, value).success
  );
  assert.notEqual(other, undefined, `${pattern}: no other value is known that its schema takes`);
  return other;
}

function candidates(schema: z.core.$ZodType, current: unknown): unknown[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "optional":
    case "default":
    case "prefault":
      return candidates(def.innerType, current);
    case "enum":
      return Object.values(def.entries);
    case "boolean":
      return [!current];
    case "string":
      return TEXTS;
    case "number": {
      const range = readRange(schema);
      return [range?.maximum, range?.minimum];
    }
    case "array":
      return [[], ...candidates(def.element, undefined).map((item) => [item])];
    case "object":
      return OBJECTS.filter((object) => z.safeParse(schema, object).success);
    default:
      return [];
  }
}
