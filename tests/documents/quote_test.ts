import assert from "node:assert/strict";
import fc from "fast-check";
import { describeValue, escapeText, QUOTED_CHARACTERS, quoteText } from "../../src/documents/quote.ts";

Deno.test("text is quoted with quotes and backslashes escaped", () => {
  assert.equal(quoteText('a "b" \\c'), '"a \\"b\\" \\\\c"');
});

Deno.test("control, bidirectional and line separator characters are escaped", () => {
  assert.equal(quoteText("\x1b[2J\r\n\t\0"), '"\\u001b[2J\\r\\n\\t\\u0000"');
  assert.equal(escapeText("\u202E\u2028\u{E0001}\x9B"), "\\u202e\\u2028\\u{e0001}\\u009b");
  assert.equal(escapeText(String.fromCharCode(0xd800)), "\\ud800");
});

Deno.test("quoted text is cut to 60 characters, never within one", () => {
  assert.equal(quoteText("x".repeat(60)), `"${"x".repeat(60)}"`);
  assert.equal(quoteText("x".repeat(61)), `"${"x".repeat(60)}…"`);
  assert.equal(quoteText("😀".repeat(61)), `"${"😀".repeat(60)}…"`);
  assert.equal(quoteText("x" + "😀".repeat(1000)), `"x${"😀".repeat(59)}…"`);
});

Deno.test("scalars are described as they are, collections by their kind", () => {
  assert.deepEqual([1.5, true, null, undefined, "a"].map(describeValue), [
    "1.5",
    "true",
    "null",
    "nothing",
    '"a"',
  ]);
  assert.deepEqual([[1], { a: 1 }].map(describeValue), ["a list", "a mapping"]);
});

Deno.test("quoted text is one printable line of bounded length, whatever it is", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
    const quoted = quoteText(text);
    assert.doesNotMatch(quoted, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    // The longest escape of one character is `\u{10ffff}`.
    assert.ok(quoted.length <= QUOTED_CHARACTERS * 10 + 3);
  }));
});
