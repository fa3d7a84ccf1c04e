import assert from "node:assert/strict";
import { EXIT } from "../../src/core/exit.ts";
import { main } from "../../src/cli/main.ts";

/** What is said of a bug: an error that nobody expected, thrown in the middle of a command. */
async function saidOfBug(thrown: unknown): Promise<string> {
  let said = "";
  const code = await main(["schema", "config"], {
    stdout() {
      throw thrown;
    },
    stderr: (text) => said += text,
  });
  assert.equal(code, EXIT.bug);
  return said;
}

Deno.test("main: an internal error is told with its stack, on lines of its own", async () => {
  const said = await saidOfBug(new Error("what happened"));
  assert.match(said, /^bulkhead: internal error: Error: what happened\n {4}at .*main_test\.ts/);
});

Deno.test("main: an internal error is told without the secrets in it, and steers no terminal", async () => {
  for (const text of ["Authorization: Bearer s3cr3t", "https://alice:s3cr3t@10.0.0.5/", "password=s3cr3t"]) {
    for (const thrown of [new Error(`cannot ask: ${text}`), `cannot ask: ${text}`]) {
      const said = await saidOfBug(thrown);
      assert.match(said, /^bulkhead: internal error: (?:Error: )?cannot ask: /);
      assert.doesNotMatch(said, /s3cr3t/);
    }
  }
  assert.match(await saidOfBug("a\u001b[2Jb"), /: a\\u001b\[2Jb\n$/);
});
