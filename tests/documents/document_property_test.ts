import assert from "node:assert/strict";
import fc from "fast-check";
import * as z from "zod";
import { checkDocument } from "../../src/documents/check_document.ts";
import type { Diagnostic } from "../../src/documents/diagnostics.ts";
import {
  type ParsedDocument,
  parseDocument,
  parseDocumentBytes,
} from "../../src/documents/parse_document.ts";
import { BlockRenderer, tree } from "./block_renderer.ts";
import { hasPrototypeKey, read, toJson } from "./support.ts";

const RUNS = { numRuns: 500 };

Deno.test("any JSON value is read back from its JSON", () => {
  const json = fc.jsonValue({ stringUnit: "binary", maxDepth: 6 }).filter((value) => !hasPrototypeKey(value));
  const space = fc.constantFrom(undefined, 1, 2, 7, "\t");
  fc.assert(
    fc.property(json, space, (value, indent) => {
      const text = toJson(value, indent);
      assert.deepStrictEqual(read(text).value, JSON.parse(text));
    }),
    RUNS,
  );
});

Deno.test("any number is read back from its JSON", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.deepStrictEqual(read(JSON.stringify(value)).value, JSON.parse(JSON.stringify(value)));
    }),
    RUNS,
  );
});

Deno.test("every key and value is located where it was written", () => {
  fc.assert(
    fc.property(tree, fc.infiniteStream(fc.nat(11)), (value, choices) => {
      const renderer = new BlockRenderer(choices);
      renderer.render(value);
      const document = read(renderer.text);
      assert.deepStrictEqual(document.value, value);
      for (const { path, key, value } of renderer.places) {
        assert.deepEqual(
          document.locate(path),
          value,
          `value of ${JSON.stringify(path)} in\n${renderer.text}`,
        );
        assert.deepEqual(
          document.locate(path, "key"),
          key,
          `key of ${JSON.stringify(path)} in\n${renderer.text}`,
        );
      }
    }),
    RUNS,
  );
});

/** Text that looks like YAML often enough to get past the first characters. */
const yamlLike = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(..."ab10:-?[]{},&*!|>'\"%@`#~.<\\ \n\t\r\uFEFF") },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "\n  ",
        ": ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "!!str ",
        "---\n",
        "<<: ",
        "...\n",
        "%TAG ",
      ),
    },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 3 }) },
  ),
  { maxLength: 60 },
).map((parts) => parts.join(""));

function assertSound(parsed: ParsedDocument, text: string): void {
  if (parsed.ok) {
    const { line, column } = parsed.locate(["a", 0]);
    assert.ok(line >= 1 && column >= 1);
  } else {
    assert.ok(parsed.diagnostics.length > 0);
    assertPlaced(parsed.diagnostics, text);
  }
}

function assertPlaced(diagnostics: readonly Diagnostic[], text: string): void {
  const lines = text.split(/\r\n?|\n/);
  for (const { line, column, message } of diagnostics) {
    assert.ok(line !== null && column !== null && line >= 1 && column >= 1 && line <= lines.length);
    assert.ok(column <= (lines[line - 1] ?? "").length + 1);
    assert.match(message, /^[^\p{Cc}]+$/u);
  }
}

Deno.test("any text is read or refused, with places in the text", () => {
  fc.assert(
    fc.property(fc.oneof(yamlLike, fc.string({ unit: "binary" })), (text) => {
      assertSound(parseDocument(text, "f"), text);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("any bytes are read or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      assertSound(parseDocumentBytes(bytes, "f"), new TextDecoder().decode(bytes));
    }),
    RUNS,
  );
});

Deno.test("any document is accepted or told its mistakes, each with a place in the text", () => {
  const leaf = z.union([
    z.literal("auto"),
    z.int().min(1).max(9),
    z.string().max(3),
    z.array(z.boolean()).max(1),
  ]);
  const schema: z.ZodType = z.strictObject({
    a: leaf.optional(),
    b: z.record(z.string().regex(/^[a-z]$/), z.lazy(() => z.union([schema, leaf, z.null()]))).optional(),
    c: z.discriminatedUnion("a", [
      z.strictObject({ a: z.literal("x") }),
      z.strictObject({ a: z.literal(1), b: leaf }),
    ])
      .optional(),
  });
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom(0, 1, 5.5, "x", "auto", "atuo", true, null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "c", "d", "A"), tie("value"), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(value, (value) => {
      const text = toJson(value, 1);
      const checked = checkDocument(schema, read(text));
      assert.equal(checked.ok, schema.safeParse(value).success);
      if (!checked.ok) assertPlaced(checked.diagnostics, text);
    }),
    { numRuns: 2000 },
  );
});
