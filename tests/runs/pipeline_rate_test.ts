/** How often one client may ask for one tool. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { RateLimiter, type RateLimits } from "../../src/resilience/rate_limiter.ts";
import {
  endedWith,
  makeEngine,
  permitsOut,
  refusalIn,
  resultIn,
  type TestEngine,
  toolOf,
} from "../support/engine.ts";

const aim = { target: "10.0.0.5" };

/** An engine whose tools end at once, with a rate limit. */
function limited(limits: RateLimits, names: readonly string[] = ["probe"]): TestEngine {
  const engine = makeEngine({ tools: names.map((name) => toolOf({ name, concurrency: 4, max_queue: 100 })) });
  const rateLimiter = new RateLimiter({ ...limits, maxKeys: 100, clock: engine.clock });
  engine.rules = { ...engine.rules, settings: { ...engine.rules.settings, rateLimiter } };
  for (const executor of engine.executors.values()) executor.answer = () => endedWith();
  return engine;
}

/** How calls that come at once are answered: `run`, or after how many seconds to come again. */
async function burst(engine: TestEngine, count: number, client = "token:alice", tool = "probe") {
  const answers = Array.from({ length: count }, () => engine.run(aim, { client }, tool));
  return (await Promise.all(answers)).map((answer) => {
    if (answer.kind === "result") return "run";
    const { condition, retryAfterSec } = refusalIn(answer);
    assert.equal(condition, "rate_limited");
    return retryAfterSec;
  });
}

Deno.test("pipeline: a client runs a burst, and then is told when to come again, to the millisecond", async () => {
  const engine = limited({ perSecond: 0.5, burst: 3 });
  assert.deepEqual(await burst(engine, 5), ["run", "run", "run", 2, 2]);
  engine.clock.advance(1_999);
  assert.deepEqual(await burst(engine, 1), [1]);
  engine.clock.advance(1);
  assert.deepEqual(await burst(engine, 2), ["run", 2]);
  engine.clock.advance(1_000_000);
  assert.deepEqual(await burst(engine, 4), ["run", "run", "run", 2]);
  assert.equal(permitsOut(engine), 0);
  const refused = engine.recorded.filter(({ answer }) => answer?.kind === "refusal");
  assert.deepEqual([engine.recorded.length, refused.length], [12, 5]);
});

Deno.test("pipeline: two clients, and two tools, have a rate each", async () => {
  const engine = limited({ perSecond: 1, burst: 1 }, ["probe", "other"]);
  assert.deepEqual(await burst(engine, 2, "token:alice"), ["run", 1]);
  assert.deepEqual(await burst(engine, 2, "token:bob"), ["run", 1]);
  assert.deepEqual(await burst(engine, 2, "token:alice", "other"), ["run", 1]);
});

Deno.test("pipeline: a request that is refused as such, and one that comes too early, cost nothing", async () => {
  const engine = limited({ perSecond: 1, burst: 1 });
  for (let count = 0; count < 5; count++) {
    assert.equal(refusalIn(await engine.run({ target: "8.8.8.8" })).condition, "invalid");
  }
  assert.deepEqual(await burst(engine, 5, "test"), ["run", 1, 1, 1, 1]);
  engine.clock.advance(1_000);
  resultIn(await engine.run());
});

Deno.test("pipeline: who comes again when told to is let in, and no rate is ever exceeded", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4000 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat({ max: 3000 }), { maxLength: 30 }),
      async (perThousandSec, most, waitsMs) => {
        const engine = limited({ perSecond: perThousandSec / 1000, burst: most });
        let runs = 0;
        for (const waitMs of waitsMs) {
          engine.clock.advance(waitMs);
          const [answer] = await burst(engine, 1);
          if (answer !== "run") {
            engine.clock.advance(answer! * 1000);
            assert.deepEqual(await burst(engine, 1), ["run"]);
          }
          runs++;
          const flowedBack = engine.clock.now() * perThousandSec / 1_000_000;
          assert(runs <= most + flowedBack + 1e-6, `${runs} runs by ${engine.clock.now()} ms`);
        }
      },
    ),
    { numRuns: 100 },
  );
});
