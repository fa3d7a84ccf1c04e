/** What is left of a run once it is over. */
import assert from "node:assert/strict";

const PROBE = decodeURIComponent(new URL("memory_probe.ts", import.meta.url).pathname);
const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** An object with a listener takes more than a thousand; the heap's own ups and downs are some tens for each run. */
const MOST_BYTES = 300;

Deno.test("pipeline: nothing is kept of a run that is over", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--v8-flags=--expose-gc", "-P=test", PROBE],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stderr));
  const bytes = Number(text.decode(stdout));
  assert.ok(bytes < MOST_BYTES, `each run leaves ${bytes} bytes behind`);
});
