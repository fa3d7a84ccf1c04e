/** What changes while a request waits: it is judged once more by what holds when its turn comes. */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/policy/address.ts";
import type { NameFact } from "../../src/policy/facts.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import {
  breakerOf,
  endedWith,
  flush,
  makeEngine,
  permitsOut,
  refusalIn,
  resultIn,
  stateOf,
  type TestEngine,
  toolOf,
} from "../support/engine.ts";

/** One run goes on, and one waits for its turn. */
async function oneWaits(engine: TestEngine, request = { target: "10.0.0.5" }, context = {}) {
  const going = engine.run();
  await flush();
  const waiting = engine.run(request, context);
  await flush();
  assert.equal(engine.executor.orders.length, 1);
  return {
    /** Lets the first end, and answers what came of the second. */
    async turn() {
      engine.executor.pending[0]!.end();
      resultIn(await going);
      await flush();
      for (const pending of [...engine.executors.values()].flatMap((one) => [...one.pending])) pending.end();
      return await waiting;
    },
  };
}

Deno.test("pipeline: a target that is allowed no more is refused when its turn comes", async () => {
  const engine = makeEngine();
  const { turn } = await oneWaits(engine);
  engine.rules = { ...engine.rules, policy: new TargetPolicy(["10.9.0.0/16"], []) };
  const refusal = refusalIn(await turn());
  assert.deepEqual([refusal.condition, refusal.field], ["invalid", "target"]);
  assert.equal(engine.executor.orders.length, 1);
  assert.equal(permitsOut(engine), 0);
});

Deno.test("pipeline: a tool that was switched off refuses whoever waited, and lets running ones end", async () => {
  const engine = makeEngine();
  const { turn } = await oneWaits(engine);
  engine.registry.setEnabled("probe", false);
  const refusal = refusalIn(await turn());
  assert.equal(refusal.condition, "disabled");
  assert.match(refusal.remedy, /POST \/tools\/probe\/enable/);
});

Deno.test("pipeline: a tool that is declared no more is unknown to whoever waited", async () => {
  const engine = makeEngine();
  const { turn } = await oneWaits(engine);
  engine.registry.update([]);
  assert.equal(refusalIn(await turn()).condition, "unknown_tool");
});

Deno.test("pipeline: new limits hold for whoever waited, and a new program is what runs", async () => {
  const engine = makeEngine();
  const { turn } = await oneWaits(engine);
  engine.rules = {
    ...engine.rules,
    settings: { ...engine.rules.settings, maxStdoutBytes: 77, killGraceMs: 5 },
  };
  engine.registry.update(
    [stateOf(toolOf({ first: ["-r"], limits: { timeout_sec: 9 } }))],
    new Set(["probe"]),
  );
  const result = resultIn(await turn());
  assert.deepEqual(result.argv, ["/usr/bin/probe", "-r", "10.0.0.5"]);
  const order = engine.executors.get("probe")!.orders[0]!;
  assert.deepEqual([order.maxBytes.stdout, order.killGraceMs, order.deadlineMs], [77, 5, 9000]);
});

Deno.test("pipeline: leave for an intrusive run does not outlive a change of the configuration", async () => {
  const engine = makeEngine({ settings: { allowIntrusive: true, confirmIntrusive: false } });
  const { turn } = await oneWaits(engine, { target: "10.0.0.5", ...{ extra_args: "-A" } });
  engine.rules = { ...engine.rules };
  assert.equal(refusalIn(await turn()).condition, "approval_required");
  assert.equal(engine.executor.orders.length, 1);
});

Deno.test("pipeline: what becomes intrusive while it waits is refused", async () => {
  const engine = makeEngine({ settings: { allowIntrusive: true, confirmIntrusive: false } });
  const { turn } = await oneWaits(engine);
  engine.registry.update([stateOf(toolOf({ intrusive: true }))]);
  assert.equal(refusalIn(await turn()).condition, "approval_required");
});

Deno.test("pipeline: whose token was taken back is not run when its turn comes", async () => {
  const gone = new Set<string>();
  const engine = makeEngine({ mayRun: (client) => !gone.has(client) });
  const { turn } = await oneWaits(engine, { target: "10.0.0.5" }, { client: "token:bob" });
  gone.add("token:bob");
  assert.equal(refusalIn(await turn()).condition, "cancelled");
  assert.equal(engine.executor.orders.length, 1);
  assert.equal(permitsOut(engine), 0);
  assert.deepEqual(breakerOf(engine).excluded, 1);
});

Deno.test("pipeline: what changes while a run is judged anew counts, too", async () => {
  const lookups: ((fact: NameFact) => void)[] = [];
  const resolve = () => new Promise<NameFact>((resolve) => void lookups.push(resolve));
  const fact = { ok: true, addresses: [parseAddress("10.0.0.5")!] } as const;
  const allowed = ["RFC1918", ".lab.internal"];
  const engine = makeEngine({ lookups: { resolve } });
  const going = engine.run();
  const waiting = engine.run({ target: "web.lab.internal" });
  await flush();
  lookups[0]!(fact);
  await flush();
  engine.rules = { ...engine.rules, policy: new TargetPolicy(allowed, []) };
  engine.executor.pending[0]!.end();
  await going;
  await flush();
  assert.equal(lookups.length, 2);
  // Now, while its name is looked up for the second time, its address is denied.
  engine.rules = { ...engine.rules, policy: new TargetPolicy(allowed, ["10.0.0.5"]) };
  lookups[1]!(fact);
  await flush();
  lookups[2]?.(fact);
  await flush();
  for (const pending of [...engine.executor.pending]) pending.end();
  assert.equal(refusalIn(await waiting).field, "target");
  assert.equal(engine.executor.orders.length, 1);
  assert.equal(permitsOut(engine), 0);
});

Deno.test("pipeline: every request is recorded exactly once, whatever comes of it (D12)", async () => {
  const engine = makeEngine({ tools: [toolOf({ concurrency: 2, max_queue: 0 })] });
  engine.executor.answer = () => endedWith();
  resultIn(await engine.run());
  engine.executor.answer = () => endedWith({ code: 3 });
  resultIn(await engine.run({ target: "10.0.0.5", correlation_id: "c-2" }, { client: "somebody" }));
  refusalIn(await engine.run({ target: "8.8.8.8" }));
  refusalIn(await engine.run({ target: "10.0.0.5" }, {}, "nothing"));
  engine.executor.answer = () => {
    throw new Error("a bug");
  };
  await assert.rejects(engine.run());
  assert.deepEqual(
    engine.recorded.map(({ tool, client, answer }) => [
      tool,
      client,
      answer === null ? "bug" : answer.kind === "result" ? answer.result.outcome : answer.refusal.condition,
    ]),
    [
      ["probe", "test", "success"],
      ["probe", "somebody", "failure"],
      ["probe", "test", "invalid"],
      ["nothing", "test", "unknown_tool"],
      ["probe", "test", "bug"],
    ],
  );
});
