/** Who can do what, proved from inside the threads, with exactly the flags that are printed. */
import assert from "node:assert/strict";
import { BINARY, commandLine, environment, printedFlags, ROOT } from "./support/bulkhead.ts";
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

Deno.test("each thread can do what the table of permissions says, and nothing else", {
  ignore: BINARY !== null,
}, async () => {
  if (!hasProgram("curl") || !hasProgram("openssl") || !hasProgram("nmap")) return;
  const { before, threads, after, more, answer, sources, stateFolder, libc } = await probe();
  const source = `read ${sources}/workers.ts`;
  const [curl, openssl] = ["execute /usr/bin/curl", "execute /usr/bin/openssl"];
  const [load, write] = [`load ${libc}`, `write ${stateFolder}`];
  // Main before the start is done. Over stdio it may neither connect nor listen; no shell is ever in the list.
  assert.deepEqual(before, [curl, openssl, source, write, load, "read the environment", "ask for the user"]);
  assert.deepEqual(threads.compartment, [curl]);
  assert.deepEqual(threads.warden, [curl, openssl, source, load]);
  assert.deepEqual(threads.undertaker, [load]);
  assert.deepEqual(threads.scribe, [write]);
  assert.deepEqual(after, []);
  for (const [attempt, outcome] of Object.entries(more)) {
    assert.equal(outcome, attempt === "import" ? "TypeError" : "NotCapable", attempt);
  }
  // curl ran: it is curl's own exit code for a refused connection.
  assert.equal(answer.kind, "result");
  assert.equal(answer.result.returncode, 7);
  assert.equal(answer.result.metadata.confinement, "kernel");
});

Deno.test("on a terminal nobody is asked for a permission", async () => {
  if (!hasProgram("script") || !hasProgram("curl")) return;
  const command = (await commandLine(["doctor"])).map((word) => `'${word}'`).join(" ");
  // script(1) gives the command a terminal of its own; whoever asked on it would wait for ever.
  const { stdout, code } = await new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    cwd: ROOT,
    clearEnv: true,
    env: { ...environment(), PATH: "/usr/bin:/bin", TERM: "xterm", SHELL: "/bin/sh" },
    stdin: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.match(text, /every proof holds/);
  assert.doesNotMatch(text, /Allow\?|permission prompt|\[y\/n/i);
  assert.equal(code, 0);
});
