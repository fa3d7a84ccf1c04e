/** What a run that happened is answered with. */
import assert from "node:assert/strict";
import { CHILD_ENVIRONMENT } from "../../src/confinement/child_environment.ts";
import type { Execution } from "../../src/confinement/compartment.ts";
import {
  breakerOf,
  endedWith,
  LOST,
  makeEngine,
  permitsOut,
  refusalIn,
  RESULT_FIELDS,
  resultIn,
  runOnce,
  toolOf,
} from "../support/engine.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const aim = { target: "10.0.0.5" };

Deno.test("pipeline: a run that ended has exactly the contract's fields", async () => {
  const engine = makeEngine();
  const result = resultIn(await runOnce(engine, endedWith({ durationMs: 1234.4 }, "hello\n", "hm\n")));
  assert.deepEqual(Object.keys(result).sort(), RESULT_FIELDS);
  const { run_id, correlation_id, ...rest } = result;
  assert.match(run_id, UUID);
  assert.match(correlation_id, UUID);
  assert.notEqual(run_id, correlation_id);
  assert.deepEqual(rest, {
    tool: "probe",
    target: "10.0.0.5",
    argv: ["/usr/bin/probe", "-q", "10.0.0.5"],
    outcome: "success",
    returncode: 0,
    signal: null,
    stdout: "hello\n",
    stderr: "hm\n",
    stdout_bytes: 6,
    stderr_bytes: 3,
    truncated_stdout: false,
    truncated_stderr: false,
    timed_out: false,
    execution_time_sec: 1.234,
    queue_time_sec: 0,
    error: null,
    error_type: null,
    parsed: null,
    metadata: { confinement: "basic", limits: null, output_held_open: false, parser: null },
  });
});

Deno.test("pipeline: the order holds the arguments, the environment and the limits, and nothing of the server's", async () => {
  const engine = makeEngine({ settings: { onFlood: "kill" } });
  engine.executor.answer = () => endedWith();
  const result = resultIn(await engine.run({ ...aim, timeout_sec: 2.5 }));
  assert.deepEqual(engine.executor.orders, [{
    id: result.run_id,
    args: ["-q", "10.0.0.5"],
    env: CHILD_ENVIRONMENT,
    deadlineMs: 2500,
    killGraceMs: 1000,
    maxBytes: { stdout: 1024, stderr: 512 },
    onFlood: "kill",
    // The time-out, the grace, and a second.
    ceilings: { memoryBytes: 536_870_912, cpuSec: 5, openFiles: 256, fileBytes: 67_108_864 },
    tree: { memoryBytes: null, processes: null },
  }]);
});

Deno.test("pipeline: a valid correlation id is echoed, in results and in refusals (D23)", async () => {
  const engine = makeEngine();
  engine.executor.answer = () => endedWith();
  const result = resultIn(await engine.run({ ...aim, correlation_id: "job:7.a_b-C" }));
  assert.equal(result.correlation_id, "job:7.a_b-C");
  const refused = await engine.run({ correlation_id: "job-8" });
  assert.equal(refused.kind === "refusal" && refused.correlationId, "job-8");
});

Deno.test("pipeline: a correlation id that could forge a line is refused and not echoed (D23)", async () => {
  const answer = await makeEngine().run({ ...aim, correlation_id: "a\nlevel=error" });
  assert.equal(refusalIn(answer).field, "correlation_id");
  assert.match(answer.kind === "refusal" ? answer.correlationId : "", UUID);
});

/** How an execution ends, and what that comes to. */
const ENDINGS: readonly (readonly [string, Execution, Record<string, unknown>, Record<string, unknown>])[] = [
  ["success", endedWith(), { outcome: "success", error_type: null, returncode: 0 }, { successes: 1 }],
  [
    "failure",
    endedWith({ code: 2 }),
    { outcome: "failure", error_type: "execution_error", returncode: 2 },
    { failures: 1 },
  ],
  [
    "a signal",
    endedWith({ code: null, signal: "SIGSEGV" }),
    { outcome: "killed", error_type: "resource_exhausted", returncode: null, signal: "SIGSEGV" },
    { failures: 1 },
  ],
  [
    "the time-out, its output kept",
    endedWith({ code: null, signal: "SIGKILL", cause: "timeout" }, "half"),
    { outcome: "timeout", error_type: "timeout", timed_out: true, stdout: "half" },
    { failures: 1 },
  ],
  [
    "cancellation",
    endedWith({ code: null, signal: "SIGTERM", cause: "cancelled" }),
    { outcome: "cancelled", error_type: "cancelled", timed_out: false },
    { excluded: 1 },
  ],
  [
    "a lost compartment",
    LOST,
    {
      outcome: "failure",
      error_type: "execution_error",
      error: "the compartment fell silent",
      returncode: null,
      signal: null,
      stdout: "half",
      stdout_bytes: 4,
      execution_time_sec: 0.7,
    },
    { failures: 1 },
  ],
];

for (const [name, execution, fields, counted] of ENDINGS) {
  Deno.test(`pipeline: ${name} is reported and counted once`, async () => {
    const engine = makeEngine();
    const result = resultIn(await runOnce(engine, execution));
    for (const [field, value] of Object.entries(fields)) {
      assert.deepEqual(result[field as keyof typeof result], value, field);
    }
    assert.deepEqual(Object.keys(result).sort(), RESULT_FIELDS);
    assert.deepEqual(breakerOf(engine), {
      successes: 0,
      failures: 0,
      excluded: 0,
      state: "closed",
      ...counted,
    });
    assert.equal(permitsOut(engine), 0);
  });
}

Deno.test("pipeline: output beyond what was kept is said, with the true totals", async () => {
  const engine = makeEngine();
  const result = resultIn(
    await runOnce(engine, endedWith({ bytes: { stdout: 4096, stderr: 1 } }, "abc", "e")),
  );
  assert.deepEqual(
    [result.stdout_bytes, result.truncated_stdout, result.stderr_bytes, result.truncated_stderr],
    [4096, true, 1, false],
  );
});

Deno.test("pipeline: bytes that are no UTF-8 do not break a result", async () => {
  const engine = makeEngine();
  const execution = endedWith();
  assert(execution.status === "ended");
  const stdout = new Uint8Array([0x61, 0xff, 0xc3]);
  const result = resultIn(
    await runOnce(engine, { ...execution, output: { stdout, stderr: new Uint8Array() } }),
  );
  assert.equal(result.stdout, "a\ufffd\ufffd");
});

Deno.test("pipeline: a program that could not be started is a refusal, which moves no breaker", async () => {
  const engine = makeEngine();
  const refusal = refusalIn(await runOnce(engine, { status: "not_started", reason: "no such file" }));
  assert.equal(refusal.condition, "unavailable");
  assert.equal(refusal.error, "probe could not be started: no such file");
  assert.match(refusal.remedy, /\/usr\/bin\/probe/);
  assert.deepEqual(breakerOf(engine), { successes: 0, failures: 0, excluded: 1, state: "closed" });
  assert.equal(permitsOut(engine), 0);
});

Deno.test("pipeline: a bug in the executor is an exception, and its permit comes back", async () => {
  const engine = makeEngine();
  engine.executor.answer = () => Promise.reject(new Error("bug"));
  await assert.rejects(engine.run(), /bug/);
  assert.equal(permitsOut(engine), 0);
  assert.deepEqual(breakerOf(engine), { successes: 0, failures: 0, excluded: 1, state: "closed" });
});

Deno.test("pipeline: a manifest's success exit codes decide what is an answer", async () => {
  const engine = makeEngine({ tools: [toolOf({ success_exit_codes: [0, 1] })] });
  assert.equal(resultIn(await runOnce(engine, endedWith({ code: 1 }))).outcome, "success");
  assert.equal(resultIn(await runOnce(engine, endedWith({ code: 2 }))).outcome, "failure");
});
