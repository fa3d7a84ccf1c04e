/** Nothing is loaded and then not used: from a key of the schema to the code that acts on it. */
import assert from "node:assert/strict";
import * as z from "zod";
import { loadCatalog } from "../../src/catalog/load.ts";
import { ANY_NAME, schemaLeaves } from "../../src/config/leaves.ts";
import { type Config, configSchema } from "../../src/config/schema.ts";
import * as settings from "../../src/config/settings.ts";
import { stateFolder } from "../../src/config/state_folder.ts";
import { configureTools } from "../../src/config/tools.ts";
import { sourceFiles } from "../../scripts/check_layers.ts";
import { HEAD } from "../support/manifests.ts";
import { otherValue } from "../support/other_values.ts";

const TOOL = "sample";

/** A tool whose manifest is silent wherever the configuration may speak. */
const manifests = (() => {
  const bytes = new TextEncoder().encode(HEAD.replace("name: t\n", `name: ${TOOL}\n`));
  const catalog = loadCatalog([{ file: "sample.yaml", bytes }]);
  assert(catalog.ok);
  return catalog.manifests.filter(({ manifest }) => manifest.name === TOOL);
})();

type Projection = (config: Config) => unknown;

/** Everything that reads the configuration. */
const PROJECTIONS: Readonly<Record<string, Projection>> = {
  ...settings,
  stateFolder: (config) => stateFolder(config, { env: () => undefined }),
  configureTools: (config) =>
    configureTools(manifests, config, () => ({ file: "", line: null, column: null })),
};

// ---- each key changes what something is told -----------------------------------------------------------------------

type Layer = { [key: string]: unknown };

/** Sets a leaf in what a file would hold; undefined takes it out. */
function withLeaf(layer: Layer, pattern: string, value: unknown): Layer {
  const whole = structuredClone(layer);
  const path = pattern.split(".").map((step) => step === ANY_NAME ? TOOL : step);
  const last = path.pop()!;
  const holder = path.reduce((inner, step) => (inner[step] ??= {}) as Layer, whole);
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return whole;
}

/** What all projections make of a layer. */
function told(schema: z.ZodType, layer: Layer): string {
  const config = schema.parse(layer) as Config;
  const answers = Object.entries(PROJECTIONS).map(([name, project]) => {
    const answer = project(config);
    // A mistake in the test's own values would look like a change.
    assert.notEqual((answer as { ok?: boolean } | null)?.ok, false, name);
    return [name, answer];
  });
  return JSON.stringify(answers, (_, value) => value instanceof Map ? [...value] : value);
}

/** The leaves that no projection takes notice of: neither from the defaults, nor where everything else is set. */
function unread(schema: z.ZodType): string[] {
  const others = schemaLeaves(schema).map(({ pattern, schema }) => ({
    pattern,
    other: otherValue(pattern, schema),
  }));
  const everything = others.reduce((layer, { pattern, other }) => withLeaf(layer, pattern, other), {});
  return others.filter(({ pattern, other }) => {
    const alone = withLeaf({}, pattern, other);
    const without = withLeaf(everything, pattern, undefined);
    return told(schema, alone) === told(schema, {}) && told(schema, without) === told(schema, everything);
  }).map(({ pattern }) => pattern);
}

Deno.test("settings: nothing is loaded and not used: every key changes what something is told (D24)", () => {
  assert.deepEqual(unread(configSchema), []);
  assert(schemaLeaves().length > 60);
});

Deno.test("settings: a key that nothing reads is found, wherever it is added (D24)", () => {
  const { server, tools } = configSchema.shape;
  const schema = configSchema.extend({
    server: server.unwrap().extend({ linger_sec: z.number().min(0).max(9).default(1) }).prefault({}),
    tools: tools.unwrap().extend({
      overrides: z.record(z.string(), z.strictObject({ nice: z.int().min(0).max(19) }).partial()).default({}),
    }).prefault({}),
    cache: z.strictObject({
      enabled: z.boolean().default(false),
      folder: z.string().optional(),
      names: z.array(z.string()).default([]),
      kind: z.enum(["a", "b"]).default("a"),
    }).prefault({}),
  });
  assert.deepEqual(unread(schema), [
    "server.linger_sec",
    "tools.overrides.*.nice",
    "cache.enabled",
    "cache.folder",
    "cache.names",
    "cache.kind",
  ]);
});

// ---- what something is told is read --------------------------------------------------------------------------------

/** The modules that make no part of the configuration themselves. */
const readers = sourceFiles().filter(({ path }) => !path.startsWith("config/"));

/** Whether any module calls the function. */
function isCalled(name: string): boolean {
  return readers.some(({ text }) => new RegExp(`\\b${name}\\(`).test(text));
}

/** Whether any module takes the field out of an object; to write it into one is not enough. */
function isTaken(field: string, texts = readers.map(({ text }) => text)): boolean {
  const taken = new RegExp(`\\.${field}\\b|\\{[^{}]*\\b${field}\\b[^{}]*\\}\\s*(?::|=[^=>])`);
  return texts.some((text) => taken.test(text));
}

/** The fields of what a projection answers when everything is set. */
function fieldsOf(project: Projection): string[] {
  const everything = schemaLeaves().reduce(
    (layer, { pattern, schema }) => withLeaf(layer, pattern, otherValue(pattern, schema)),
    {},
  );
  return Object.keys(project(configSchema.parse(everything)) as object);
}

const projections: readonly (readonly [string, Projection])[] = Object.entries(settings);

Deno.test("settings: every projection is called, and every field of it is read (D24)", () => {
  const idle = projections.flatMap(([name, project]) => [
    ...(isCalled(name) ? [] : [name]),
    ...fieldsOf(project).filter((field) => !isTaken(field)).map((field) => `${name}.${field}`),
  ]);
  assert.deepEqual(idle, []);
  assert(Object.keys(PROJECTIONS).every(isCalled));
});

Deno.test("settings: a field that is only written counts as not read", () => {
  assert.equal(isTaken("x", ["const a = f({ x: 1, y });"]), false);
  assert.equal(isTaken("x", ["const a = { x };"]), false);
  for (const text of ["a.x", "const { x } = f();", "const { y, x: z } = f();", "function f({ x }: A) {}"]) {
    assert.equal(isTaken("x", [text]), true, text);
  }
});

const SECTIONS = Object.keys(configSchema.shape).join("|");

/** Where a module reads the configuration itself, past the projections. The limits of a tool are its own. */
function directReads(text: string): string[] {
  const leaves = Object.entries(configSchema.shape).map(([section, schema]) =>
    `(?<!\\btool)\\.${section}\\.(?:${Object.keys(schema.unwrap().shape).join("|")})\\b`
  );
  const direct = new RegExp(
    `\\bconfig\\.(?:${SECTIONS})\\b|\\{[^{}]*\\}\\s*=\\s*(?:\\w+\\.)*config\\s*[;,)]|${leaves.join("|")}`,
    "g",
  );
  return [...text.matchAll(direct)].map(([found]) => found);
}

Deno.test("settings: outside src/config, nothing reads the configuration past the projections", () => {
  assert.deepEqual(
    readers.flatMap(({ path, text }) => directReads(text).map((found) => `${path}: ${found}`)),
    [],
  );
});

Deno.test("settings: a read past the projections is found", () => {
  for (
    const text of [
      "const port = setup.config.server.port;",
      "setUpLogging(config.logging, output);",
      "const { server, mcp } = setup.config;",
      "for (const { server } = config; ; ) {}",
      "const c = config; f(c.mcp.max_sessions);",
    ]
  ) assert.equal(directReads(text).length, 1, text);
  for (
    const text of ["mcpSettings(setup.config)", "const { policy, config } = setup;", "tools.server.start()"]
  ) {
    assert.deepEqual(directReads(text), [], text);
  }
});

// ---- units ---------------------------------------------------------------------------------------------------------

Deno.test("settings: seconds become milliseconds, and absent keys null", () => {
  const config = configSchema.parse({
    server: { shutdown_grace_period_sec: 2.5 },
    confinement: { kill_grace_sec: 0.25 },
    mcp: { session_idle_sec: 90 },
  });
  assert.equal(settings.stopSettings(config).graceMs, 2500);
  assert.equal(settings.pipelineSettings(config).killGraceMs, 250);
  assert.equal(settings.mcpSettings(config).idleMs, 90_000);
  assert.equal(settings.authSettings(config).tokensFile, null);
  assert.equal(settings.logFileSettings(config), null);
  assert.equal(settings.rateSettings(config), null);
});

Deno.test("settings: a rate is one only when it is enabled", () => {
  const rate = (limit: object) => settings.rateSettings(configSchema.parse({ rate_limit: limit }));
  assert.equal(rate({ per_second: 3, burst: 4 }), null);
  assert.deepEqual(rate({ enabled: true, per_second: 3, burst: 4 }), { perSecond: 3, burst: 4 });
});

Deno.test("settings: a log file has its path and its rotation", () => {
  const config = configSchema.parse({ logging: { file: "/l", max_file_bytes: 2048, backup_count: 0 } });
  assert.deepEqual(settings.logFileSettings(config), { path: "/l", maxBytes: 2048, backups: 0 });
});
