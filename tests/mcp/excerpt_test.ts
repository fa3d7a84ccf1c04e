import assert from "node:assert/strict";
import fc from "fast-check";
import { headAndTail, shortenParsed } from "../../src/mcp/excerpt.ts";

const size = (text: string) => new TextEncoder().encode(text).length;
const jsonSize = (value: unknown) => size(JSON.stringify(value));
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 600 }),
  fc.string({ unit: fc.constantFrom("é", "😀", "\n", "a", "\u202e", "\ud800"), maxLength: 600 }),
);

Deno.test("excerpt: a text that fits to the byte is left as it is", () => {
  assert.deepEqual(headAndTail("éé", 4), { text: "éé", shortened: false });
  assert.equal(headAndTail("éé", 3).shortened, true);
  assert.deepEqual(headAndTail("", 0), { text: "", shortened: false });
});

Deno.test("excerpt: of a longer text there is the head, what was left out, and the tail", () => {
  const { text, shortened } = headAndTail(`BEGIN${"x".repeat(5000)}END`, 200);
  assert.equal(shortened, true);
  assert.match(text, /^BEGINx+\n\[\.\.\. 5008 bytes in all; the middle is left out \.\.\.\]\nx+END$/);
  assert(size(text) > 190, "the room is used");
});

Deno.test("excerpt: the cap holds for any text and any number of bytes, and no character is split", () => {
  fc.assert(fc.property(anyText, fc.nat(400), (text, maxBytes) => {
    const excerpt = headAndTail(text, maxBytes);
    assert(size(excerpt.text) <= maxBytes);
    assert.equal(excerpt.shortened, size(text) > maxBytes);
    if (!excerpt.shortened) return assert.equal(excerpt.text, text);
    if (excerpt.text === "") return;
    const [head, tail] = excerpt.text.split(
      /\n\[\.\.\. \d+ bytes? in all; the middle is left out \.\.\.\]\n/,
    );
    // What is no character in the text is none in its excerpt: lone halves become U+FFFD in both.
    const whole = text.toWellFormed();
    assert(whole.startsWith(head!.toWellFormed()));
    assert(whole.endsWith(tail!));
  }));
});

// ---- parsed objects ------------------------------------------------------------------------------------------------

const hosts = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ address: `10.0.0.${index}`, ports: [1, 2, 3] }));

Deno.test("excerpt: a parsed object that fits is left as it is", () => {
  const parsed = { hosts: hosts(2), incomplete: null };
  assert.equal(shortenParsed(parsed, 1000), parsed);
});

Deno.test("excerpt: of a large object the longest list keeps its first items, and incomplete says how many", () => {
  const parsed = { hosts: hosts(64), scan: { notes: ["a"] }, incomplete: null };
  const before = structuredClone(parsed);
  const short = shortenParsed(parsed, 1000)!;
  const kept = short.hosts as unknown[];
  assert(jsonSize(short) <= 1000);
  assert.deepEqual(kept, before.hosts.slice(0, kept.length));
  assert.deepEqual(short.scan, { notes: ["a"] });
  assert.equal(short.incomplete, `shortened for this answer (hosts: ${kept.length} of 64)`);
  assert.deepEqual(parsed, before, "what was given is not changed");
});

Deno.test("excerpt: what the parser itself lost stays said", () => {
  const short = shortenParsed({ hosts: hosts(64), incomplete: "the end was cut off" }, 1000)!;
  assert.match(
    String(short.incomplete),
    /^the end was cut off; shortened for this answer \(hosts: \d+ of 64\)$/,
  );
});

Deno.test("excerpt: several long lists are all named", () => {
  const parsed = { a: { left: hosts(40) }, right: hosts(40), incomplete: null };
  const short = shortenParsed(parsed, 600)!;
  assert.match(String(short.incomplete), /a\.left: \d+ of 40/);
  assert.match(String(short.incomplete), /right: \d+ of 40/);
});

Deno.test("excerpt: without a list to shorten there is nothing left to show", () => {
  assert.equal(shortenParsed({ text: "x".repeat(2000), incomplete: null }, 1000), null);
});

Deno.test("excerpt: the cap holds for any object", () => {
  const parsed = fc.dictionary(
    fc.string({ maxLength: 8 }),
    fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()),
  );
  fc.assert(fc.property(parsed, fc.integer({ min: 50, max: 400 }), (given, maxBytes) => {
    const short = shortenParsed(given, maxBytes);
    if (short !== null) assert(jsonSize(short) <= maxBytes);
  }));
});
