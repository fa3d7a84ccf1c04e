/** The rate limit of runs, as callers over HTTP meet it. */
import assert from "node:assert/strict";
import { RateLimiter, type Taken } from "../../src/resilience/rate_limiter.ts";
import { endedWith } from "../support/engine.ts";
import { makeService } from "../support/http.ts";
import { bearer, tokensOf } from "../support/tokens.ts";

Deno.test("rate: two tokens are two clients, also from one address, and each is told when to come again", async () => {
  const tokens = await tokensOf({ alice: ["execute"], bob: ["execute"] });
  const settings = { rateLimiter: { take: (key: string): Taken => rateLimiter.take(key) } };
  const service = makeService({ settings, http: { tokens: () => tokens } });
  service.executor.answer = () => endedWith();
  const rateLimiter = new RateLimiter({ perSecond: 0.1, burst: 2, maxKeys: 100, clock: service.clock });
  const ask = async (name: string) => {
    const response = await service.ask("POST /tools/probe/execute", {
      headers: bearer(name),
      body: { target: "10.0.0.5" },
    });
    const { error_type, retry_after_sec } = await response.json();
    return [response.status, error_type, response.headers.get("retry-after"), retry_after_sec];
  };
  const run = [200, null, null, undefined];
  assert.deepEqual([await ask("alice"), await ask("alice")], [run, run]);
  assert.deepEqual(await ask("alice"), [429, "rate_limited", "10", 10]);
  assert.deepEqual([await ask("bob"), await ask("bob")], [run, run]);
  assert.deepEqual(await ask("bob"), [429, "rate_limited", "10", 10]);
  service.clock.advance(9_000);
  assert.deepEqual(await ask("alice"), [429, "rate_limited", "1", 1]);
  service.clock.advance(1_000);
  assert.deepEqual([await ask("alice"), await ask("bob")], [run, run]);
});

Deno.test("rate: a caller on this machine has one rate, whichever address of loopback it connects from", async () => {
  const settings = { rateLimiter: { take: (key: string): Taken => rateLimiter.take(key) } };
  const service = makeService({ settings });
  service.executor.answer = () => endedWith();
  const rateLimiter = new RateLimiter({ perSecond: 0.1, burst: 2, maxKeys: 100, clock: service.clock });
  const ask = async (peer: string) => {
    const response = await service.ask("POST /tools/probe/execute", { peer, body: { target: "10.0.0.5" } });
    await response.text();
    return response.status;
  };
  assert.deepEqual([await ask("127.0.0.1"), await ask("127.0.0.2")], [200, 200]);
  assert.deepEqual([await ask("127.0.0.3"), await ask("127.200.0.4")], [429, 429]);
});
