import assert from "node:assert/strict";
import fc from "fast-check";
import { shellWord, shownCommand } from "../../src/core/shell_words.ts";

Deno.test("a word that a shell would split, expand or drop is in single quotes", () => {
  assert.equal(shellWord("/usr/bin/nmap"), "/usr/bin/nmap");
  assert.equal(shellWord("a b"), "'a b'");
  assert.equal(shellWord("$(id)"), "'$(id)'");
  assert.equal(shellWord("it's"), `'it'\\''s'`);
  assert.equal(shellWord(""), "''");
});

Deno.test("a shown command has nothing in it that is not printable ASCII", () => {
  assert.equal(shownCommand(["/bin/x", "-H", "a: b"]), "/bin/x -H 'a: b'");
  assert.equal(shownCommand(["a\nb\x1b[2J"]), "$'a\\u000ab\\u001b[2J'");
  // A right-to-left override, a zero-width space, a Cyrillic letter that looks like a Latin one.
  assert.equal(shownCommand(["\u202e", "\u200b", "\u0430"]), "$'\\u202e' $'\\u200b' $'\\u0430'");
  assert.equal(shownCommand(["😀 it's \\"]), "$'\\U0001f600 it\\'s \\\\'");
  assert.equal(shownCommand([String.fromCharCode(0xd800)]), "$'\\ud800'");
});

Deno.test("bash reads a shown command as exactly the words that it stands for", async () => {
  const word = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(..."'\"\\$`!*~#; \n\t\0abcué\u202e"), maxLength: 12 }),
  ).map((text) => text.replaceAll("\0", "")); // No argument of a program can hold a NUL.
  const commands = fc.sample(fc.array(word, { minLength: 1, maxLength: 5 }), 500);
  const script = commands.map((words) => `printf '%s\\0' ${shownCommand(words)}`).join("\n");
  const { stdout, code } = await new Deno.Command("bash", {
    args: ["--norc", "-c", script],
    clearEnv: true,
    env: { LC_ALL: "C.UTF-8" },
  }).output();
  assert.equal(code, 0);
  assert.deepEqual(new TextDecoder().decode(stdout).split("\0").slice(0, -1), commands.flat());
});
