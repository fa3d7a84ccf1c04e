import assert from "node:assert/strict";
import { connectionLimit, streamLimit } from "../../src/http/connection_limit.ts";

Deno.test("connection limit: what is wanted, as far as it leaves files for tools and runs", () => {
  const needs = { tools: 10, runs: 16 };
  assert.equal(connectionLimit(256, null, needs), 256);
  assert.equal(connectionLimit(256, 1_024, needs), 256);
  assert.equal(connectionLimit(5_000, 1_024, needs), 1_024 - 128 - 80 - 128);
  assert.equal(connectionLimit(5_000, 1_024, { tools: 20, runs: 16 }), 1_024 - 128 - 160 - 128);
  assert.equal(connectionLimit(5_000, 1_024, { tools: 10, runs: 17 }), 1_024 - 128 - 80 - 136);
  assert.equal(connectionLimit(256, 200, needs), 16);
  assert.equal(connectionLimit(3, 200, needs), 3);
});

Deno.test("connection limit: streams have half of the connections, and one at least", () => {
  assert.deepEqual([1, 2, 3, 16, 256].map(streamLimit), [1, 1, 1, 8, 128]);
});
