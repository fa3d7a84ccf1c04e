/** The newcomer's first command. */
import assert from "node:assert/strict";
import { BINARY, ROOT } from "./support/bulkhead.ts";
import { hasProgram } from "./support/programs.ts";

Deno.test(
  "the demo scans, fetches, refuses, and leaves no process behind",
  { ignore: BINARY !== null },
  async () => {
    if (!hasProgram("nmap") || !hasProgram("curl") || !hasProgram("openssl")) return;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "demo"],
      cwd: ROOT,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    const text = decoder.decode(stdout);
    assert.equal(code, 0, decoder.decode(stderr) + text);
    assert.match(text, /tcp open/);
    assert.match(text, /HTTP\/1\.1 200/);
    assert.match(text, /TLSv1\.[23]/);
    assert.match(text, /192\.0\.2\.1 .*refused/i);
    assert.match(text, /-oN .*refused/i);
    const server = Number(/server pid (\d+)/.exec(text)?.[1]);
    assert.ok(server > 0);
    assert.throws(() => Deno.kill(server, "SIGCONT"), Deno.errors.NotFound);
  },
);
