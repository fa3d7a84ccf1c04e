import assert from "node:assert/strict";
import * as z from "zod";
import { configLeaves, schemaLeaves } from "../../src/config/leaves.ts";
import { loaded } from "../support/config.ts";

const patterns = schemaLeaves().map(({ pattern }) => pattern);

Deno.test("leaves: those of the schema are the keys that hold values, in its order, each once", () => {
  assert.deepEqual(patterns.slice(0, 3), ["server.transport", "server.host", "server.port"]);
  for (
    const pattern of [
      "security.allowed_targets",
      "limits.cpu_sec",
      "auth.tokens_file",
      "tools.overrides.*.command",
      "tools.overrides.*.limits.memory_mb",
      "tools.overrides.*.breaker.jitter",
    ]
  ) assert(patterns.includes(pattern), pattern);
  assert.equal(new Set(patterns).size, patterns.length);
  assert(patterns.every((pattern) => !["server", "tools.overrides", "tools.overrides.*"].includes(pattern)));
});

Deno.test("leaves: whatever says that a key may be absent, the leaf is below it", () => {
  const inner = z.strictObject({ key: z.int().default(1) });
  const schema = z.strictObject({
    a: inner.prefault({}),
    b: inner.optional(),
    c: z.record(z.string(), inner.partial()).default({}),
    d: z.array(inner).optional(),
  });
  assert.deepEqual(schemaLeaves(schema).map(({ pattern }) => pattern), ["a.key", "b.key", "c.*.key", "d"]);
});

Deno.test("leaves: those of a configuration hold its values; absent keys are leaves without one", () => {
  const config = loaded({ file: "server: { port: 1 }\nlogging: { file: /l }" });
  const values = new Map(configLeaves(config).map(({ name, value }) => [name, value]));
  assert.equal(values.get("server.port"), 1);
  assert.equal(values.get("logging.file"), "/l");
  assert.deepEqual(values.get("security.allowed_targets"), ["RFC1918", ".lab.internal"]);
  assert.deepEqual([values.has("limits.cpu_sec"), values.get("limits.cpu_sec")], [true, undefined]);
});

Deno.test("leaves: a configuration without overrides has every leaf of the schema but theirs", () => {
  const expected = patterns.filter((pattern) => !pattern.includes("*"));
  const found = configLeaves(loaded());
  assert.deepEqual(found.filter(({ name }) => name !== "tools.overrides").map(({ name }) => name), expected);
  assert.deepEqual(found.find(({ name }) => name === "tools.overrides")?.value, {});
});

Deno.test("leaves: of overrides there is what they name, under the schema's pattern", () => {
  const config = loaded({
    file: "tools: { overrides: { nmap: { limits: { memory_mb: 99 } }, curl: {}, a-b: {} } }",
  });
  const overrides = configLeaves(config).filter(({ name }) => name.startsWith("tools.overrides"));
  assert.deepEqual(overrides.map(({ name, pattern, value }) => [name, pattern, value]), [
    ["tools.overrides.nmap.limits.memory_mb", "tools.overrides.*.limits.memory_mb", 99],
    ["tools.overrides.curl", "tools.overrides.*", {}],
    ["tools.overrides.a-b", "tools.overrides.*", {}],
  ]);
  assert.deepEqual(overrides[0]!.path, ["tools", "overrides", "nmap", "limits", "memory_mb"]);
});
