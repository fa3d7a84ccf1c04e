/** The scripts that the built-in nmap offers, held against those that nmap has. */
import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { hasProgram } from "../integration/support/programs.ts";

const FOLDER = "/usr/share/nmap/scripts";
const BAD_CATEGORIES = ["external", "broadcast", "intrusive", "brute", "dos", "exploit", "fuzzer", "malware"];

/** What the values behind the gate may not be either. */
const WORST_CATEGORIES = BAD_CATEGORIES.filter((category) => category !== "intrusive");

function offeredScripts(): { readonly safe: readonly string[]; readonly intrusive: readonly string[] } {
  const catalog = loadCatalog([]);
  assert.ok(catalog.ok);
  const spec = catalog.manifests.find(({ manifest }) => manifest.name === "nmap")?.manifest.parameters
    .scripts;
  assert.ok(spec?.type === "list" && spec.intrusive_values !== undefined);
  return { safe: spec.values, intrusive: spec.intrusive_values };
}

/** The categories of every installed script by its name. */
function scriptDatabase(): ReadonlyMap<string, readonly string[]> {
  const entry = /^Entry \{ filename = "(.+)\.nse", categories = \{ (.*) \} \}$/gm;
  const text = Deno.readTextFileSync(`${FOLDER}/script.db`);
  const words = (list: string) => [...list.matchAll(/"([^"]*)"/g)].map(([, word]) => word!);
  return new Map([...text.matchAll(entry)].map(([, name, categories]) => [name!, words(categories!)]));
}

Deno.test("every script that nmap is offered with exists and is in no bad category", () => {
  if (!hasProgram("nmap")) return;
  const database = scriptDatabase();
  // What would make the check empty: a database that is not read.
  assert.ok(database.size > 500);
  assert.ok(BAD_CATEGORIES.every((bad) => [...database.values()].some((each) => each.includes(bad))));
  const { safe, intrusive } = offeredScripts();
  for (const [names, bad] of [[safe, BAD_CATEGORIES], [intrusive, WORST_CATEGORIES]] as const) {
    assert.notEqual(names.length, 0);
    for (const name of names) {
      const categories = database.get(name);
      assert.ok(categories !== undefined && categories.length > 0, `${name} does not exist`);
      assert.deepEqual(categories.filter((category) => bad.includes(category)), [], name);
    }
  }
});

Deno.test("no script that nmap is offered with adds targets, resolves names, opens files or starts programs", () => {
  if (!hasProgram("nmap")) return;
  const forbidden =
    /\btarget\.add\b|newtargets|\bnmap\.resolve\b|\bio\.p?open\b|\bos\.execute\b|\bloadfile\b/;
  // A script that is known for it, so that the search is known to find it.
  assert.match(Deno.readTextFileSync(`${FOLDER}/dns-zone-transfer.nse`), forbidden);
  const { safe, intrusive } = offeredScripts();
  // http-enum loads nmap's own list of paths; without script arguments nobody can name another.
  for (const name of [...safe, ...intrusive].filter((name) => name !== "http-enum")) {
    assert.doesNotMatch(Deno.readTextFileSync(`${FOLDER}/${name}.nse`), forbidden, name);
  }
});

Deno.test("the scripts of nmap are offered in order, each once", () => {
  const { safe, intrusive } = offeredScripts();
  for (const names of [safe, intrusive]) assert.deepEqual(names, names.toSorted());
  assert.equal(new Set([...safe, ...intrusive]).size, safe.length + intrusive.length);
});
