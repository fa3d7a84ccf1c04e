/** `deno task compile`: what it refuses, and an executable for manifests of a user's own. */
import assert from "node:assert/strict";
import { BINARY, inspect, ROOT, STATE_HOME } from "./support/bulkhead.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";

const options = { ignore: BINARY !== null };

/** Whether an executable can be made here: its runtime base is not fetched for a test. */
function canCompile(): boolean {
  if ((Deno.env.get("DENORT_BIN") ?? "") !== "") return true;
  // deno-lint-ignore no-console -- why a test did nothing is said where its result is read
  console.log("skipped: no DENORT_BIN");
  return false;
}

async function run(program: string, args: readonly string[], env?: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    ...(env !== undefined && { clearEnv: true, env }),
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const COMPILE = ["run", "--quiet", "-P=build", `${ROOT}scripts/compile.ts`];

function compile(...args: string[]) {
  return run(Deno.execPath(), [...COMPILE, ...args]);
}

/** Compiles the manifests in `tools` to `bulkhead`, and runs that with nothing of our environment. */
async function compiled(folder: TestFolder) {
  const binary = `${folder.path}/bulkhead`;
  const { code, stdout, stderr } = await compile("--tools", `${folder.path}/tools`, "--output", binary);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /: \d+ MiB, with \d+ manifests? of your own\n$/);
  return (...args: string[]) =>
    run(binary, args, {
      PATH: "/nonexistent",
      HOME: "/nonexistent",
      XDG_STATE_HOME: STATE_HOME,
      TMPDIR: `${folder.path}/tmp`,
    });
}

Deno.test(
  "compile: bad manifests are refused with the diagnostics of check, and exit code 2",
  options,
  async () => {
    using folder = new TestFolder();
    folder.write("tools/clash.yaml", standInManifest("nmap", "id"));
    folder.write("tools/wrong.yaml", standInManifest("wrong", "id", "flag: {}"));
    const args = ["--tools", `${folder.path}/tools`];
    const refused = await compile(...args, "--output", `${folder.path}/bulkhead`);
    const checked = await inspect(["check", ...args]);
    assert.deepEqual([refused.code, refused.stderr], [checked.code, checked.stderr]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /tool nmap is declared by builtin\/nmap\.yaml already/);
    assert.match(refused.stderr, /unknown key "flag"; did you mean "flags"\?/);
    assert.throws(() => Deno.statSync(`${folder.path}/bulkhead`), Deno.errors.NotFound);
  },
);

Deno.test(
  "compile: a folder that is not there, and an option that there is not, are refused",
  options,
  async () => {
    const missing = await compile("--tools", "/nonexistent/tools");
    assert.deepEqual([missing.code, missing.stderr], [
      2,
      "/nonexistent/tools: there is no such folder of manifests\n",
    ]);
    for (const args of [["--tool", "x"], ["x"], ["--output"]]) {
      const { code, stderr } = await compile(...args);
      assert.equal(code, 2, stderr);
      assert.match(
        stderr,
        /usage: deno task compile \[--tools DIR\]\.\.\. \[--config FILE\] \[--output FILE\]/,
      );
    }
  },
);

Deno.test(
  "compile: what fails leaves the executable that there was, and names the base",
  options,
  async () => {
    using folder = new TestFolder();
    const works = folder.script("bulkhead", "echo it works");
    // A base that is not there, and one that is none: then something is made that does not start.
    for (const base of ["/nonexistent/denort", "/etc/hostname"]) {
      const args = [...COMPILE, "--output", works];
      const { code, stderr } = await run(Deno.execPath(), args, { ...Deno.env.toObject(), DENORT_BIN: base });
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        new RegExp(`DENORT_BIN is ${base}; it must be the base of Deno ${Deno.version.deno}`),
      );
      assert.equal(folder.read("bulkhead"), "#!/bin/sh\necho it works\n");
      assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["bulkhead"]);
    }
  },
);

Deno.test(
  "compile: the executable holds the manifests and may start their programs, and no other",
  options,
  async () => {
    if (!canCompile()) return;
    using folder = new TestFolder();
    const script = folder.script("bin/stand_in", `echo "for $1"`);
    folder.write("tools/stand_in.yaml", standInManifest("stand_in", script, "first: [lab]\nhelpers: [id]"));
    Deno.mkdirSync(`${folder.path}/tmp`);
    const bulkhead = await compiled(folder);

    const listed = await bulkhead("tools");
    assert.match(listed.stdout, /^stand_in +A stand-in +available: \S+\/bin\/stand_in$/m);
    assert.match(listed.stdout, /^nmap /m);
    const { stdout, stderr } = await bulkhead("call", "stand_in", "--json");
    assert.equal(JSON.parse(stdout).stdout, "for lab\n", stderr);
    // A cache of compiled code would be there, for anybody to have put there first.
    assert.deepEqual([...Deno.readDirSync(`${folder.path}/tmp`)], []);
    assert.equal(
      JSON.parse((await bulkhead("tools", "stand_in", "--json")).stdout).declared_in,
      "embedded/stand_in.yaml",
    );

    // More manifests are taken when it starts, but their programs are not in the list: not even a declared helper.
    folder.write("more/id.yaml", standInManifest("who", "id"));
    folder.write("more/again.yaml", standInManifest("again", script));
    const more = ["--tools", `${folder.path}/more`];
    const refused = await bulkhead("call", "who", ...more);
    assert.equal(refused.code, 4);
    assert.match(refused.stderr, /permission to run \S+\/id is not granted/);
    assert.equal((await bulkhead("call", "again", ...more)).stdout, "for\n");
  },
);

Deno.test(
  "compile: the executable may connect to the services of a configuration, and no others",
  options,
  async () => {
    if (!canCompile()) return;
    using folder = new TestFolder();
    const configure = (port: number) =>
      folder.write("config.yaml", `health: { dependencies: [{ name: a, tcp: "127.0.0.2:${port}" }] }\n`);
    const config = configure(18_389);
    const binary = `${folder.path}/bulkhead`;
    const made = await compile("--config", config, "--output", binary);
    assert.equal(made.code, 0, made.stderr);
    const env = { PATH: "/nonexistent", HOME: "/nonexistent", XDG_STATE_HOME: STATE_HOME };
    const doctor = async () => {
      const { stdout, stderr } = await run(binary, ["doctor", "--json", "--config", config], env);
      const { ok, proofs } = JSON.parse(stdout) as { ok: boolean; proofs: { name: string }[] };
      assert.equal(ok, true, stdout);
      return {
        proved: proofs.some(({ name }) => name === "main cannot connect to 127.0.0.2:18389"),
        warned: /permission to connect there is missing/.test(stderr),
      };
    };
    // Main could not give up what it never had: it is proved of what was compiled in.
    assert.deepEqual(await doctor(), { proved: true, warned: false });
    configure(18_390);
    assert.deepEqual(await doctor(), { proved: false, warned: true });
  },
);

Deno.test(
  "compile: a configuration with mistakes is refused with them, and one that is not there",
  options,
  async () => {
    using folder = new TestFolder();
    const config = folder.write("config.yaml", "health: { dependencies: [{ name: a }] }\n");
    const refused = await compile("--config", config, "--output", `${folder.path}/bulkhead`);
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /config\.yaml:1:\d+: health\.dependencies\[0\]: expected one of tcp and http/,
    );
    const missing = await compile(
      "--config",
      `${folder.path}/other.yaml`,
      "--output",
      `${folder.path}/bulkhead`,
    );
    assert.deepEqual([missing.code, /there is no such file/.test(missing.stderr)], [2, true]);
  },
);
