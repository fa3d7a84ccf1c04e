import assert from "node:assert/strict";
import fc from "fast-check";
import { CHANGES, compareConfigs, keepUntilRestart } from "../../src/config/changes.ts";
import { configLeaves, schemaLeaves } from "../../src/config/leaves.ts";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { loaded } from "../support/config.ts";
import { otherValue } from "../support/other_values.ts";

/** The configuration in which these leaves, and no others, have another value than the default. */
function withOthers(patterns: readonly string[]) {
  const layer: Record<string, unknown> = {};
  for (const { pattern, schema } of schemaLeaves()) {
    if (!patterns.includes(pattern)) continue;
    const path = pattern.replace("*", "nmap").split(".");
    const last = path.pop()!;
    const holder = path.reduce((inner, step) => (inner[step] ??= {}) as typeof layer, layer);
    holder[last] = otherValue(pattern, schema);
  }
  return configSchema.parse(layer);
}

const patterns = schemaLeaves().map(({ pattern }) => pattern);

Deno.test("changes: every leaf of the schema is in the table once, in the schema's order, and nothing else", () => {
  assert.deepEqual(Object.keys(CHANGES), patterns);
});

Deno.test("changes: what is bound at the start needs a restart, and all else can change", () => {
  assert.deepEqual(patterns.filter((pattern) => CHANGES[pattern] === "restart"), [
    "server.transport",
    "server.host",
    "server.port",
    "tools.dirs",
    "tools.wordlist_dirs",
    "confinement.tier",
    "confinement.state_dir",
    "runs.store",
    "health.dependencies",
    "logging.file",
    "logging.max_file_bytes",
    "logging.backup_count",
    "auth.tokens_file",
  ]);
});

Deno.test("changes: equal configurations do not differ", () => {
  const file = "tools: { overrides: { nmap: { limits: { memory_mb: 99 } } } }\nlogging: { file: /l }";
  assert.deepEqual(compareConfigs(loaded({ file }), loaded({ file })), { changed: [], restart: [] });
});

for (const pattern of patterns) {
  Deno.test(`changes: of ${pattern} the exact path is told, whichever way it changes`, () => {
    const name = pattern.replace("*", "nmap");
    const restart = CHANGES[pattern] === "restart" ? [name] : [];
    const [standard, other] = [withOthers([]), withOthers([pattern])];
    assert.deepEqual(compareConfigs(standard, other), { changed: [name], restart });
    assert.deepEqual(compareConfigs(other, standard), { changed: [name], restart });
  });
}

Deno.test("changes: of any two configurations, exactly the leaves that differ are told", () => {
  const some = fc.subarray(patterns);
  fc.assert(fc.property(some, some, (before, after) => {
    const differing = patterns.filter((pattern) => before.includes(pattern) !== after.includes(pattern));
    const names = (list: readonly string[]) => list.map((pattern) => pattern.replace("*", "nmap")).sort();
    const { changed, restart } = compareConfigs(withOthers(before), withOthers(after));
    assert.deepEqual([...changed].sort(), names(differing));
    assert.deepEqual(
      [...restart].sort(),
      names(differing.filter((pattern) => CHANGES[pattern] === "restart")),
    );
  }));
});

Deno.test("changes: an override that says nothing is no change", () => {
  const empty = loaded({ file: "tools: { overrides: { nmap: {}, curl: { limits: {} } } }" });
  assert.deepEqual(compareConfigs(loaded(), empty), { changed: [], restart: [] });
  assert.deepEqual(compareConfigs(empty, loaded()), { changed: [], restart: [] });
});

Deno.test("changes: one tool's override is not another's", () => {
  const of = (name: string) => loaded({ file: `tools: { overrides: { ${name}: { command: /bin/x } } }` });
  assert.deepEqual(compareConfigs(of("curl"), of("nmap")).changed, [
    "tools.overrides.nmap.command",
    "tools.overrides.curl.command",
  ]);
});

Deno.test("changes: a list that is ordered otherwise has changed", () => {
  const of = (list: string) => loaded({ file: `security: { allowed_targets: [${list}] }` });
  assert.deepEqual(compareConfigs(of("loopback, RFC1918"), of("RFC1918, loopback")).changed, [
    "security.allowed_targets",
  ]);
});

/** The values of a configuration by the names of its leaves, as text. */
function values(config: Config): ReadonlyMap<string, string> {
  const leaves = configLeaves(config).filter(({ pattern }) => Object.hasOwn(CHANGES, pattern));
  return new Map(leaves.map(({ name, value }) => [name, JSON.stringify(value) ?? ""]));
}

Deno.test("changes: kept until a restart is what needs one, and nothing else", () => {
  const some = fc.subarray(patterns);
  fc.assert(fc.property(some, some, (before, after) => {
    const [old, now] = [withOthers(before), withOthers(after)];
    const untouched = [JSON.stringify(old), JSON.stringify(now)];
    const kept = keepUntilRestart(old, now);
    // It is a configuration: nothing that the schema does not know, nothing that it would fill in.
    assert.deepEqual(configSchema.parse(kept), kept);
    const [oldValues, nowValues, keptValues] = [values(old), values(now), values(kept)];
    for (const name of new Set([...oldValues.keys(), ...nowValues.keys(), ...keptValues.keys()])) {
      const from = CHANGES[name.replace(".nmap", ".*")] === "restart" ? oldValues : nowValues;
      assert.equal(keptValues.get(name), from.get(name), name);
    }
    assert.deepEqual(compareConfigs(old, kept).restart, []);
    assert.deepEqual(
      [...compareConfigs(kept, now).changed].sort(),
      [...compareConfigs(old, now).restart].sort(),
      "what is left for the restart is what was said to need it",
    );
    assert.deepEqual(keepUntilRestart(kept, now), kept, "and by the next reload nothing more");
    assert.deepEqual([JSON.stringify(old), JSON.stringify(now)], untouched);
  }));
});

Deno.test("changes: a restart key that comes, or goes, is as it was", () => {
  const [without, withFile] = [loaded(), loaded({ file: "logging: { file: /l, level: debug }" })];
  assert.deepEqual(keepUntilRestart(without, withFile).logging, { ...without.logging, level: "debug" });
  assert(!Object.hasOwn(keepUntilRestart(without, withFile).logging, "file"));
  assert.deepEqual(keepUntilRestart(withFile, without).logging, { ...withFile.logging, level: "info" });
});

Deno.test("changes: the first override, and the last one's end, take effect", () => {
  const [without, withOne] = [
    loaded(),
    loaded({ file: "tools: { overrides: { nmap: { concurrency: 7 } } }" }),
  ];
  assert.deepEqual(keepUntilRestart(without, withOne), withOne);
  assert.deepEqual(keepUntilRestart(withOne, without), without);
});
