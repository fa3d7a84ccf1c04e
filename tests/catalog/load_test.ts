import assert from "node:assert/strict";
import { BUILTIN_MANIFESTS } from "../../src/catalog/builtin.ts";
import { isManifestFile, loadCatalog } from "../../src/catalog/load.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { HEAD } from "../support/manifests.ts";

const file = (name: string, text: string) => ({ file: name, bytes: new TextEncoder().encode(text) });

function mistakes(...files: readonly { file: string; bytes: Uint8Array }[]): string[] {
  const catalog = loadCatalog(files);
  assert(!catalog.ok, "was loaded");
  return catalog.diagnostics.map(formatDiagnostic);
}

Deno.test("catalog: every built-in manifest loads, and none is left out of the binary (D25)", () => {
  const catalog = loadCatalog([]);
  assert(catalog.ok, catalog.ok ? "" : catalog.diagnostics.map(formatDiagnostic).join("\n"));
  const names = catalog.manifests.map(({ manifest }) => manifest.name);
  assert.deepEqual(names, [
    "curl",
    "dig",
    "gobuster",
    "masscan",
    "mtr",
    "nmap",
    "openssl",
    "ping",
    "ssh_keyscan",
    "traceroute",
  ]);
  const folder = new URL("../../src/catalog/builtin/", import.meta.url);
  const there = [...Deno.readDirSync(folder)].map(({ name }) => `builtin/${name}`).sort();
  assert.deepEqual(BUILTIN_MANIFESTS.map((source) => source.file), there);
});

Deno.test("catalog: a user's manifest stands among the built-in ones, in the order of the names", () => {
  const catalog = loadCatalog([file("/m/t.yaml", HEAD.replace("name: t", "name: lab_dig"))]);
  assert(catalog.ok);
  const files = [...BUILTIN_MANIFESTS.map((source) => source.file), "/m/t.yaml"];
  assert.deepEqual(catalog.manifests.map((loaded) => loaded.file).sort(), files.sort());
  const names = catalog.manifests.map(({ manifest }) => manifest.name);
  assert.deepEqual(names, names.toSorted());
});

Deno.test("catalog: JSON is read as well", () => {
  const json = JSON.stringify({ name: "t", title: "T", description: "D", command: "t" });
  assert.equal(loadCatalog([file("t.json", json)]).ok, true);
});

Deno.test("catalog: a user's manifest cannot take the place of a built-in one", () => {
  assert.deepEqual(mistakes(file("/m/x.yaml", HEAD.replace("name: t", "name: nmap"))), [
    "/m/x.yaml:1:7: name: tool nmap is declared by builtin/nmap.yaml already; choose another name, or change the " +
    "existing tool with tools.overrides.nmap",
  ]);
});

Deno.test("catalog: a name is declared once across all files", () => {
  const [line, ...rest] = mistakes(
    file("/a.yaml", HEAD),
    file("/b.yaml", HEAD),
    file("/c.yaml", "title: [}"),
  );
  assert.match(line!, /^\/b\.yaml:1:7: name: tool t is declared by \/a\.yaml already/);
  assert.equal(rest.length, 1);
  assert.match(rest[0]!, /^\/c\.yaml:1:/);
});

Deno.test("catalog: one bad manifest refuses the whole, with everything that is wrong in every file", () => {
  const lines = mistakes(file("/a.yaml", `${HEAD}x: 1\ny: 2\n`), file("/b.yaml", `${HEAD}max_queue: -1\n`));
  assert.deepEqual(lines.map((line) => line.split(": ", 2).join(" ")), [
    "/a.yaml:5:1 x",
    "/a.yaml:6:1 y",
    "/b.yaml:5:12 max_queue",
  ]);
});

Deno.test("catalog: bytes that are no UTF-8 are told with their file", () => {
  assert.match(mistakes({ file: "/b.yaml", bytes: new Uint8Array([0xff]) })[0]!, /^\/b\.yaml:1:1: .*UTF-8/);
});

for (
  const [name, is] of [
    ["a.yaml", true],
    ["a.yml", true],
    ["a.json", true],
    [".a.yaml", false],
    ["a.yaml~", false],
    ["a.yaml.bak", false],
    ["README.md", false],
    ["yaml", false],
  ] as const
) {
  Deno.test(`catalog: ${name} is ${is ? "" : "not "}a manifest's name`, () =>
    assert.equal(isManifestFile(name), is));
}
