/** What `bulkhead doctor` says of a machine, and that it fails when something does not hold. */
import assert from "node:assert/strict";
import { BINARY, bulkhead, environment, printedFlags, ROOT } from "./support/bulkhead.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";

Deno.test("doctor: the tier, the kernel, the tools, and every proof", async () => {
  if (!hasProgram("curl")) return;
  const { code, stdout } = await bulkhead(["doctor", "--json"]);
  const report = JSON.parse(stdout);
  assert.deepEqual(Object.keys(report).slice(0, 6), ["ok", "tier", "user", "kernel", "tools", "proofs"]);
  assert.deepEqual(report.proofs.filter(({ ok }: { ok: boolean }) => !ok), []);
  assert.deepEqual([report.ok, code], [true, 0]);
  assert.equal(report.tier, "kernel");
  assert.ok(report.kernel.landlock_abi >= 0);
  const curl = report.tools.find(({ name }: { name: string }) => name === "curl");
  assert.ok(curl.executables.length >= 2, "the program and its loader");
  const names = report.proofs.map(({ name }: { name: string }) => name).join("\n");
  for (
    const what of ["main cannot execute", "main cannot connect", "main cannot read", "main cannot write"]
  ) {
    assert.ok(names.includes(what), what);
  }
  assert.match(names, /the compartment of \S+ cannot execute/);
  assert.match(names, /a run sees its limit: Max open files/);
});

Deno.test(
  "a start tries a program out: a tier that is not to be had ends it with 2, and with auto is said (D1)",
  {
    ignore: BINARY !== null,
  },
  async () => {
    using folder = new TestFolder();
    const kernel = folder.write("kernel.yaml", "confinement: { tier: kernel }\n");
    // Without the right to load libc there is nobody to ask the kernel.
    const start = async (...args: string[]) => {
      const flags = (await printedFlags(args)).filter((flag) => !flag.startsWith("--allow-ffi"));
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          ...flags,
          `${ROOT}main.ts`,
          "call",
          "curl",
          "--target",
          "http://127.0.0.1:9/",
          ...args,
        ],
        clearEnv: true,
        env: environment(),
        stdin: "null",
      }).output();
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    };
    const refused = await start("--config", kernel, "--allow-target", "loopback");
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /^the tier kernel is not to be had here: /m);
    const weaker = await start("--allow-target", "loopback");
    assert.match(weaker.stderr, /tier basic: programs run without limits of the kernel/);
    assert.match(weaker.stderr, /curl ended with exit code 7/);
  },
);

Deno.test("doctor: tier basic is said", async () => {
  using folder = new TestFolder();
  const basic = folder.write("basic.yaml", "confinement: { tier: basic }\n");
  const { stdout, code } = await bulkhead(["doctor", "--config", basic]);
  assert.equal(code, 0);
  assert.match(stdout, /^tier +basic$/m);
  assert.match(stdout, /time-outs and output caps only/);
});

Deno.test(
  "doctor: without a program to look with, what was not proved is said",
  { ignore: BINARY !== null },
  async () => {
    using folder = new TestFolder();
    const config = folder.write("config.yaml", "tools: { exclude: [curl, openssl] }\n");
    const { stdout, code } = await bulkhead(["doctor", "--config", config]);
    assert.equal(code, 0);
    assert.match(stdout, /^warning +nothing was proved from inside a program: that takes curl or openssl$/m);
    assert.doesNotMatch(stdout, /a run sees/);
  },
);
