/** The completions in the shell that is on every machine here. */
import assert from "node:assert/strict";
import { shellWord } from "../../src/core/shell_words.ts";
import { inspectCommand } from "./support/bulkhead.ts";

/** What bash offers for a line of which the last word is not finished. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const program = inspectCommand([]).map(shellWord).join(" ");
  const script = `
    bulkhead() { ${program} "$@"; }
    source <(bulkhead completions bash)
    COMP_WORDS=(bulkhead ${words.map(shellWord).join(" ")})
    COMP_CWORD=${words.length}
    COMP_LINE="\${COMP_WORDS[*]}"; COMP_POINT=\${#COMP_LINE}
    _bulkhead
    printf '%s\\n' "\${COMPREPLY[@]}"
  `;
  const { code, stdout, stderr } = await new Deno.Command("/bin/bash", { args: ["-c", script] }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout).split("\n").map((word) => word.trim()).filter((word) => word !== "");
}

Deno.test("completions: bash offers commands, options, their values and tools", async () => {
  assert.deepEqual(await offered("ca"), ["call"]);
  assert.deepEqual(await offered("call", "nm"), ["nmap"]);
  assert.deepEqual(await offered("serve", "--tr"), ["--transport"]);
  assert.deepEqual(await offered("serve", "--transport", "h"), ["http"]);
  assert.deepEqual(await offered("check", "--log-level", ""), ["debug", "info", "warning", "error"]);
  assert.deepEqual(await offered("tools", "--log-format", ""), ["auto", "pretty", "json"]);
});
