import assert from "node:assert/strict";
import { Exit } from "../../src/core/exit.ts";
import { run } from "../../src/cli/completions.ts";
import { COMMANDS } from "../../src/cli/commands.ts";

/** What the command prints. */
async function printed(...args: readonly string[]): Promise<string> {
  let out = "";
  const io = { stdout: (text: string) => void (out += text), stderr: () => {} };
  assert.equal(await run({ name: "completions", brief: "", args, io }), 0);
  return out;
}

/** What bash would be offered for words of which the last is not finished. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  return (await printed("bash", "--", ...words)).split("\n").filter((line) => line !== "");
}

Deno.test("completions: the first word is a command", async () => {
  assert.deepEqual(await offered(""), COMMANDS.map(({ name }) => name));
  assert.deepEqual(await offered("c"), ["call", "check", "config", "completions"]);
  assert.deepEqual(await offered(), COMMANDS.map(({ name }) => name));
});

for (
  const [words, expected] of [
    [["serve", "--tr"], ["--transport"]],
    [["call", "nm"], ["nmap"]],
    [["tools", "ssh"], ["ssh_keyscan"]],
    [["permissions", "--format", ""], ["flags", "json", "markdown"]],
    [["schema", "m"], ["manifest"]],
    [["completions", "z"], ["zsh"]],
    [["nothing", "x"], []],
  ] as const
) {
  Deno.test(`completions: behind ${JSON.stringify(words)}`, async () => {
    assert.deepEqual(await offered(...words), expected);
  });
}

for (const { name } of COMMANDS) {
  Deno.test(`completions: ${name} has suggestions for what follows`, async () => {
    const found = await offered(name, name === "schema" || name === "completions" ? "" : "--");
    assert.ok(found.length > 0);
  });
}

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`completions: the script for ${shell} asks this very program`, async () => {
    assert.match(await printed(shell), new RegExp(`bulkhead '?completions'? '?${shell}'? '?--'?`));
  });
}

Deno.test("completions: of another shell it says which there are", async () => {
  await assert.rejects(printed("tcsh"), (error) => error instanceof Exit && error.code === 2);
});
