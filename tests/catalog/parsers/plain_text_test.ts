import assert from "node:assert/strict";
import {
  cutText,
  decodeText,
  joinLosses,
  joinSummary,
  onePiece,
} from "../../../src/catalog/parsers/plain_text.ts";

Deno.test("text is cut without splitting a character", () => {
  assert.equal(cutText("ab\u{1f600}", 3), "ab");
  assert.equal(cutText("ab\u{1f600}", 4), "ab\u{1f600}");
  assert.equal(cutText("\u{1f600}b", 2), "\u{1f600}");
});

Deno.test("a piece of a line has no line break, control or direction", () => {
  assert.equal(onePiece(" a\r\nb\u2028c\u0085d\x1b[0m\u202ee\0 "), "a b c d [0m e");
  assert.equal(onePiece("x".repeat(301)), `${"x".repeat(300)}...`);
});

Deno.test("bytes that are not UTF-8 are replaced", () => {
  assert.equal(decodeText(Uint8Array.of(0x61, 0xff, 0x62)), "a\ufffdb");
});

Deno.test("summaries and losses are joined", () => {
  assert.equal(joinSummary(["a", "b"]), "a\nb");
  assert.equal(joinSummary(Array.from({ length: 201 }, () => "a")).split("\n").at(-1), "(1 more line)");
  assert.deepEqual([joinLosses([]), joinLosses(["a", "b"])], [null, "a; b"]);
});
