/** Who can start what, proved from inside the threads, with exactly the flags that are printed. */
import assert from "node:assert/strict";
import { BINARY, environment, printedFlags, ROOT } from "./support/bulkhead.ts";
import { hasProgram } from "./support/programs.ts";

async function probe() {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...await printedFlags([]), `${ROOT}tests/integration/isolation_probe.ts`],
    cwd: ROOT,
    clearEnv: true,
    env: environment(),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.notEqual(stdout.length, 0, decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout));
}

Deno.test("main can execute nothing, and one compartment cannot execute another's program", {
  ignore: BINARY !== null,
}, async () => {
  if (!hasProgram("curl") || !hasProgram("openssl") || !hasProgram("nmap")) return;
  const { main, compartment, answer } = await probe();
  for (const [attempt, outcome] of Object.entries(main)) {
    assert.equal(outcome, attempt === "import" ? "TypeError" : "NotCapable", attempt);
  }
  assert.equal(compartment.own.type, "ended");
  assert.equal(compartment.other.type, "not_started");
  assert.match(compartment.other.reason, /NotCapable.*\/usr\/bin\/openssl/);
  // curl ran: it is curl's own exit code for a refused connection.
  assert.equal(answer.kind, "result");
  assert.equal(answer.result.returncode, 7);
});
