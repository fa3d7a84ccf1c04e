import assert from "node:assert/strict";
import fc from "fast-check";
import {
  escapeControls,
  escapeControlsInJson,
  escapeLine,
  plural,
  quote,
  QUOTED_CHARACTERS,
  withRemedy,
} from "../../src/core/text.ts";

Deno.test("text is quoted with quotes and backslashes escaped", () => {
  assert.equal(quote('a "b" \\c'), '"a \\"b\\" \\\\c"');
});

Deno.test("control, bidirectional and line separator characters are escaped", () => {
  assert.equal(quote("\x1b[2J\r\n\t\0"), '"\\u001b[2J\\r\\n\\t\\u0000"');
  assert.equal(escapeLine("\u202E\u2028\u{E0001}\x9B"), "\\u202e\\u2028\\u{e0001}\\u009b");
  assert.equal(escapeLine(String.fromCharCode(0xd800)), "\\ud800");
});

Deno.test("quoted text is cut to 60 characters, never within one", () => {
  assert.equal(quote("x".repeat(60)), `"${"x".repeat(60)}"`);
  assert.equal(quote("x".repeat(61)), `"${"x".repeat(60)}…"`);
  assert.equal(quote("😀".repeat(61)), `"${"😀".repeat(60)}…"`);
  assert.equal(quote("x" + "😀".repeat(1000)), `"x${"😀".repeat(59)}…"`);
});

Deno.test("quoted text is one printable line of bounded length, whatever it is", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
    const quoted = quote(text);
    assert.doesNotMatch(quoted, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    // The longest escape of one character is `\u{10ffff}`.
    assert.ok(quoted.length <= QUOTED_CHARACTERS * 10 + 3);
  }));
});

Deno.test("text of several lines keeps its newlines and tabs", () => {
  assert.equal(escapeControls("a\tb\nc\x1b[31m\r"), "a\tb\nc\\u001b[31m\\r");
});

Deno.test("JSON stays JSON and means the same when it is escaped", () => {
  fc.assert(fc.property(fc.json({ stringUnit: "binary" }), (json) => {
    const escaped = escapeControlsInJson(json);
    assert.doesNotMatch(escaped.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.deepEqual(JSON.parse(escaped), JSON.parse(json));
  }));
});

Deno.test("a count agrees with its noun", () => {
  assert.deepEqual([plural(1, "host"), plural(2, "host"), plural(0, "address", "addresses")], [
    "1 host",
    "2 hosts",
    "0 addresses",
  ]);
});

Deno.test("an error and its remedy are two sentences, whatever the first ends with", () => {
  assert.equal(withRemedy("it is not", "Look."), "it is not. Look.");
  assert.equal(withRemedy('unknown "a"; did you mean "b"?', "Look."), 'unknown "a"; did you mean "b"? Look.');
  assert.equal(withRemedy("it ended.", "Look."), "it ended. Look.");
});
