/** The project's own promises: generated files are not stale, layers hold, documents say what is so. */
import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { relativeImports, sourceFiles, strayLoads, violations } from "../../scripts/check_layers.ts";
import { fileOf, generatedFiles } from "../../scripts/permissions_page.ts";
import { BINARY, bulkhead, inspect } from "./support/bulkhead.ts";
import { FAULTS, faultsIn } from "../regressions.ts";
import { hasProgram, standInManifest, TestFolder } from "./support/programs.ts";

const options = { ignore: BINARY !== null };

Deno.test(
  "permissions.md and the permission set are what the table of permissions says",
  options,
  async () => {
    for (const { path, text } of await generatedFiles()) {
      assert.equal(Deno.readTextFileSync(fileOf(path)), text, `${path} is stale: run deno task permissions`);
    }
  },
);

Deno.test("a folder under src imports only from folders above it", () => {
  assert.deepEqual(violations(sourceFiles()), []);
});

Deno.test("the check of the layers finds an import that goes up", () => {
  const text = `import { x } from "../cli/main.ts";\nconst y = await import("../http/app.ts");`;
  assert.deepEqual(relativeImports(text), ["../cli/main.ts", "../http/app.ts"]);
  assert.equal(violations([{ path: "policy/a.ts", text }]).length, 2);
});

Deno.test("workers load nothing from outside their folder, types aside", options, () => {
  assert.deepEqual(strayLoads(sourceFiles()), []);
  const files = [
    { path: "confinement/a_worker.ts", text: `import "./b.ts";\nimport type { T } from "../core/t.ts";` },
    { path: "confinement/b.ts", text: `import { type U, v } from "../core/v.ts";` },
    { path: "confinement/c.ts", text: `import { w } from "../core/w.ts";` },
  ];
  assert.deepEqual(strayLoads(files), ["confinement/b.ts: ../core/v.ts"]);
});

Deno.test("README has no -A, and its commands are the ones that there are", options, async () => {
  const readme = Deno.readTextFileSync(fileOf("README.md"));
  assert.doesNotMatch(readme, /(^|\s)-A(\s|$)|--allow-all/m);
  const help = (await inspect(["--help"])).stdout;
  const commands = [...help.matchAll(/^ {2}([a-z]+) {2}/gm)].map((match) => match[1]!);
  assert.notEqual(commands.length, 0);
  for (const command of commands) assert.match(readme, new RegExp(`bulkhead ${command}\\b`), command);
});

Deno.test("README's examples of configuration and manifests are valid", options, async () => {
  const readme = Deno.readTextFileSync(fileOf("README.md"));
  const blocks = [...readme.matchAll(/^```yaml\n([^]*?)^```$/gm)].map((match) => match[1]!);
  assert.equal(blocks.length, 3);
  for (const block of blocks) {
    using folder = new TestFolder();
    const isManifest = block.startsWith("name:");
    folder.write(isManifest ? "tools/example.yaml" : "config.yaml", block);
    const args = isManifest
      ? ["--tools", `${folder.path}/tools`]
      : ["--config", `${folder.path}/config.yaml`];
    const { code, stderr } = await inspect(["check", ...args]);
    assert.equal(code, 0, stderr);
  }
});

Deno.test("README's tool of ten lines is one: it runs, word for word", options, async () => {
  if (!hasProgram("ping")) return;
  const manifest = /^```yaml\n(name:[^]*?)^```$/m.exec(Deno.readTextFileSync(fileOf("README.md")))![1]!;
  assert.equal(manifest.trimEnd().split("\n").length, 10);
  using folder = new TestFolder();
  folder.write("tools/lab_ping.yaml", manifest);
  const { code, stdout } = await bulkhead([
    ...["call", "lab_ping", "--tools", `${folder.path}/tools`, "--json"],
    ...["--allow-target", "loopback", "--target", "localhost", "--param", "count=1"],
  ]);
  assert.equal(code, 0, stdout);
  const { argv, outcome } = JSON.parse(stdout);
  assert.deepEqual([outcome, ...argv.slice(1)], ["success", "-n", "-c", "1", "127.0.0.1"]);
});

Deno.test("README's table of tools says what the manifests say", () => {
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  const rows = Deno.readTextFileSync(fileOf("README.md")).split("\n").flatMap((line) => {
    const [, name, program, , held, needs] = line.split("|").map((cell) => cell.trim());
    return /^`[a-z_]+`$/.test(name ?? "") && needs !== undefined ? [[name, program, held, needs]] : [];
  });
  assert.deepEqual(
    rows,
    catalog.manifests.map(({ manifest: { name, command, package: held, capabilities, modes } }) => {
      const files = Object.values(modes).some(({ parameters }) =>
        Object.values(parameters).some(({ type }) => type === "file")
      );
      const needs = capabilities.length > 0 ? "raw sockets" : files ? "a word list" : "";
      return [`\`${name}\``, `\`${command}\``, `\`${held}\``, needs];
    }),
  );
});

Deno.test("the flags are printed as one line for a shell, and as a list", options, async () => {
  using folder = new TestFolder();
  folder.write("with space/x.yaml", standInManifest("x", "id"));
  const args = ["permissions", "--tools", `${folder.path}/with space`, "--format"];
  const line = (await inspect([...args, "flags"])).stdout.trim();
  const { flags } = JSON.parse((await inspect([...args, "json"])).stdout);
  const shell = await new Deno.Command("/bin/sh", { args: ["-c", `printf '%s\\n' ${line}`] }).output();
  assert.deepEqual(new TextDecoder().decode(shell.stdout).trim().split("\n"), flags);
});

Deno.test("every package that is imported is recorded in README", options, () => {
  const readme = Deno.readTextFileSync(fileOf("README.md"));
  const { imports } = JSON.parse(Deno.readTextFileSync(fileOf("deno.json")));
  for (const name of Object.keys(imports)) assert.ok(readme.includes(`\`${name.replace(/\/$/, "")}\``), name);
});

Deno.test("the version is the newest one in CHANGELOG", options, () => {
  const { version } = JSON.parse(Deno.readTextFileSync(fileOf("deno.json")));
  assert.equal(/^## ([0-9.]+)/m.exec(Deno.readTextFileSync(fileOf("CHANGELOG.md")))?.[1], version);
});

Deno.test("the executable says that the flags it prints are not for it", async () => {
  const { code, stdout, stderr } = await inspect(["permissions"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^--no-prompt /);
  if (BINARY === null) assert.doesNotMatch(stderr, /executable/);
  else assert.match(stderr, /^this executable needs no flags, .* deno run -P=inspect main\.ts permissions$/m);
});

Deno.test("each known fault has a test in whose name its number is", () => {
  // The numbers in this file are examples.
  const files = testFiles("tests").filter((path) => !path.endsWith("/project_test.ts"));
  const lines = files.flatMap((path) => Deno.readTextFileSync(fileOf(path)).split("\n"));
  // Names stand in quotation marks; what a comment says is no test.
  const names = lines.filter((line) => /["`].*\(D[0-9]/.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line));
  const held = new Set(names.flatMap(faultsIn));
  const known = Object.keys(FAULTS).map(Number);
  assert.deepEqual(known, Array.from({ length: 27 }, (_, index) => index + 1));
  assert.deepEqual(known.filter((fault) => !held.has(fault)), []);
  assert.deepEqual([...held].filter((fault) => !known.includes(fault)), []);
});

Deno.test("the numbers in a test's name are read one by one, in lists and in ranges", () => {
  assert.deepEqual(faultsIn("a newline (D3)"), [3]);
  assert.deepEqual(faultsIn("both (D7, D8) and (D20)"), [7, 8, 20]);
  assert.deepEqual(faultsIn("all of them (D3 to D6)"), [3, 4, 5, 6]);
  assert.deepEqual(faultsIn("none: D3, (D), (3)"), []);
});

/** The files of tests below a folder. */
function testFiles(folder: string): string[] {
  return [...Deno.readDirSync(fileOf(folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? testFiles(path) : name.endsWith("_test.ts") ? [path] : [];
  });
}
