/** Bad input: each is a clear refusal with its exit code, and nothing is spawned. */
import assert from "node:assert/strict";
import { BINARY, bulkhead, inspect } from "./support/bulkhead.ts";
import { TestFolder } from "./support/programs.ts";

/** nmap's manifest over a stand-in that leaves a trace when it is started, so that a bug sends nothing. */
function recorder() {
  const folder = new TestFolder();
  const script = folder.script("bin/nmap", `echo "$@" >> ${folder.path}/started`);
  // Confined by the kernel it could not leave its trace.
  const config = folder.write(
    "config.yaml",
    `tools: { overrides: { nmap: { command: ${script} } } }\nconfinement: { tier: basic }\n`,
  );
  return {
    config,
    started: () => folder.read("started"),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const options = { ignore: BINARY !== null };

const REFUSED: readonly (readonly [title: string, args: readonly string[], exit: number, error: RegExp])[] = [
  ["an unknown tool", ["nmpa", "--target", "10.0.0.1"], 2, /no tool "nmpa"; did you mean nmap/],
  [
    "an unknown parameter",
    ["nmap", "--target", "10.0.0.1", "--param", "prots=1"],
    3,
    /unknown parameter "prots".*"ports"/,
  ],
  [
    "a wrong type",
    ["nmap", "--target", "10.0.0.1", "--param", "timing=fast"],
    3,
    /"timing" is "fast"; expected an integer from 0 to 5/,
  ],
  [
    "a value out of range",
    ["nmap", "--target", "10.0.0.1", "--param", "timing=6"],
    3,
    /an integer from 0 to 5/,
  ],
  ["a missing target", ["nmap"], 3, /target is missing/],
  ["a public address (D2)", ["nmap", "--target", "8.8.8.8"], 3, /--allow-target 8\.8\.8\.8/],
  [
    "a documentation address (D7)",
    ["nmap", "--target", "192.0.2.1"],
    3,
    /allowed_targets: \[RFC1918, \.lab\.internal, 192\.0\.2\.1\]/,
  ],
  ["a shell's metacharacters (D2)", ["nmap", "--target", "10.0.0.1; id"], 3, /Cannot parse target/],
  ["a target that is a flag (D6)", ["nmap", "--target=-oN=x"], 3, /a target never starts with '-'/],
  [
    "a bare word (D4)",
    ["nmap", "--target", "10.0.0.1", "--extra-args", "8.8.8.8"],
    3,
    /"8\.8\.8\.8", which is neither a flag/,
  ],
  [
    "a file's name (D4)",
    ["nmap", "--target", "10.0.0.1", "--extra-args", "/etc/shadow"],
    3,
    /neither a flag/,
  ],
  [
    "a flag that writes files",
    ["nmap", "--target", "10.0.0.1", "--extra-args", "-oN /tmp/x"],
    3,
    /flag "-oN" is not one/,
  ],
  [
    "a flag with a known beginning (D5)",
    ["nmap", "--target", "10.0.0.1", "--extra-args", "-proxy-anything"],
    3,
    /not one that this tool takes/,
  ],
  [
    "a flag without its value (D6)",
    ["nmap", "--target", "10.0.0.1", "--extra-args", "-p"],
    3,
    /flag -p needs a value/,
  ],
  ["a newline (D3)", ["nmap", "--target", "10.0.0.1\n"], 3, /Cannot parse target/],
  [
    "an intrusive flag",
    ["nmap", "--target", "10.0.0.1", "--extra-args", "-A"],
    3,
    /security\.allow_intrusive: true/,
  ],
  [
    "100 kB of arguments",
    ["nmap", "--target", "10.0.0.1", "--extra-args", "-F ".repeat(33_000)],
    3,
    /at most 2048/,
  ],
  [
    "a time-out beyond the manifest's (D26)",
    ["nmap", "--target", "10.0.0.1", "--timeout", "601"],
    3,
    /timeout_sec/,
  ],
  ["too many addresses", ["nmap", "--target", "10.0.0.0/8"], 3, /at most 1024 addresses/],
];

for (const [title, args, exit, error] of REFUSED) {
  Deno.test(`refused, and nothing is started: ${title}`, options, async () => {
    using stand = recorder();
    const plain = await bulkhead(["call", ...args, "--config", stand.config]);
    assert.equal(plain.code, exit, plain.stderr);
    assert.match(plain.stderr, error);
    assert.equal(plain.stdout, "");
    assert.equal(stand.started(), null);
  });
}

Deno.test("the recording stand-in does record: the tests above can fail", options, async () => {
  using stand = recorder();
  await bulkhead(["call", "nmap", "--target", "10.0.0.1", "--config", stand.config]);
  assert.match(stand.started() ?? "", /10\.0\.0\.1/);
});

Deno.test("with --json a refusal is JSON on standard output", options, async () => {
  using stand = recorder();
  const { code, stdout } = await bulkhead([
    "call",
    "nmap",
    "--target",
    "8.8.8.8",
    "--json",
    "--config",
    stand.config,
  ]);
  assert.equal(code, 3);
  const body = JSON.parse(stdout);
  assert.equal(body.error_type, "validation_error");
  assert.equal(body.field, "target");
  assert.ok(body.error && body.recovery_suggestion);
});

Deno.test("the line that a refusal quotes does allow the target", options, async () => {
  using stand = recorder();
  const allowed = await bulkhead(
    ["call", "nmap", "--target", "192.0.2.1", "--config", stand.config, "--allow-target", "192.0.2.1"],
  );
  assert.equal(allowed.code, 0, allowed.stderr);
  assert.match(stand.started() ?? "", /192\.0\.2\.1/);
});

const BAD_CONFIGURATIONS: readonly (readonly [title: string, text: string, error: RegExp])[] = [
  [
    "a bad port",
    "server:\n  port: 70000\n",
    /config\.yaml:2:9: server\.port: expected an integer from 0 to 65535, got 70000/,
  ],
  [
    "an unknown key",
    "server:\n  prot: 1\n",
    /config\.yaml:2:3: server\.prot: unknown key "prot"; did you mean "port"\?/,
  ],
  [
    "a bad target",
    "security: { allowed_targets: [10.0.0.0/33] }\n",
    /config\.yaml:1:31: security\.allowed_targets\[0\]/,
  ],
  [
    "a tool that is not there",
    "tools: { exclude: [namp] }\n",
    /there is no tool "namp"; did you mean nmap\?/,
  ],
  ["no YAML", "a: [\n", /config\.yaml:\d+:\d+: /],
];

for (const [title, text, error] of BAD_CONFIGURATIONS) {
  Deno.test(`configuration: ${title} is refused with its place (D24)`, async () => {
    using folder = new TestFolder();
    const config = folder.write("config.yaml", text);
    for (const command of [["check"], ["config"], ["serve"], ["call", "nmap", "--target", "10.0.0.1"]]) {
      const { code, stderr } = await inspect([...command, "--config", config]);
      assert.equal(code, 2, command[0]);
      assert.match(stderr, error);
    }
  });
}

Deno.test("a manifest with an unknown key is refused with its place", async () => {
  using folder = new TestFolder();
  folder.write("tools/x.yaml", "name: x\ntitle: X\ndescription: X\ncommand: x\ncomand: y\n");
  const { code, stderr } = await inspect(["check", "--tools", `${folder.path}/tools`]);
  assert.equal(code, 2);
  assert.match(stderr, /x\.yaml:5:1: comand: unknown key "comand"; did you mean "command"\?/);
});

Deno.test("usage: unknown commands and options end with 2, help and version with 0", async () => {
  assert.deepEqual((await inspect(["serv"])).code, 2);
  assert.match((await inspect(["serv"])).stderr, /did you mean serve\?/);
  assert.equal((await inspect([])).code, 2);
  const option = await inspect(["check", "--confg", "x"]);
  assert.equal(option.code, 2);
  assert.match(option.stderr, /--config/);
  const help = await inspect(["--help"]);
  assert.equal(help.code, 0);
  for (const name of ["serve", "call", "tools", "check", "config", "permissions", "schema"]) {
    assert.match(help.stdout, new RegExp(`^  ${name} `, "m"));
    assert.equal((await inspect([name, "--help"])).code, 0);
  }
  assert.match((await inspect(["--version"])).stdout, /^bulkhead \d+\.\d+\.\d+\n$/);
});

Deno.test("a tool whose program is missing, or may be replaced by others, ends with 4 and the remedy", async () => {
  using folder = new TestFolder();
  const missing = folder.write(
    "missing.yaml",
    "tools: { overrides: { nmap: { command: /nonexistent/nmap } } }\n",
  );
  const absent = await bulkhead(["call", "nmap", "--target", "10.0.0.1", "--config", missing]);
  assert.equal(absent.code, 4);
  assert.match(absent.stderr, /there is no program \/nonexistent\/nmap/);
  const script = folder.script("bin/nmap", "true");
  Deno.chmodSync(script, 0o777);
  const unsafe = folder.write("unsafe.yaml", `tools: { overrides: { nmap: { command: ${script} } } }\n`);
  const replaceable = await bulkhead(["call", "nmap", "--target", "10.0.0.1", "--config", unsafe]);
  assert.equal(replaceable.code, 4);
  assert.match(replaceable.stderr, /may be written by other users/);
});

Deno.test("a disabled tool ends with 4", async () => {
  using folder = new TestFolder();
  const config = folder.write("config.yaml", "tools: { exclude: [nmap] }\n");
  const { code, stderr } = await bulkhead(["call", "nmap", "--target", "10.0.0.1", "--config", config]);
  assert.equal(code, 4);
  assert.match(stderr, /disabled by the configuration/);
});
