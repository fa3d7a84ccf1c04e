import assert from "node:assert/strict";
import * as z from "zod";
import { valueSchema } from "../../src/catalog/value_schema.ts";
import { readTextValue, type ValueSpec } from "../../src/policy/value.ts";
import { labPolicy } from "../support/engine.ts";

const schema = valueSchema({});

/** One declaration of each type, with a text that is one of its values. */
const TYPES: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ type: "boolean" }, "true"],
  [{ type: "integer", min: 0, max: 9 }, "7"],
  [{ type: "number", min: 0, max: 9 }, "7.5"],
  [{ type: "duration" }, "10s"],
  [{ type: "enum", values: ["a", "b"] }, "b"],
  [{ type: "list", values: ["a", "b"] }, "b,a"],
  [{ type: "port_list" }, "22,80-90"],
  [{ type: "pattern", pattern: "[a-z]+" }, "abc"],
  [{ type: "target", kinds: ["host"] }, "10.0.0.5"],
];

for (const [declared, text] of TYPES) {
  Deno.test(`value schema: what is declared as ${declared.type} is known to the argument grammar`, () => {
    const spec = schema.parse(declared) as ValueSpec;
    assert.deepEqual(readTextValue(text, spec, labPolicy()), { ok: true, text });
  });

  Deno.test(`value schema: ${declared.type} takes its own keys and no other`, () => {
    assert.equal(schema.safeParse({ ...declared, nope: 1 }).success, false);
    for (const key of Object.keys(declared)) {
      const { [key]: _, ...rest } = declared;
      assert.equal(schema.safeParse(rest).success, false, `without ${key}`);
    }
  });
}

Deno.test("value schema: the defaults of the optional keys", () => {
  assert.deepEqual(schema.parse({ type: "duration" }), { type: "duration", max_sec: 3600 });
  assert.deepEqual(schema.parse({ type: "port_list" }), { type: "port_list", max_ranges: 100 });
  assert.deepEqual(schema.parse({ type: "pattern", pattern: "a" }), {
    type: "pattern",
    pattern: "a",
    max_length: 256,
  });
  assert.deepEqual(schema.parse({ type: "file" }), { type: "file", max_mb: 50, max_lines: 1_000_000 });
  assert.deepEqual(schema.parse({ type: "target", kinds: ["cidr"] }), {
    type: "target",
    kinds: ["cidr"],
    max_addresses: 1,
  });
});

for (
  const bad of [
    { type: "file", max_mb: 0 },
    { type: "file", max_lines: 0 },
    { type: "enum", values: ["a"], intrusive_values: [] },
    { type: "list", values: ["a"], intrusive_values: ["b,c"] },
    { type: "integer", min: 0, max: 9, intrusive_above: 4.5 },
    { type: "integer", min: 0.5, max: 1 },
    { type: "integer", min: 0, max: Infinity },
    { type: "number", min: NaN, max: 1 },
    { type: "duration", max_sec: 0 },
    { type: "enum", values: [] },
    { type: "enum", values: [""] },
    { type: "list", values: ["a,b"] },
    { type: "port_list", max_ranges: 0 },
    { type: "pattern", pattern: "(" },
    { type: "pattern", pattern: "\\-", max_length: 10 },
    { type: "pattern", pattern: "a)|(b" },
    { type: "target", kinds: ["none"] },
    { type: "target", kinds: [] },
    { type: "target", kinds: ["cidr"], max_addresses: 0 },
  ]
) {
  Deno.test(`value schema: ${JSON.stringify(bad)} is refused`, () => {
    assert.equal(schema.safeParse(bad).success, false);
  });
}

Deno.test("value schema: the keys of the surroundings stand beside the type's own", () => {
  const parameter = valueSchema({ flag: z.string() });
  assert.deepEqual(parameter.parse({ type: "boolean", flag: "-v" }), { type: "boolean", flag: "-v" });
  assert.equal(parameter.safeParse({ type: "boolean" }).success, false);
});
