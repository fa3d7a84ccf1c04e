import assert from "node:assert/strict";
import { joinMessages, splitLines } from "../../../src/catalog/parsers/output_lines.ts";

Deno.test("only what a line feed ends is a line", () => {
  assert.deepEqual(splitLines("a\r\n\nb\nc"), { lines: ["a", "", "b"], rest: "c", dropped: 0 });
  assert.deepEqual(splitLines(""), { lines: [], rest: "", dropped: 0 });
});

Deno.test("a line that is too long is left out and counted", () => {
  const long = "x".repeat(2001);
  assert.deepEqual(splitLines(`a\n${long}\nb\n${long}`), {
    lines: ["a", "b"],
    rest: "x".repeat(2000),
    dropped: 1,
  });
});

Deno.test("messages are kept once each, the first few, and not at any length", () => {
  assert.equal(joinMessages([]), null);
  assert.equal(joinMessages(["", "  "]), null);
  assert.equal(joinMessages(["b", "a", "b "]), "b; a");
  assert.equal(joinMessages(["1", "2", "3", "4", "5", "6"]), "1; 2; 3; 4; 5");
  assert.equal(joinMessages(["x".repeat(301)]), "x".repeat(300));
});
