/** What `bulkhead doctor` says of a machine, and that it fails when something does not hold. */
import assert from "node:assert/strict";
import { BINARY, bulkhead, commandLine, environment, printedFlags, ROOT } from "./support/bulkhead.ts";
import { hasProgram, standInManifest, TestFolder } from "./support/programs.ts";

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
  // What it gives up it had: else nothing would be shown by what follows.
  assert.match(
    names,
    /the compartment of (\S+) can load (\S+) at its[^]*the compartment of \1 cannot load \2$/m,
  );
  const denials = report.proofs.filter(({ name }: { name: string }) => name.startsWith("a run cannot"));
  assert.ok(denials.length >= 1);
  for (const { detail } of denials) assert.match(detail, /Permission denied|Couldn't open file/);
  assert.equal(report.kernel.seccomp_notifications, true);
  assert.ok(report.enforced.landlock.length > 0 || report.kernel.landlock_abi === 0);
  assert.match(names, /a run sees its limit: Max open files/);
});

/** A call of curl with the printed flags but those that begin with `left`, and not for the path `left`. */
async function callWithout(left: string, args: readonly string[]) {
  const flags = (await printedFlags(args)).filter((flag) => !flag.startsWith(left)).map((flag) =>
    flag.startsWith("--allow-read=") ? flag.replace(left, "") : flag
  );
  const call = ["call", "curl", "--target", "http://127.0.0.1:9/", ...args];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, `${ROOT}main.ts`, ...call],
    clearEnv: true,
    env: environment(),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("without the right to ask who we are, the start ends with 2 and the remedy", {
  ignore: BINARY !== null,
}, async () => {
  const { code, stderr } = await callWithout("--allow-sys", ["--allow-target", "loopback"]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^the server's own user cannot be told.* `bulkhead permissions` prints$/m);
});

Deno.test("without the right to read the workers' sources, the start ends with 2 and the remedy", {
  ignore: BINARY !== null,
}, async () => {
  using folder = new TestFolder();
  const basic = folder.write("basic.yaml", "confinement: { tier: basic }\n");
  // As the flags are that the executable prints.
  for (const args of [[], ["--config", basic]]) {
    const { code, stderr } = await callWithout(`${ROOT}src/confinement,`, [
      "--allow-target",
      "loopback",
      ...args,
    ]);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /sources of the workers, is missing: start with the flags that `bulkhead permissions`/,
    );
    assert.doesNotMatch(stderr, /internal error|NotCapable/);
  }
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
    const start = (...args: string[]) => callWithout("--allow-ffi", args);
    const refused = await start("--config", kernel, "--allow-target", "loopback");
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /^the tier kernel is not to be had here: /m);
    const weaker = await start("--allow-target", "loopback");
    assert.match(weaker.stderr, /tier basic: programs run without limits of the kernel/);
    assert.match(weaker.stderr, /curl ended with exit code 7/);
  },
);

Deno.test("doctor: tier basic is said with the reason, and the machine is asked all the same", async () => {
  if (!hasProgram("curl")) return;
  using folder = new TestFolder();
  const basic = folder.write("basic.yaml", "confinement: { tier: basic }\n");
  const { stdout, code } = await bulkhead(["doctor", "--config", basic]);
  assert.equal(code, 0);
  assert.match(stdout, /^tier +basic$/m);
  assert.match(stdout, /tier basic, because confinement\.tier is basic$/m);
  assert.match(stdout, /time-outs and output caps only/);
  assert.doesNotMatch(stdout, /^enforced/m);

  const { kernel: strong } = JSON.parse((await bulkhead(["doctor", "--json"])).stdout);
  const weak = JSON.parse((await bulkhead(["doctor", "--json", "--config", basic])).stdout);
  assert.equal(strong.seccomp_notifications, true);
  if (BINARY !== null) return assert.deepEqual(weak.kernel, strong);
  // The flags for tier basic let nobody load libc: that the kernel was not asked is no answer of the kernel's.
  const { libc, seccomp_notifications, landlock_abi, capabilities, not_asked } = weak.kernel;
  assert.deepEqual([libc, seccomp_notifications, landlock_abi, capabilities], [null, null, null, null]);
  assert.equal(not_asked, "the permission to load libc is not granted");
  // With the flags for tier kernel, it is.
  const flags = await printedFlags([]);
  const command = ["run", "--quiet", ...flags, `--allow-read=${basic}`, `${ROOT}main.ts`, "doctor", "--json"];
  const asked = await new Deno.Command(Deno.execPath(), {
    args: [...command, "--config", basic],
    clearEnv: true,
    env: environment(),
    stdin: "null",
  }).output();
  assert.deepEqual(JSON.parse(new TextDecoder().decode(asked.stdout)).kernel, strong);
});

Deno.test("doctor: it ends with 1 when a proof fails", { ignore: BINARY !== null }, async () => {
  using folder = new TestFolder();
  // It writes and shows nothing, whatever it is told, and ends as if it had been denied.
  const pretender = folder.script("curl", "echo 'curl: (23) something else' >&2; exit 23");
  const overrides = `{ curl: { command: ${pretender} } }`;
  const config = folder.write("config.yaml", `tools: { exclude: [openssl], overrides: ${overrides} }\n`);
  const { stdout, code } = await bulkhead(["doctor", "--json", "--config", config]);
  const report = JSON.parse(stdout);
  assert.deepEqual([report.ok, code], [false, 1]);
  const proof = report.proofs.find(({ name }: { name: string }) => name.startsWith("a run cannot write"));
  assert.deepEqual([proof.ok, proof.detail], [
    false,
    "exit code 23: curl: (23) something else; expected: Permission denied",
  ]);
  const text = await bulkhead(["doctor", "--config", config]);
  assert.equal(text.code, 1);
  assert.match(text.stdout, /^FAILED +a run cannot read the server's environment/m);
  assert.match(text.stdout, /\na proof FAILED\n$/);
});

Deno.test("doctor: a shell that is a tool's program is tried once", { ignore: BINARY !== null }, async () => {
  if (!hasProgram("curl")) return;
  using folder = new TestFolder();
  folder.write("tools/shell.yaml", standInManifest("shell", "/bin/sh"));
  const { stdout } = await bulkhead(["doctor", "--json", "--tools", `${folder.path}/tools`]);
  const names = JSON.parse(stdout).proofs.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  assert.ok(names.includes("main cannot execute /bin/sh"));
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

Deno.test("under another seccomp listener the tier kernel is not to be had, and what to do is said", {
  ignore: BINARY !== null,
}, async () => {
  if (!hasProgram("curl")) return;
  using folder = new TestFolder();
  const kernel = folder.write("kernel.yaml", "confinement: { tier: kernel }\n");
  const under = async (...args: string[]) => {
    const script = `${ROOT}tests/integration/support/under_listener.ts`;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-P=test", script, ...await commandLine(args)],
      cwd: ROOT,
      clearEnv: true,
      env: environment(),
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
  const reason =
    "seccomp: EBUSY: another program listens to this process's system calls already, such as a " +
    "container runtime or a sandbox. Start the server outside of it";
  const refused = await under("doctor", "--config", kernel);
  assert.deepEqual([refused.code, refused.stderr], [2, `the tier kernel is not to be had here: ${reason}\n`]);
  const weaker = await under("doctor");
  assert.equal(weaker.code, 0, weaker.stderr);
  assert.ok(weaker.stdout.includes(`\nwarning   tier basic, because ${reason}\n`), weaker.stdout);
  assert.match(weaker.stdout, /^kernel +seccomp notifications: true$/m);
});
