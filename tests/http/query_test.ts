import assert from "node:assert/strict";
import fc from "fast-check";
import * as z from "zod";
import { NO_QUERY, readQuery, wholeNumber } from "../../src/http/query.ts";
import { makeService } from "../support/http.ts";

const schema = z.strictObject({
  limit: wholeNumber(1, 200).default(50),
  tool: z.string().min(1).exactOptional(),
});

function read(query: string) {
  return readQuery(new Request(`http://x/runs${query}`), schema);
}

async function refusalOf(query: string, by: typeof schema | typeof NO_QUERY = schema) {
  const answer = readQuery<unknown>(new Request(`http://x/runs${query}`), by);
  assert(!answer.ok, `${query} was taken`);
  assert.equal(answer.response.status, 400);
  assert.equal(answer.response.headers.get("content-type"), "application/problem+json");
  const { error_type, field, detail, recovery_suggestion } = await answer.response.json();
  assert.equal(error_type, "validation_error");
  return { field, detail, recovery_suggestion };
}

Deno.test("query: what is given, and what holds otherwise", () => {
  assert.deepEqual(read(""), { ok: true, value: { limit: 50 } });
  assert.deepEqual(read("?"), { ok: true, value: { limit: 50 } });
  assert.deepEqual(read("?limit=7&tool=nmap"), { ok: true, value: { limit: 7, tool: "nmap" } });
  assert.deepEqual(read("?tool=a%20b&limit=0200"), { ok: true, value: { limit: 200, tool: "a b" } });
});

Deno.test("query: what is not known, given twice, or out of range is refused with the remedy", async () => {
  assert.deepEqual(await refusalOf("?limt=7"), {
    field: "query.limt",
    detail: 'query: limt: unknown key "limt"; did you mean "limit"?',
    recovery_suggestion: "What may stand behind the question mark: limit, tool.",
  });
  assert.deepEqual(await refusalOf("?limit=1&limit=1"), {
    field: "query.limit",
    detail: 'query: "limit" is given twice',
    recovery_suggestion: "Give it once.",
  });
  assert.equal(
    (await refusalOf("?limit=201")).detail,
    'query: limit: expected an integer from 1 to 200, got "201"',
  );
  assert.equal(
    (await refusalOf("?limit=")).detail,
    'query: limit: expected a whole number from 1 to 200, got ""',
  );
  assert.equal((await refusalOf("?tool=")).field, "query.tool");
});

Deno.test("query: a route without one says so", async () => {
  assert(readQuery(new Request("http://x/tools"), NO_QUERY).ok);
  assert(readQuery(new Request("http://x/tools?"), NO_QUERY).ok);
  assert.deepEqual(await refusalOf("?enabled=true", NO_QUERY), {
    field: "query.enabled",
    detail: 'query: enabled: unknown key "enabled"',
    recovery_suggestion: "Leave out the question mark and what stands behind it.",
  });
  await refusalOf("?__proto__=1", NO_QUERY);
  await refusalOf("?constructor=1", NO_QUERY);
  await refusalOf("?=1", NO_QUERY);
  await refusalOf("?x", NO_QUERY);
});

Deno.test("query: a whole number is digits and nothing else", () => {
  const number = wholeNumber(0, 1000);
  fc.assert(fc.property(
    fc.oneof(
      fc.string(),
      fc.stringMatching(/^[-+0-9.eExX ]{0,6}$/),
      fc.integer({ min: -5, max: 2000 }).map(String),
    ),
    (text) => {
      const isOne = text !== "" && [...text].every((digit) => "0123456789".includes(digit)) &&
        text.length <= 16 && Number(text) <= 1000;
      const parsed = number.safeParse(text);
      assert.equal(parsed.success, isOne, JSON.stringify(text));
      if (parsed.success) assert.equal(parsed.data, Number(text));
    },
  ));
});

Deno.test("query: what is said of a query steers no terminal, and shows no secret whole", async () => {
  const { field, detail } = await refusalOf(`?${encodeURIComponent("\u001b[2J\u202e")}=1`);
  assert.doesNotMatch(field + detail, /[\p{Cc}\p{Cf}]/u);
  assert.doesNotMatch(JSON.stringify(await refusalOf("?access_token=s3cret-value", NO_QUERY)), /s3cret/);
});

Deno.test("routes: a filter that is not there is refused, and probes may add what they like", async () => {
  const service = makeService();
  const statuses = async (...routes: string[]) =>
    await Promise.all(routes.map(async (route) => (await service.ask(route)).status));
  assert.deepEqual(await statuses("GET /tools?enabled=true", "HEAD /tools?x", "GET /tools/probe?x=1"), [
    400,
    400,
    400,
  ]);
  assert.deepEqual(await statuses("GET /livez?t=1", "GET /readyz?t=1", "GET /tools?", "GET /nowhere?x=1"), [
    200,
    200,
    200,
    404,
  ]);
  const asked = await service.ask("POST /tools/probe/execute?dry_run=1", { body: { target: "10.0.0.5" } });
  assert.equal(asked.status, 400);
  assert.deepEqual(service.executor.orders, []);
});
