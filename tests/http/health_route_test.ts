import assert from "node:assert/strict";
import { VERSION } from "../../src/core/version.ts";
import type { HealthStatus } from "../../src/core/health_status.ts";
import { type HealthRound, resultOf, summaryOf } from "../../src/health/round.ts";
import type { HttpParts } from "../../src/http/parts.ts";
import { flush } from "../support/engine.ts";
import { healthOf } from "../support/health.ts";
import { makeService } from "../support/http.ts";
import { bearer, NEVER_LIMITED, tokensOf } from "../support/tokens.ts";

const SOON = new AbortController().signal;

function oneCheck(status: HealthStatus) {
  return healthOf(new Map([["one", resultOf({ status, message: "bidi \u202e" }, 5, "critical")]]));
}

for (const [status, code] of [["healthy", 200], ["degraded", 207], ["unhealthy", 503]] as const) {
  Deno.test(`health: ${status} is ${code}, with every check`, async () => {
    const health = oneCheck(status);
    const service = makeService({ http: { health } });
    const response = await service.ask("GET /health");
    assert.equal(response.status, code);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("cache-control"), "no-store");
    const text = await response.text();
    assert.doesNotMatch(text, /\u202e/);
    const { monitor: { latest, history } } = health;
    assert.deepEqual(JSON.parse(text), {
      status,
      timestamp: "2026-01-01T00:00:00.000Z",
      transport: "http",
      version: VERSION,
      stopping: false,
      ...JSON.parse(JSON.stringify(summaryOf(latest!, history))),
    });
    const head = await service.ask("HEAD /health");
    assert.deepEqual([head.status, await head.text()], [code, ""]);
  });
}

Deno.test("health: without the scope read the answer is how well it is and since when, and the code is the same", async () => {
  const tokens = await tokensOf({ reader: ["read"], runner: ["execute", "admin"] });
  const service = makeService({ http: { health: oneCheck("degraded"), tokens: () => tokens } });
  const brief = { status: "degraded", timestamp: "2026-01-01T00:00:00.000Z" };
  for (
    const headers of [{}, bearer("runner"), { authorization: "Bearer nobody" }, {
      authorization: "Basic eDp5",
    }]
  ) {
    const response = await service.ask("GET /health", { headers });
    assert.deepEqual([response.status, await response.json()], [207, brief]);
    assert.equal(response.headers.get("www-authenticate"), null);
  }
  const full = await service.ask("GET /health", { headers: bearer("reader") });
  const body = await full.json();
  assert.deepEqual([full.status, Object.keys(body.checks)], [207, ["one"]]);
});

Deno.test("health: a wrong token counts as one, so that nobody can try them here for nothing", async () => {
  const tokens = await tokensOf({ reader: ["read"] });
  const taken: string[] = [];
  const wrongTokens = { take: (peer: string) => (taken.push(peer), NEVER_LIMITED.take(peer)) };
  const service = makeService({ http: { health: oneCheck("healthy"), tokens: () => tokens, wrongTokens } });
  for (const headers of [{}, bearer("reader"), { authorization: "Bearer nobody" }]) {
    await (await service.ask("GET /health", { headers })).body?.cancel();
  }
  assert.deepEqual(taken, ["127.0.0.1"]);
});

Deno.test("health: before the first round is over, that is waited for; later nothing is", async () => {
  const { monitor: { latest } } = oneCheck("healthy");
  const first = Promise.withResolvers<HealthRound | null>();
  const service = makeService({
    http: { health: { monitor: { current: () => first.promise, latest: null, history: [] } } },
  });
  let isAnswered = false;
  const asking = service.ask("GET /health").finally(() => isAnswered = true);
  await flush();
  assert.equal(isAnswered, false);
  first.resolve(latest);
  assert.equal((await asking).status, 200);
});

Deno.test("health: a server that stops is unhealthy, says so, and waits for no round", async () => {
  const service = makeService({ http: { health: oneCheck("healthy") } });
  await service.pipeline.shutDown(0, SOON);
  const response = await service.ask("GET /health");
  const { status, stopping, overall_status } = await response.json();
  assert.deepEqual([response.status, status, stopping, overall_status], [503, "unhealthy", true, "healthy"]);

  const early = makeService({
    http: { health: { monitor: { current: () => new Promise(() => {}), latest: null, history: [] } } },
  });
  await early.pipeline.shutDown(0, SOON);
  const answer = await early.ask("GET /health");
  const body = await answer.json();
  assert.deepEqual([answer.status, body.status, "checks" in body], [503, "unhealthy", false]);
  assert.equal(Number.isNaN(Date.parse(body.timestamp)), false);
});

Deno.test("readyz: ready while runs are taken and the confinement stands", async () => {
  const confinement: { stands: boolean } & HttpParts["confinement"] = { stands: false };
  const service = makeService({ http: { confinement } });
  const ask = async () => {
    const response = await service.ask("GET /readyz");
    return [response.status, await response.text()];
  };
  assert.deepEqual(await ask(), [503, "not confined\n"]);
  confinement.stands = true;
  assert.deepEqual(await ask(), [200, "ready\n"]);
  await service.pipeline.shutDown(0, SOON);
  assert.deepEqual(await ask(), [503, "stopping\n"]);
  confinement.stands = false;
  const live = await service.ask("GET /livez");
  assert.deepEqual([live.status, await live.text()], [200, "ok\n"]);
});
