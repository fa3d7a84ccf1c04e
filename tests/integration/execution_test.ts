/** What a program is given and how it is stopped: stand-ins at fixed paths, started through `bulkhead call`. */
import assert from "node:assert/strict";
import { BINARY, bulkhead } from "./support/bulkhead.ts";
import { hasProgram, standInManifest, TestFolder } from "./support/programs.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null };

/** What the stand-ins start themselves: a program may execute nothing that is not declared. */
const HELPERS = "helpers: [cat, env, head, ls, sleep]";

/** Declares a stand-in that runs `body`, calls it, and returns its result. */
async function callScript(body: string, manifest = "", args: readonly string[] = []) {
  using folder = new TestFolder();
  const script = folder.script("bin/stand_in", body);
  folder.write("tools/stand_in.yaml", standInManifest("stand_in", script, `${HELPERS}\n${manifest}`));
  const began = performance.now();
  const finished = await bulkhead(["call", "stand_in", "--json", "--tools", `${folder.path}/tools`, ...args]);
  const elapsedMs = performance.now() - began;
  return { ...finished, elapsedMs, result: JSON.parse(finished.stdout) };
}

Deno.test("stdin is empty: a program that reads it ends at once (D16)", options, async () => {
  const { result, code } = await callScript("cat; echo end");
  assert.equal(result.stdout, "end\n");
  assert.equal(code, 0);
});

Deno.test("the environment is an allow-list of our own", options, async () => {
  const { result } = await callScript("exec /usr/bin/env");
  const lines: string[] = result.stdout.trim().split("\n").sort();
  const folder = lines.find((line) => line.startsWith("HOME="))!.slice("HOME=".length);
  assert.match(folder, /\/bulkhead\/servers\/[0-9a-f]{10}\/scratch\/stand_in\/[^/]+$/);
  assert.deepEqual(lines, [
    `HOME=${folder}`,
    "LANG=C.UTF-8",
    "LC_ALL=C.UTF-8",
    "PATH=/usr/bin:/usr/sbin:/bin:/sbin",
    `PWD=${folder}`,
    `TMPDIR=${folder}`,
    "TZ=UTC",
  ]);
});

Deno.test("a time-out stops the program and keeps what it wrote", options, async () => {
  const { result, code } = await callScript("echo begun; exec sleep 60", "", ["--timeout", "0.5"]);
  assert.equal(result.outcome, "timeout");
  assert.equal(result.error_type, "timeout");
  assert.equal(result.timed_out, true);
  assert.equal(result.stdout, "begun\n");
  assert.equal(code, 1);
  assert.ok(
    result.execution_time_sec >= 0.5 && result.execution_time_sec < 1.5,
    String(result.execution_time_sec),
  );
});

Deno.test("a program that ignores SIGTERM is killed after the grace", options, async () => {
  const { result } = await callScript(`trap "" TERM; echo begun; while :; do sleep 0.1; done`, "", [
    "--timeout",
    "0.5",
  ]);
  assert.equal(result.outcome, "timeout");
  assert.equal(result.signal, "SIGKILL");
  assert.equal(result.stdout, "begun\n");
  assert.ok(result.execution_time_sec < 2.5, String(result.execution_time_sec));
});

Deno.test("a child that holds the output open does not stretch the deadline (D15)", options, async () => {
  const { result } = await callScript("echo begun; sleep 5 & echo left", "", ["--timeout", "3"]);
  assert.equal(result.outcome, "success");
  assert.equal(result.stdout, "begun\nleft\n");
  // The child was ended before the output had to be given up.
  assert.equal(result.metadata.output_held_open, false);
  assert.ok(result.execution_time_sec < 2, String(result.execution_time_sec));
});

Deno.test("200 MB of output: 1 MiB is kept, the rest is drained and counted (D14)", options, async () => {
  const { result } = await callScript("exec head -c 200000000 /dev/zero");
  assert.equal(result.outcome, "success");
  assert.equal(result.stdout_bytes, 200_000_000);
  assert.equal(result.stdout.length, 1_048_576);
  assert.equal(result.truncated_stdout, true);
  assert.equal(result.truncated_stderr, false);
});

Deno.test("a program cannot open the lock by which its server is known to live", options, async () => {
  const { result } = await callScript('ls "$HOME/../../../lock" && cat "$HOME/../../../lock"', "", []);
  assert.equal(result.outcome, "failure");
  assert.match(result.stdout, /\/lock$/m);
  assert.match(result.stderr, /lock: Permission denied/);
});

Deno.test("a flood is killed where the configuration says so", options, async () => {
  using folder = new TestFolder();
  const config = folder.write("config.yaml", "confinement: { on_flood: kill }\n");
  const { result, code } = await callScript("exec cat /dev/zero", "", ["--config", config]);
  assert.equal(result.outcome, "killed");
  assert.equal(result.error_type, "resource_exhausted");
  assert.equal(code, 1);
});

Deno.test("exit codes: the manifest says which ones are success", options, async () => {
  const failed = await callScript("echo no >&2; exit 3");
  assert.deepEqual([failed.result.outcome, failed.result.returncode, failed.code], ["failure", 3, 1]);
  assert.equal(failed.result.stderr, "no\n");
  const fine = await callScript("exit 3", "success_exit_codes: [0, 3]");
  assert.deepEqual([fine.result.outcome, fine.result.returncode, fine.code], ["success", 3, 0]);
});

Deno.test("a program that a signal ends is reported as killed", options, async () => {
  const { result } = await callScript("kill -SEGV $$");
  assert.deepEqual([result.outcome, result.returncode, result.signal], ["killed", null, "SIGSEGV"]);
});

Deno.test("output that is not UTF-8, and control characters, arrive as valid JSON", options, async () => {
  const { result } = await callScript(`printf 'a\\377b\\033[31mc\\0d\\n'`);
  assert.equal(result.stdout, "a\ufffdb\x1b[31mc\0d\n");
});

Deno.test(
  "typed parameters, extra_args and the target reach argv in one normalised spelling",
  options,
  async () => {
    using folder = new TestFolder();
    const script = folder.script("bin/echo_args", `for word in "$@"; do printf '%s\\n' "$word"; done`);
    folder.write(
      "tools/echo_args.yaml",
      standInManifest(
        "echo_args",
        script,
        [
          'first: ["--always", "yes"]',
          "target: { kinds: [host_port, url], place: { flag: --to, template: 'to={target}' } }",
          "parameters:",
          "  level: { type: integer, flag: -L, join: true, min: 0, max: 5, default: 2 }",
          "  name: { type: pattern, flag: --name, pattern: '[a-z ]+' }",
          "flags:",
          "  --rate: { value: { type: integer, min: 1, max: 10 }, join: true }",
          "  -v: { repeat: true }",
        ].join("\n"),
      ),
    );
    const { stdout } = await bulkhead([
      ...["call", "echo_args", "--json", "--tools", `${folder.path}/tools`, "--param", "name=two words"],
      ...["--extra-args", "-v --rate 7 -v", "--target", "[fd00:0::5]:443", "--allow-target", "ULA"],
    ]);
    const result = JSON.parse(stdout);
    const words = [
      "--always",
      "yes",
      "-L2",
      "--name",
      "two words",
      "-v",
      "--rate=7",
      "-v",
      "--to",
      "to=[fd00::5]:443",
    ];
    assert.deepEqual(result.stdout.trim().split("\n"), words);
    assert.deepEqual(result.argv, [script, ...words]);
    assert.equal(result.target, "[fd00::5]:443");
  },
);

Deno.test("tools.overrides.NAME.command replaces a built-in tool's program", options, async () => {
  using folder = new TestFolder();
  const script = folder.script("bin/nmap", `printf '%s ' "$@"`);
  const config = folder.write(
    "config.json",
    JSON.stringify({ tools: { overrides: { nmap: { command: script } } } }),
  );
  const { stdout } = await bulkhead(["call", "nmap", "--json", "--config", config, "--target", "10.0.0.5"]);
  assert.equal(JSON.parse(stdout).stdout, "-n --unprivileged --datadir /usr/share/nmap -oX - -T4 10.0.0.5 ");
});

Deno.test("arguments are logged at debug only, and without what looks like a secret", options, async () => {
  using folder = new TestFolder();
  const script = folder.script("bin/curl", "true");
  const config = folder.write(
    "config.json",
    JSON.stringify({ tools: { overrides: { curl: { command: script } } } }),
  );
  const call = async (level: string) =>
    (await bulkhead([
      ...["call", "curl", "--config", config, "--target", "http://10.0.0.5/", "--log-level", level],
      ...["--extra-args", "--header 'Authorization: Bearer s3cret' --header 'X-Lab: hello'"],
    ])).stderr;
  const info = await call("info");
  assert.match(info, /run started/);
  assert.doesNotMatch(info, /s3cret|hello/);
  const debug = await call("debug");
  assert.match(debug, /X-Lab: hello/);
  assert.doesNotMatch(debug, /s3cret/);
});

Deno.test("nmap is stopped in the middle of a scan and its time-out is said", async () => {
  if (!hasProgram("nmap")) return;
  const { stdout, code } = await bulkhead([
    ...[
      "call",
      "nmap",
      "--json",
      "--allow-target",
      "loopback",
      "--target",
      "127.0.0.0/22",
      "--timeout",
      "0.3",
    ],
    ...["--param", "timing=1"],
  ]);
  const result = JSON.parse(stdout);
  assert.equal(result.outcome, "timeout");
  assert.equal(code, 1);
});
