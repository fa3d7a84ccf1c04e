import assert from "node:assert/strict";
import { isRunId, readRunQuery } from "../../src/http/run_queries.ts";
import { runIdOf } from "../support/runs.ts";

const read = (query: string) => readRunQuery(new URLSearchParams(query));

for (
  const [query, expected] of [
    ["", { limit: 50, tool: null, outcome: null, before: null }],
    ["limit=1", { limit: 1, tool: null, outcome: null, before: null }],
    ["limit=1000", { limit: 1000, tool: null, outcome: null, before: null }],
    [`tool=nmap&outcome=running&before=${runIdOf(1)}`, {
      limit: 50,
      tool: "nmap",
      outcome: "running",
      before: runIdOf(1),
    }],
  ] as const
) {
  Deno.test(`run queries: "${query}" is read`, () => {
    assert.deepEqual(read(query), { ok: true, query: expected });
  });
}

for (
  const [query, field, error] of [
    ["limit=0", "limit", /from 1 to 1000/],
    ["limit=1001", "limit", /from 1 to 1000/],
    ["limit=-1", "limit", /from 1 to 1000/],
    ["limit=1e2", "limit", /from 1 to 1000/],
    ["limit=", "limit", /from 1 to 1000/],
    ["limit=01", "limit", /from 1 to 1000/],
    ["limit=99999999999999999999", "limit", /from 1 to 1000/],
    ["limit=1&limit=2", "limit", /given twice/],
    ["tool=", "tool", /no tool is called/],
    ["tool=../x", "tool", /no tool is called/],
    ["outcome=ok", "outcome", /which is none/],
    ["outcome=", "outcome", /which is none/],
    ["before=1", "before", /no run's id/],
    [`before=${runIdOf(10).toUpperCase()}`, "before", /no run's id/],
    ["limt=1", "limt", /did you mean limit\?/],
    ["%1b=1", "\\u001b", /there is no query key/],
  ] as const
) {
  Deno.test(`run queries: "${query}" is refused`, () => {
    const answer = read(query);
    assert(!answer.ok);
    assert.equal(answer.refusal.condition, "invalid");
    assert.equal(answer.refusal.field, field);
    assert.match(answer.refusal.error, error);
    assert.notEqual(answer.refusal.remedy, "");
  });
}

Deno.test("run queries: an id is one of ours, as we write it", () => {
  assert.equal(isRunId(crypto.randomUUID()), true);
  for (
    const text of [
      "",
      "..",
      `${runIdOf(1)}x`,
      ` ${runIdOf(1)}`,
      runIdOf(1).replaceAll("-", ""),
      `${runIdOf(1)}\n`,
    ]
  ) {
    assert.equal(isRunId(text), false, text);
  }
});
