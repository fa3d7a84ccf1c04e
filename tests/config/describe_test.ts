import assert from "node:assert/strict";
import fc from "fast-check";
import { configText, describeConfig, WHERE_ABSENT } from "../../src/config/describe.ts";
import { configLeaves, schemaLeaves } from "../../src/config/leaves.ts";
import { configSchema } from "../../src/config/schema.ts";
import { CONFIG_FILE, load, type Sources } from "../support/config.ts";
import { assertGone, SECRET_TEXTS } from "../support/secrets.ts";

function loadedFrom(sources: Sources = {}) {
  const answer = load(sources);
  assert(answer.ok);
  return answer;
}

const describe = (sources?: Sources) => describeConfig(loadedFrom(sources));
const text = (sources?: Sources) => configText(loadedFrom(sources));

const FILE = "server: { port: 1 }\ntools: { overrides: { nmap: { concurrency: 3 } } }\n";

Deno.test("describe: the configuration is whole, nested, and null where a key is not set", () => {
  const { file, config } = describe();
  const { limits, confinement, logging, ...rest } = configSchema.parse({});
  assert.equal(file, null);
  assert.deepEqual(config, {
    ...rest,
    limits: { ...limits, cpu_sec: null, processes: null },
    confinement: { ...confinement, state_dir: null },
    logging: { ...logging, file: null },
    auth: { tokens_file: null },
  });
});

Deno.test("describe: every value has its source, under its own path and no other", () => {
  const { config, sources } = describe({ file: FILE, flags: { allowTargets: ["loopback"] } });
  const leaves = configLeaves(loadedFrom({ file: FILE }).config).map(({ name }) => name);
  assert.deepEqual(Object.keys(sources), leaves);
  for (const name of leaves) {
    const value = name.split(".").reduce(
      (inner, step) => (inner as Record<string, unknown>)[step],
      config as unknown,
    );
    assert.notEqual(value, undefined, name);
  }
  assert.equal(sources["server.port"], `${CONFIG_FILE}:1:17`);
  assert.equal(sources["tools.overrides.nmap.concurrency"], `${CONFIG_FILE}:2:44`);
  assert.equal(sources["security.allowed_targets"], "default, --allow-target");
  assert.equal(sources["limits.cpu_sec"], "default");
});

Deno.test("describe: it is JSON, and what it says can be loaded again", () => {
  const { config } = describe({ file: FILE });
  const set = JSON.parse(JSON.stringify(config), (_, value) => value === null ? undefined : value);
  assert.deepEqual(configSchema.parse(set), loadedFrom({ file: FILE }).config);
});

Deno.test("describe: for people, each value is a line: path, value, source", () => {
  const lines = text({ file: FILE, flags: { transport: "http" } }).trimEnd().split("\n");
  const [comment, ...rows] = lines;
  assert.equal(comment, `# configuration file: ${CONFIG_FILE}`);
  assert.equal(rows.length, schemaLeaves().filter(({ pattern }) => !pattern.includes("*")).length + 1);
  const cells = new Map(rows.map((row) => row.split(/ {2,}/)).map(([name, ...rest]) => [name, rest]));
  assert.deepEqual(cells.get("server.transport"), ['"http"', "--transport"]);
  assert.deepEqual(cells.get("server.port"), ["1", `${CONFIG_FILE}:1:17`]);
  assert.deepEqual(cells.get("security.allowed_targets"), ['["RFC1918", ".lab.internal"]', "default"]);
  assert.deepEqual(cells.get("limits.cpu_sec"), ["not set (follows from the time-out)", "default"]);
  assert.deepEqual(cells.get("tools.overrides.nmap.concurrency"), ["3", `${CONFIG_FILE}:2:44`]);
});

Deno.test("describe: for people, the columns are aligned, and a long list moves only its own line", () => {
  const targets = Array.from({ length: 30 }, (_, index) => `10.0.0.${index}`);
  const rows = text({ flags: { allowTargets: targets } }).trimEnd().split("\n").slice(1);
  const places = rows.filter((row) => row.endsWith("  default")).map((row) => row.length);
  assert.equal(new Set(places).size, 1);
  assert(places[0]! < 110);
  assert.equal(new Set(rows.map((row) => row.search(/(?<= {2})\S/))).size, 1);
});

Deno.test("describe: without a file it says so", () => {
  assert.match(text(), /^# configuration file: none\n/);
});

Deno.test("describe: of every optional key it is known what holds where it is not set, and of no other", () => {
  const optional = schemaLeaves().filter(({ pattern, schema }) =>
    !pattern.includes("*") && (schema._zod.def.type === "optional")
  );
  assert.deepEqual(Object.keys(WHERE_ABSENT).sort(), optional.map(({ pattern }) => pattern).sort());
});

Deno.test("describe: no secret survives, in JSON or for people", () => {
  for (const [secrets, textOf] of Object.values(SECRET_TEXTS)) {
    fc.assert(
      fc.property(secrets, (secret) => {
        const planted = textOf(secret);
        const file = JSON.stringify({
          server: { allowed_origins: [planted], allowed_hosts: ["h", planted] },
        });
        assertGone(JSON.stringify(describe({ file })), secret);
        assertGone(text({ file }), secret);
      }),
      { numRuns: 10 },
    );
  }
});
