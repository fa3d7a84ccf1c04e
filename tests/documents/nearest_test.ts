import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance, nearest } from "../../src/documents/nearest.ts";

Deno.test("insertions, deletions, substitutions and swaps of neighbours count as one edit each", () => {
  assert.equal(editDistance("port", "port"), 0);
  assert.equal(editDistance("prot", "port"), 1);
  assert.equal(editDistance("por", "port"), 1);
  assert.equal(editDistance("portt", "port"), 1);
  assert.equal(editDistance("pert", "port"), 1);
  assert.equal(editDistance("ca", "abc"), 3);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("a😀b", "ab"), 1);
});

Deno.test("the nearest candidate is suggested, the first of several", () => {
  assert.equal(nearest("prot", ["host", "port", "path"]), "port");
  assert.equal(nearest("comand", ["command", "commands"]), "command");
  assert.equal(nearest("ab", ["ac", "bb"]), "ac");
});

Deno.test("a candidate is suggested within a third of the word's length, and always at one edit", () => {
  assert.equal(nearest("x", ["y"]), "y");
  assert.equal(nearest("xy", ["zz"]), null);
  assert.equal(nearest("abcdef", ["abcdzz"]), "abcdzz");
  assert.equal(nearest("abcdef", ["abczzz"]), null);
  assert.equal(nearest("abcde", ["abczz"]), null);
  assert.equal(nearest("word", []), null);
});

Deno.test("a huge word is refused without being compared", () => {
  const startedAt = performance.now();
  assert.equal(
    nearest("x".repeat(1_000_000), Array.from({ length: 50 }, (_, index) => `candidate ${index}`)),
    null,
  );
  assert.ok(performance.now() - startedAt < 1000);
});

Deno.test("the distance is symmetric, zero only for equal words, and at most the longer length", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c", "😀"), maxLength: 8 });
  fc.assert(fc.property(word, word, (a, b) => {
    const distance = editDistance(a, b);
    assert.equal(distance, editDistance(b, a));
    assert.equal(distance === 0, a === b);
    assert.ok(distance <= Math.max([...a].length, [...b].length));
    assert.ok(distance >= Math.abs([...a].length - [...b].length));
  }));
});

Deno.test("a word with one edit made is found again among unrelated ones", () => {
  const words = ["concurrency", "timeout", "allowlist", "directory"];
  fc.assert(fc.property(fc.constantFrom(...words), fc.nat(6), fc.nat(2), (word, index, kind) => {
    const edits = [
      word.slice(0, index) + word.slice(index + 1),
      word.slice(0, index) + "#" + word.slice(index),
      word.slice(0, index) + word.charAt(index + 1) + word.charAt(index) + word.slice(index + 2),
    ];
    assert.equal(nearest(edits[kind] ?? "", words), word);
  }));
});
