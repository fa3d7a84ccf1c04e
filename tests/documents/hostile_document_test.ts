import assert from "node:assert/strict";
import * as z from "zod";
import { checkDocument } from "../../src/documents/check_document.ts";
import { MAX_BYTES, MAX_VALUES, parseDocument } from "../../src/documents/parse_document.ts";
import { MAX_ALIASES, MAX_DEPTH, TOO_DEEP } from "../../src/documents/source_node.ts";
import { read, refusals } from "./support.ts";

// Generous for a slow machine; what it catches takes minutes or never ends.
const DEADLINE_MS = 10_000;

function withinDeadline(work: () => void): void {
  const startedAt = performance.now();
  work();
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < DEADLINE_MS, `took ${tookMs} ms`);
}

Deno.test("an alias bomb is refused at the first alias too many", () => {
  const references = (name: string) => Array(9).fill(`*${name}`).join(",");
  const bomb = [
    "a: &a [x,x]",
    ...["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"].map(([from, to]) =>
      `${to}: &${to} [${references(from ?? "")}]`
    ),
  ].join("\n");
  assert.deepEqual(refusals(bomb), [
    `f.yaml:3:29: c[7]: expected at most ${MAX_ALIASES} aliases in a document`,
  ]);
});

Deno.test("as many aliases as are allowed are read", () => {
  const document = (count: number) => `a: &a 1\nb: [${Array(count).fill("*a").join(", ")}]`;
  assert.deepEqual(read(document(MAX_ALIASES)).value, { a: 1, b: Array(MAX_ALIASES).fill(1) });
  assert.equal(refusals(document(MAX_ALIASES + 5)).length, 1);
});

Deno.test("few aliases of something large are refused by what they expand to", () => {
  assert.deepEqual(refusals(`a: &a [${"x,".repeat(MAX_VALUES / 2)}]\nb: [*a, *a]`), [
    `f.yaml:1:1: expected at most ${MAX_VALUES} values in a document, got ${3 * (MAX_VALUES / 2 + 1) + 2}`,
  ]);
});

Deno.test("a value cannot contain itself", () => {
  const message = 'no finished value before this is anchored as "&a"';
  assert.deepEqual(refusals("a: &a [*a]"), [`f.yaml:1:8: a[0]: ${message}`]);
  assert.deepEqual(refusals("&a b: &a {c: *a}"), [`f.yaml:1:14: b.c: ${message}`]);
});

Deno.test("nesting is refused beyond 32 levels, in every style", () => {
  const flow = (depth: number, inside: string) => "[".repeat(depth) + inside + "]".repeat(depth);
  const block = (depth: number) =>
    Array.from({ length: depth }, (_, level) => `${" ".repeat(level)}k:\n`).join("") + " ".repeat(depth) +
    "1";
  for (const inside of ["", "1", '"a"']) {
    assert.ok(parseDocument(flow(MAX_DEPTH, inside), "f").ok);
    assert.deepEqual(refusals(flow(MAX_DEPTH + 1, inside))[0]?.endsWith(`: ${TOO_DEEP}`), true);
  }
  assert.deepEqual(refusals(flow(MAX_DEPTH + 1, "")), [
    `f.yaml:1:${MAX_DEPTH + 1}: ${Array(MAX_DEPTH).fill("[0]").join("")}: ${TOO_DEEP}`,
  ]);
  assert.ok(parseDocument(block(MAX_DEPTH), "f").ok);
  assert.match(refusals(block(MAX_DEPTH + 1))[0] ?? "", /expected at most 32 levels/);
  assert.match(refusals("- ".repeat(1000) + "x")[0] ?? "", /expected at most 32 levels/);
  assert.match(refusals("? ".repeat(1000) + "x")[0] ?? "", /expected at most 32 levels/);
});

Deno.test("an alias cannot make a document deeper than it may be", () => {
  const half = MAX_DEPTH / 2;
  const nested = (depth: number, inside: string) => "[".repeat(depth) + inside + "]".repeat(depth);
  assert.ok(parseDocument(`- &a ${nested(half, "1")}\n- ${nested(half - 1, "*a")}`, "f").ok);
  assert.deepEqual(refusals(`- &a ${nested(half, "1")}\n- ${nested(half, "*a")}`), [
    `f.yaml:2:${half + 3}: [1]${Array(half).fill("[0]").join("")}: ${TOO_DEEP}`,
  ]);
});

Deno.test("keys that reach a prototype are refused, however they are written", () => {
  const message = (key: string) => `the key "${key}" is not allowed`;
  assert.deepEqual(refusals("__proto__: {admin: true}"), [`f.yaml:1:1: __proto__: ${message("__proto__")}`]);
  assert.deepEqual(refusals('{"a": [{"\\u005f_proto__": 1}]}'), [
    `f.yaml:1:9: a[0].__proto__: ${message("__proto__")}`,
  ]);
  assert.deepEqual(refusals("a:\n  'constructor':\n    prototype: 1\n"), [
    `f.yaml:2:3: a.constructor: ${message("constructor")}`,
    `f.yaml:3:5: a.constructor.prototype: ${message("prototype")}`,
  ]);
  assert.equal(({} as Record<string, unknown>)["admin"], undefined);
});

Deno.test("the names of object members are keys like any other", () => {
  const { value } = read("toString: 1\nhasOwnProperty: 2\n");
  assert.deepEqual(value, { toString: 1, hasOwnProperty: 2 });
});

Deno.test("a huge key is read, and cut in messages", () => {
  const key = "k".repeat(900_000);
  withinDeadline(() => {
    const checked = checkDocument(z.strictObject({ key: z.string() }), read(`${key}: 1\n`));
    assert.ok(!checked.ok);
    assert.ok(checked.diagnostics.every(({ path, message }) => path.length < 70 && message.length < 100));
  });
});

const LARGE: Readonly<Record<string, string>> = {
  "one long line of duplicate keys": '{"😀":1' + ',"a":1'.repeat(150_000) + "}",
  "many duplicate keys": "a: 1\n".repeat(200_000),
  "a comment like block headers": "a: # " + "|#".repeat(400_000) + "\n  |\n  x\n",
  "an anchor like block headers": "a: &" + "|-".repeat(400_000) + " |\n  x\n",
  "empty lines": "\n".repeat(MAX_BYTES - 1) + "]",
  "open quotes": "'\n".repeat(400_000),
  "anchors": "&a ".repeat(300_000),
  "anchored items": "- &a\n ".repeat(150_000),
  "byte order marks": "\uFEFF# c\n".repeat(140_000),
  "document markers": "---\n".repeat(250_000),
  "flow pairs": "[" + "a: b,".repeat(200_000) + "]",
  "escapes": `"${"\\n".repeat(500_000)}"`,
};

for (const [name, text] of Object.entries(LARGE)) {
  Deno.test(`the largest documents are read or refused in reasonable time: ${name}`, () => {
    assert.ok(new TextEncoder().encode(text).length <= MAX_BYTES);
    withinDeadline(() => void parseDocument(text, "f"));
  });
}

Deno.test("a large document full of mistakes is checked in reasonable time", () => {
  const unknown = Array.from({ length: 40_000 }, (_, index) => `prt${index}: 1`).join(",");
  const wrong = Array(100_000).fill("'x'").join(",");
  const schema = z.strictObject({
    server: z.strictObject({ port: z.int().optional() }),
    list: z.array(z.int().min(1).max(9)),
  });
  withinDeadline(() => {
    const checked = checkDocument(schema, read(`server: {${unknown}}\nlist: [${wrong}]`));
    assert.ok(!checked.ok);
    assert.equal(checked.diagnostics.length, 140_000);
  });
});
