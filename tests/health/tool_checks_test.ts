import assert from "node:assert/strict";
import { REFUSAL_ANSWERS, type RefusalCondition } from "../../src/core/refusal.ts";
import type { CheckOutcome } from "../../src/health/check.ts";
import { toolChecks, type ToolCheckSettings } from "../../src/health/tool_checks.ts";
import type { RunAnswer } from "../../src/runs/pipeline.ts";
import { RateLimiter } from "../../src/resilience/rate_limiter.ts";
import {
  endedWith,
  type EngineOptions,
  flush,
  LOST,
  makeEngine,
  permitsOut,
  type TestEngine,
  toolOf,
} from "../support/engine.ts";

const PROBE: ToolCheckSettings = {
  name: "lab",
  priority: "critical",
  tool: "probe",
  target: "10.0.0.5",
  parameters: { ports: "22", level: 3, verbose: true },
  extra_args: "-sn",
};

/** One check of an engine, not yet made. */
function checkOf(engine: Pick<TestEngine, "pipeline">, changes: Partial<ToolCheckSettings> = {}) {
  const [check] = toolChecks([{ ...PROBE, ...changes }], engine.pipeline);
  return check!;
}

const never = new AbortController().signal;

/** What a check finds. */
async function found(
  changes: Partial<ToolCheckSettings> = {},
  execution = endedWith(),
  options: EngineOptions = {},
): Promise<CheckOutcome> {
  const engine = makeEngine(options);
  engine.executor.answer = () => execution;
  const outcome = await checkOf(engine, changes).check(never);
  assert.equal(permitsOut(engine), 0);
  return outcome;
}

Deno.test("tool checks: a run like any other, asked for by health", async () => {
  const engine = makeEngine();
  engine.executor.answer = () => endedWith();
  const check = checkOf(engine);
  assert.deepEqual([check.name, check.priority], ["lab", "critical"]);
  const { status, message, metadata } = await check.check(never);
  assert.deepEqual([status, message], ["healthy", "probe succeeded"]);
  assert.deepEqual({ ...metadata, run_id: "" }, {
    tool: "probe",
    run_id: "",
    outcome: "success",
    execution_time_sec: 1.5,
  });
  assert.deepEqual(engine.executor.orders.map(({ args }) => args), [
    ["-q", "-p", "22", "-T3", "-v", "-sn", "10.0.0.5"],
  ]);
  assert.deepEqual(engine.recorded.map(({ tool, client }) => [tool, client]), [["probe", "health:lab"]]);
});

Deno.test("tool checks: what is left out of the settings is left out of the request", async () => {
  const bare = { target: undefined, parameters: undefined, extra_args: undefined };
  const engine = makeEngine({ tools: [toolOf({ target: { kinds: ["none"] } })] });
  engine.executor.answer = () => endedWith();
  assert.equal((await checkOf(engine, bare).check(never)).status, "healthy");
  assert.deepEqual(engine.executor.orders[0]!.args, ["-q"]);
});

for (
  const [what, execution, message] of [
    ["a failure", endedWith({ code: 2 }, "", "\x1b[31msecret"), /^probe ended with exit code 2$/],
    ["a time-out", endedWith({ code: null, signal: "SIGTERM", cause: "timeout" }), /time-out of 60 s/],
    ["a flood", endedWith({ code: null, signal: "SIGKILL", cause: "flood" }), /wrote more than is kept/],
    ["a signal", endedWith({ code: null, signal: "SIGSEGV" }), /ended by SIGSEGV/],
    ["a run that was lost", LOST, /fell silent/],
  ] as const
) {
  Deno.test(`tool checks: ${what} is unhealthy, and shows nothing of the output`, async () => {
    const outcome = await found({}, execution);
    assert.equal(outcome.status, "unhealthy");
    assert.match(outcome.message, message);
    assert.doesNotMatch(JSON.stringify(outcome), /secret/);
  });
}

Deno.test("tool checks: a target that is not allowed stays so", async () => {
  const { status, message } = await found({ target: "192.0.2.1" });
  assert.equal(status, "unhealthy");
  assert.match(message, /192\.0\.2\.1.*allowed/);
});

Deno.test("tool checks: nothing intrusive is run, whatever is allowed", async () => {
  for (const allowIntrusive of [true, false]) {
    for (const confirmIntrusive of [true, false]) {
      const engine = makeEngine({ settings: { allowIntrusive, confirmIntrusive } });
      const { status, message } = await checkOf(engine, { extra_args: "-A" }).check(never);
      assert.equal(status, "unhealthy");
      assert.equal(message, "a check makes no intrusive runs: choose a tool or flags that are not marked so");
      assert.deepEqual(engine.executor.orders, []);
    }
  }
});

Deno.test("tool checks: where others have all places nothing was found out", async () => {
  const engine = makeEngine({ tools: [toolOf({ concurrency: 1, max_queue: 0 })] });
  const other = engine.run();
  await flush();
  const { status, message } = await checkOf(engine).check(never);
  assert.deepEqual([status, message.split(".")[0]], ["degraded", "too many runs of probe are waiting"]);
  engine.executor.pending[0]!.end();
  await other;
});

Deno.test("tool checks: the rate is a client's own, and a check that is too often is not dead", async () => {
  const engine = makeEngine();
  const { settings, policy } = engine.rules;
  const rateLimiter = new RateLimiter({ perSecond: 0.001, burst: 1, maxKeys: 10, clock: engine.clock });
  engine.rules = { policy, settings: { ...settings, rateLimiter } };
  engine.executor.answer = () => endedWith();
  await engine.run();
  const check = checkOf(engine);
  assert.equal((await check.check(never)).status, "healthy");
  assert.equal((await check.check(never)).status, "degraded");
});

Deno.test("tool checks: failures open the breaker, and behind an open one it is unhealthy", async () => {
  const engine = makeEngine();
  engine.executor.answer = () => endedWith({ code: 2 });
  const check = checkOf(engine);
  const messages: string[] = [];
  for (let round = 0; round < 3; round++) {
    const { status, message } = await check.check(never);
    assert.equal(status, "unhealthy");
    messages.push(message);
  }
  assert.match(messages[2]!, /the circuit breaker of probe is open/);
  assert.equal(engine.executor.orders.length, 2);
});

Deno.test("tool checks: one that is given up is cancelled, and over before another begins", async () => {
  const engine = makeEngine();
  const controller = new AbortController();
  const going = checkOf(engine).check(controller.signal);
  await flush();
  assert.equal(engine.executor.pending.length, 1);
  controller.abort();
  assert.deepEqual((await going).message, "probe had not ended when the time of a check was over");
  assert.equal((await going).status, "unhealthy");
  assert.equal(permitsOut(engine), 0);
});

Deno.test("tool checks: one that had no turn in its time was not dead", async () => {
  const engine = makeEngine();
  const other = engine.run();
  const controller = new AbortController();
  const going = checkOf(engine).check(controller.signal);
  await flush();
  controller.abort();
  assert.equal((await going).status, "degraded");
  engine.executor.pending[0]!.end();
  await other;
});

Deno.test("tool checks: the server's stop is nobody's illness", async () => {
  const engine = makeEngine();
  const going = checkOf(engine).check(never);
  await flush();
  const stopped = engine.pipeline.shutDown(0, AbortSignal.abort());
  assert.deepEqual((await going).status, "degraded");
  await stopped;
  const after = await checkOf(engine).check(never);
  assert.deepEqual([after.status, after.message.split(" and")[0]], [
    "degraded",
    "the server is shutting down",
  ]);
});

Deno.test("tool checks: a tool that is not there, or off, or missing, is unhealthy", async () => {
  assert.match((await found({ tool: "other" })).message, /other/);
  const off = await found({}, endedWith(), { disabled: ["probe"] });
  assert.deepEqual([off.status, /cannot be used/.test(off.message)], ["unhealthy", true]);
  const missing = { available: false, path: null, reason: "no such\x1bfile", remedy: "Install it." } as const;
  const gone = await found({}, endedWith(), { availability: { probe: missing } });
  assert.equal(gone.status, "unhealthy");
  assert.match(gone.message, /not available: no such\\u001bfile/);
});

/** What every refusal means, said a second time. */
const DEGRADED: readonly RefusalCondition[] = ["queue_full", "rate_limited", "cancelled", "shutting_down"];

for (const condition of Object.keys(REFUSAL_ANSWERS) as RefusalCondition[]) {
  Deno.test(`tool checks: refused as ${condition}`, async () => {
    const refusal = { condition, error: "E\n", remedy: "R." };
    const answer: RunAnswer = { kind: "refusal", refusal, correlationId: "c" };
    const outcome = await checkOf({ pipeline: { run: () => Promise.resolve(answer) } as never }).check(never);
    assert.equal(outcome.status, DEGRADED.includes(condition) ? "degraded" : "unhealthy");
    if (condition !== "approval_required") assert.equal(outcome.message, "E\\n. R.");
  });
}
