import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import assert from "node:assert/strict";
import { authorise, type AuthoriseParts, mayStill, type RateLimit } from "../../src/http/authorise.ts";
import type { Scope, Tokens } from "../../src/http/tokens.ts";
import { bearer, NEVER_LIMITED, secretOf, tokensOf } from "../support/tokens.ts";

const PEER = "10.0.0.7";

/** Asks with one Authorization header, or with none. */
function ask(header: string | null, parts: AuthoriseParts, scope: Scope | null = "read", peer = PEER) {
  const headers: HeadersInit = header === null ? {} : { authorization: header };
  return authorise(new Request("http://127.0.0.1:8080/tools", { headers }), peer, scope, parts);
}

function holding(tokens: Tokens): AuthoriseParts {
  return { tokens: () => tokens, wrongTokens: NEVER_LIMITED };
}

/** The answer to a request that must be refused. */
async function refusal(asked: ReturnType<typeof ask>) {
  const authorised = await asked;
  assert(!authorised.ok, "was let in");
  const { response } = authorised;
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  return { response, body: await response.json(), challenge: response.headers.get("www-authenticate") };
}

/** What is logged meanwhile, as one text. */
async function logged(work: () => Promise<unknown>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  configureSync({
    reset: true,
    sinks: { list: (record) => void records.push(record) },
    loggers: [{ category: [], sinks: ["list"], lowestLevel: "trace" }],
  });
  try {
    await work();
  } finally {
    resetSync();
  }
  return records.filter(({ category }) => category[0] === "bulkhead");
}

Deno.test("authorise: without tokens a caller is its address, may read and execute, and never intrudes", async () => {
  const parts = { tokens: () => null, wrongTokens: NEVER_LIMITED };
  for (const header of [null, "", "Basic x", `Bearer ${secretOf("alice")}`]) {
    for (const scope of ["read", "execute", null] as const) {
      const caller = { name: PEER, scopes: new Set(["read", "execute"]), mayIntrude: false };
      assert.deepEqual(await ask(header, parts, scope), { ok: true, caller });
    }
    const { response, body, challenge } = await refusal(ask(header, parts, "admin"));
    assert.deepEqual([response.status, body.status, body.error_type, challenge], [403, 403, null, null]);
    assert.match(body.detail, /the scope admin/);
  }
});

Deno.test("authorise: a token has the scopes of its line, and intrudes where it may execute", async () => {
  const all = { r: ["read"], x: ["execute"], a: ["admin"], rxa: ["read", "execute", "admin"] } as const;
  const parts = holding(await tokensOf(all));
  for (const [name, scopes] of Object.entries(all) as [string, readonly Scope[]][]) {
    for (const scope of ["read", "execute", "admin"] as const) {
      const asked = ask(`Bearer ${secretOf(name)}`, parts, scope);
      if (scopes.includes(scope)) {
        const mayIntrude = scopes.includes("execute");
        const caller = { name: `token:${name}`, scopes: new Set(scopes), mayIntrude };
        assert.deepEqual(await asked, { ok: true, caller });
      } else {
        const { response, challenge } = await refusal(asked);
        assert.equal(response.status, 403);
        assert.equal(challenge, `Bearer realm="bulkhead", error="insufficient_scope", scope="${scope}"`);
      }
    }
    assert.equal((await ask(`Bearer ${secretOf(name)}`, parts, null)).ok, true);
  }
});

Deno.test("authorise: no token is 401 with a challenge that accuses nobody (RFC 6750, section 3.1)", async () => {
  const { response, body, challenge } = await refusal(ask(null, holding(await tokensOf({ a: ["read"] }))));
  assert.deepEqual([response.status, challenge], [401, 'Bearer realm="bulkhead"']);
  assert.equal(body.error_type, null);
  assert.match(body.recovery_suggestion, /Authorization: Bearer TOKEN/);
  assert.match(body.correlation_id, /^[0-9a-f-]{36}$/);
});

for (
  const header of ["Bearer", "bearer", "BEARER", "bEaReR"].flatMap((scheme) => [`${scheme} `, `${scheme}   `])
) {
  Deno.test(`authorise: ${JSON.stringify(header)} is the scheme`, async () => {
    const parts = holding(await tokensOf({ a: ["read"] }));
    assert.equal((await ask(header + secretOf("a"), parts)).ok, true);
    assert.equal((await ask(`  ${header}${secretOf("a")} `, parts)).ok, true);
  });
}

/** Headers that are wrong, made of the secret of a good token. */
const WRONG: readonly (readonly [string, (secret: string) => string])[] = [
  ["nothing", () => ""],
  ["the scheme alone", () => "Bearer"],
  ["the scheme and spaces", () => "Bearer   "],
  ["no scheme", (secret) => secret],
  ["another scheme", (secret) => `Basic ${btoa(`alice:${secret}`)}`],
  ["a scheme that begins alike", (secret) => `Bearers ${secret}`],
  ["a tab", (secret) => `Bearer\t${secret}`],
  ["no space", (secret) => `Bearer${secret}`],
  ["quotation marks", (secret) => `Bearer "${secret}"`],
  ["a parameter", (secret) => `Bearer token=${secret}`],
  ["something behind it", (secret) => `Bearer ${secret} x`],
  ["a comma behind it", (secret) => `Bearer ${secret},`],
  ["twice", (secret) => `Bearer ${secret}, Bearer ${secret}`],
  ["a wrong one first", (secret) => `Bearer x, Bearer ${secret}`],
  ["one character less", (secret) => `Bearer ${secret.slice(0, -1)}`],
  ["one character more", (secret) => `Bearer ${secret}0`],
  ["other case", (secret) => `Bearer ${secret.toUpperCase()}`],
  ["padding", (secret) => `Bearer ${secret}=`],
  ["percent-encoding", (secret) => `Bearer %${secret.charCodeAt(0).toString(16)}${secret.slice(1)}`],
  ["a letter of Latin-1", (secret) => `Bearer ${secret}\xe4`],
  ["a name", () => "Bearer a"],
  ["a mebibyte", () => `Bearer ${"x".repeat(1_048_576)}`],
  ["a mebibyte of spaces before it", (secret) => `Bearer ${" ".repeat(1_048_576)}${secret}`],
];

for (const [name, make] of WRONG) {
  Deno.test(`authorise: ${name} is 401, and neither logged nor answered with what was sent`, async () => {
    const parts = holding(await tokensOf({ a: ["read"] }));
    const header = make(secretOf("a"));
    let answer = "";
    const records = await logged(async () => {
      const { response, body, challenge } = await refusal(ask(header, parts));
      assert.deepEqual([response.status, challenge], [401, 'Bearer realm="bulkhead", error="invalid_token"']);
      answer = JSON.stringify([body, [...response.headers]]);
    });
    assert.deepEqual(records.map(({ level, properties }) => [level, properties.peer]), [["warning", PEER]]);
    assert.doesNotMatch(JSON.stringify(records) + answer, /0123456789|xxxx/i);
  });
}

Deno.test("authorise: two Authorization headers are refused, whichever is right", async () => {
  const parts = holding(await tokensOf({ a: ["read"] }));
  const right = bearer("a").authorization;
  for (const pair of [[right, "Bearer x"], ["Bearer x", right], [right, right], ["Bearer", right]]) {
    const headers = new Headers();
    for (const value of pair) headers.append("authorization", value);
    const asked = await authorise(new Request("http://x/", { headers }), PEER, null, parts);
    assert.equal(asked.ok, false);
  }
});

Deno.test("authorise: a token anywhere else is none: query, cookie, body's form, other headers", async () => {
  const parts = holding(await tokensOf({ a: ["read"] }));
  const secret = secretOf("a");
  const request = new Request(`http://127.0.0.1/tools?access_token=${secret}&token=${secret}`, {
    method: "POST",
    headers: {
      cookie: `access_token=${secret}; Authorization=Bearer ${secret}`,
      "proxy-authorization": `Bearer ${secret}`,
      "x-api-key": secret,
      "x-forwarded-authorization": `Bearer ${secret}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: `access_token=${secret}`,
  });
  const authorised = await authorise(request, PEER, "read", parts);
  assert(!authorised.ok);
  assert.equal(authorised.response.headers.get("www-authenticate"), 'Bearer realm="bulkhead"');
});

Deno.test("authorise: tokens are asked for at each request, so that a reload counts from the next one", async () => {
  let tokens: Tokens | null = await tokensOf({ a: ["read"] });
  const parts = { tokens: () => tokens, wrongTokens: NEVER_LIMITED };
  const header = bearer("a").authorization;
  assert.equal((await ask(header, parts)).ok, true);
  tokens = await tokensOf({ b: ["read"] });
  assert.equal((await ask(header, parts)).ok, false);
  tokens = await tokensOf({});
  assert.equal((await ask(null, parts)).ok, false);
  assert.equal((await ask(header, parts)).ok, false);
});

// ---- wrong tokens, again and again ----------------------------------------------------------------------------------

/** Lets `left` through in all, by key. */
class Count implements RateLimit {
  readonly taken: string[] = [];
  constructor(readonly left: number, readonly retryAfterMs = 1500) {}

  take(key: string) {
    this.taken.push(key);
    const { retryAfterMs } = this;
    return this.taken.filter((other) => other === key).length <= this.left
      ? { ok: true } as const
      : { ok: false, retryAfterMs } as const;
  }
}

Deno.test("authorise: wrong tokens are counted by address; too many are 429 with Retry-After, and not logged", async () => {
  const wrongTokens = new Count(2);
  const parts = { ...holding(await tokensOf({ a: ["read"] })), wrongTokens };
  const statuses: number[] = [];
  const records = await logged(async () => {
    for (const header of ["Bearer x", "Basic x", "Bearer y", "z"]) {
      const { response, body } = await refusal(ask(header, parts));
      statuses.push(response.status);
      if (response.status !== 429) continue;
      assert.equal(response.headers.get("retry-after"), "2");
      assert.deepEqual([body.error_type, body.retry_after_sec], ["rate_limited", 2]);
    }
  });
  assert.deepEqual(statuses, [401, 401, 429, 429]);
  assert.equal(records.length, 2);
  assert.equal((await refusal(ask("Bearer x", parts, "read", "10.0.0.8"))).response.status, 401);
  assert.deepEqual(new Set(wrongTokens.taken), new Set([PEER, "10.0.0.8"]));
});

Deno.test("authorise: a right token is never kept out by wrong ones of its own address, nor counted", async () => {
  const wrongTokens = new Count(0);
  const parts = { ...holding(await tokensOf({ a: ["read"] })), wrongTokens };
  assert.equal((await refusal(ask("Bearer x", parts))).response.status, 429);
  assert.equal((await ask(bearer("a").authorization, parts)).ok, true);
  assert.equal((await refusal(ask(bearer("a").authorization, parts, "admin"))).response.status, 403);
  assert.equal((await refusal(ask(null, parts))).response.status, 401);
  assert.equal(wrongTokens.taken.length, 1);
});

for (const [retryAfterMs, seconds] of [[0, "1"], [1, "1"], [1000, "1"], [1001, "2"]] as const) {
  Deno.test(`authorise: ${retryAfterMs} ms to wait are Retry-After: ${seconds}`, async () => {
    const parts = { ...holding(await tokensOf({})), wrongTokens: new Count(0, retryAfterMs) };
    const { response } = await refusal(ask("Bearer x", parts));
    assert.equal(response.headers.get("retry-after"), seconds);
  });
}

Deno.test("authorise: a token that is gone, or has lost its scope, is good for nothing that waits", async () => {
  const before = await tokensOf({ alice: ["read", "execute"] });
  const authorised = await ask(`Bearer ${secretOf("alice")}`, holding(before));
  assert(authorised.ok);
  const { name } = authorised.caller;
  assert(mayStill(name, "execute", before));
  assert(mayStill(name, "execute", await tokensOf({ bob: ["read"], alice: ["execute"] })));
  for (const after of [await tokensOf({ alice: ["read"] }), await tokensOf({ alic: ["execute"] }), null]) {
    assert(!mayStill(name, "execute", after));
  }
  for (const caller of ["stdio", "cli", "127.0.0.1"]) assert(mayStill(caller, "execute", null));
});
