import assert from "node:assert/strict";
import { BUILTIN_MANIFESTS } from "../../src/catalog/builtin.ts";
import { embeddedManifests, embedManifests } from "../../src/catalog/embedded.ts";
import { loadCatalog } from "../../src/catalog/load.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { HEAD } from "../support/manifests.ts";

/** Embeds a manifest for the time of a test. */
function embed(file: string, text: string): Disposable {
  embedManifests([{ file, text }]);
  return { [Symbol.dispose]: () => embedManifests([]) };
}

Deno.test("embedded: from source there are none", () => {
  assert.deepEqual(embeddedManifests(), []);
});

Deno.test("embedded: a manifest stands among the built-in ones, with no file to be read", () => {
  using _ = embed("embedded/t.yaml", HEAD);
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  const files = [...BUILTIN_MANIFESTS.map(({ file }) => file), "embedded/t.yaml"];
  assert.deepEqual(catalog.manifests.map(({ file }) => file).sort(), files.sort());
  const names = catalog.manifests.map(({ manifest }) => manifest.name);
  assert.deepEqual(names, names.toSorted());
});

Deno.test("embedded: a user's file cannot take the place of an embedded manifest, nor that one a built-in's", () => {
  const mistakes = (...files: Parameters<typeof loadCatalog>[0]) => {
    const catalog = loadCatalog(files);
    assert(!catalog.ok, "was loaded");
    return catalog.diagnostics.map(formatDiagnostic).join("\n");
  };
  {
    using _ = embed("embedded/t.yaml", HEAD);
    const file = { file: "/m/t.yaml", bytes: new TextEncoder().encode(HEAD) };
    assert.match(mistakes(file), /^\/m\/t\.yaml:1:7: name: tool t is declared by embedded\/t\.yaml already/);
  }
  using _ = embed("embedded/x.yaml", HEAD.replace("name: t", "name: nmap"));
  assert.match(
    mistakes(),
    /^embedded\/x\.yaml:1:7: name: tool nmap is declared by builtin\/nmap\.yaml already/,
  );
});
