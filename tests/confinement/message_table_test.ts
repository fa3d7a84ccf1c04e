import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bytesUpTo,
  count,
  hasExactly,
  listOf,
  matching,
  messageCheck,
  oneOf,
  orNull,
  text,
  textUpTo,
  wholeCount,
} from "../../src/confinement/message_table.ts";

type Message =
  | { readonly type: "begin"; readonly name: string; readonly count: number }
  | { readonly type: "end" };

const isMessage = messageCheck<Message>({ begin: { name: text, count }, end: {} });

Deno.test("message table: a message has its type and all its fields", () => {
  assert.equal(isMessage({ type: "begin", name: "n", count: 0 }), true);
  assert.equal(isMessage({ type: "end" }), true);
  // The order of the fields says nothing.
  assert.equal(isMessage({ count: 1, name: "n", type: "begin" }), true);
});

const BAD: readonly unknown[] = [
  null,
  undefined,
  "end",
  7,
  [],
  {},
  [{ type: "end" }],
  { type: "other" },
  { type: "__proto__" },
  { type: "constructor" },
  { type: ["end"] },
  { type: "end", more: 1 },
  { type: "begin", name: "n" },
  { type: "begin", name: "n", count: "0" },
  { type: "begin", name: 7, count: 0 },
  { type: "begin", name: "n", count: 0, more: undefined },
  { type: "end", name: "n", count: 0 },
  Object.create({ type: "end" }),
  Object.assign(Object.create({ name: "n" }), { type: "begin", count: 0, other: 0 }),
];

for (const [index, data] of BAD.entries()) {
  Deno.test(`message table: what is no message, ${index}: ${JSON.stringify(data)}`, () => {
    assert.equal(isMessage(data), false);
  });
}

Deno.test("message table: no value makes a check throw", () => {
  const values = fc.anything({
    withNullPrototype: true,
    withBigInt: true,
    withTypedArray: true,
    withMap: true,
  });
  const checks = [
    isMessage,
    text,
    count,
    wholeCount,
    matching(/^a/),
    orNull(text),
    oneOf(1, null),
    bytesUpTo(1),
    listOf(text, 2),
    hasExactly({ a: text }),
  ];
  fc.assert(fc.property(values, fc.constantFrom(...checks), (value, check) => {
    assert.equal(typeof check(value), "boolean");
  }));
});

Deno.test("message table: texts are as long as they may be, and no longer", () => {
  assert.deepEqual([text("x".repeat(4096)), text("x".repeat(4097)), text(1)], [true, false, false]);
  assert.deepEqual([textUpTo(2)("ab"), textUpTo(2)("abc"), textUpTo(0)("")], [true, false, true]);
  const hex = matching(/^[0-9a-f]{1,4}$/);
  assert.deepEqual(["0af", "", "xyz", "00000", "0\n", 1].map(hex), [true, false, false, false, false, false]);
});

Deno.test("message table: numbers count", () => {
  assert.deepEqual([0, 1.5, -1, NaN, Infinity, "1", 1n].map(count), [
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
  assert.deepEqual([0, 1.5, -1, 2 ** 53, "1"].map(wholeCount), [true, false, false, false, false]);
});

Deno.test("message table: a view counts with its whole buffer, which is what is sent", () => {
  const check = bytesUpTo(4);
  assert.deepEqual([check(new Uint8Array(4)), check(new Uint8Array(5))], [true, false]);
  assert.equal(check(new Uint8Array(5).subarray(0, 1)), false);
  assert.deepEqual([check([1]), check(new ArrayBuffer(1)), check("a")], [false, false, false]);
});

Deno.test("message table: lists have a longest length, no holes and nothing else", () => {
  const check = listOf(text, 2);
  assert.deepEqual([check([]), check(["a", "b"]), check(["a", "b", "c"]), check(["a", 1])], [
    true,
    true,
    false,
    false,
  ]);
  assert.deepEqual([check(new Array(2)), check({ length: 0 }), check(Object.assign(["a"], { more: 1 }))], [
    false,
    false,
    false,
  ]);
});
