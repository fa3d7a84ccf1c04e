import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { RunObserver, StartedRun } from "../../src/runs/run_observer.ts";
import { endedWith, flush, makeEngine } from "../support/engine.ts";

/** An observer that writes down what it is told. */
function noting(): { readonly observer: RunObserver; readonly told: string[]; readonly runs: StartedRun[] } {
  const told: string[] = [];
  const runs: StartedRun[] = [];
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const observer: RunObserver = {
    started(run) {
      runs.push(run);
      told.push("started");
    },
    output(run, stream, chunk, soFar) {
      runs.push(run);
      told.push(`${stream} ${text(chunk)}/${text(soFar)}`);
    },
    ended(run, { result }, output) {
      runs.push(run);
      told.push(
        `${result.outcome} ${result.run_id === run.runId} ${text(output.stdout)}|${text(output.stderr)}`,
      );
    },
    abandoned(run) {
      runs.push(run);
      told.push("abandoned");
    },
  };
  return { observer, told, runs };
}

Deno.test("run observer: a run is told from its start to its end, with what it was and what it wrote", async () => {
  const { observer, told, runs } = noting();
  const engine = makeEngine({ observers: [observer] });
  engine.clock.advance(5000);
  const answer = engine.run({ target: "10.0.0.5", correlation_id: "mine" }, { client: "ci" });
  await flush();
  assert.deepEqual(told, ["started"]);
  const [pending] = engine.executor.pending;
  assert.ok(pending !== undefined);
  pending.onOutput("stdout", new TextEncoder().encode("on"));
  pending.onOutput("stderr", new TextEncoder().encode("two"));
  pending.onOutput("stdout", new TextEncoder().encode("e"));
  pending.end(endedWith({}, "one", "two"));
  const { kind } = await answer;
  assert.equal(kind, "result");
  assert.deepEqual(told, [
    "started",
    "stdout on/on",
    "stderr two/two",
    "stdout e/one",
    "success true one|two",
  ]);
  assert.equal(new Set(runs).size, 1);
  const [run] = runs;
  assert.deepEqual(run, {
    runId: pending.order.id,
    tool: "probe",
    target: "10.0.0.5",
    argv: ["/usr/bin/probe", "-q", "10.0.0.5"],
    correlationId: "mine",
    client: "ci",
    waitedMs: 0,
    startedAtMs: engine.clock.wall(),
  });
});

Deno.test("run observer: a run of which nothing came is abandoned, once", async () => {
  for (
    const execution of [
      { status: "not_started", reason: "no such file" },
      { status: "cancelled" },
    ] as const
  ) {
    const { observer, told } = noting();
    const engine = makeEngine({ observers: [observer] });
    engine.executor.answer = () => execution;
    assert.equal((await engine.run()).kind, "refusal");
    assert.deepEqual(told, ["started", "abandoned"]);
  }
});

Deno.test("run observer: a run that the server fails to answer is abandoned", async () => {
  const { observer, told } = noting();
  const engine = makeEngine({ observers: [observer] });
  engine.executor.answer = () => Promise.reject(new Error("a bug"));
  await assert.rejects(engine.run(), /a bug/);
  assert.deepEqual(told, ["started", "abandoned"]);
});

Deno.test("run observer: a run whose compartment dies has ended, with what it wrote until then", async () => {
  const { observer, told } = noting();
  const engine = makeEngine({ observers: [observer] });
  const output = { stdout: new TextEncoder().encode("half"), stderr: new Uint8Array() };
  engine.executor.answer = () => ({ status: "lost", reason: "it died", output, durationMs: 5 });
  assert.equal((await engine.run()).kind, "result");
  assert.deepEqual(told, ["started", "failure true half|"]);
});

Deno.test("run observer: a refused request is no run", async () => {
  const { observer, told } = noting();
  const engine = makeEngine({ observers: [observer] });
  assert.equal((await engine.run({ target: "8.8.8.8" })).kind, "refusal");
  assert.deepEqual(told, []);
});

Deno.test("run observer: one that throws is logged, and neither the run nor the others feel it", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { records: (record) => void records.push(record) },
    loggers: [
      { category: "bulkhead", sinks: ["records"], lowestLevel: "error" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
    reset: true,
  });
  try {
    const broken = (): never => {
      throw new Error("broken");
    };
    const { observer, told } = noting();
    const engine = makeEngine({
      observers: [{ started: broken, output: broken, ended: broken, abandoned: broken }, observer],
    });
    const heard: string[] = [];
    const answer = engine.run(undefined, { onOutput: (stream) => void heard.push(stream) });
    await flush();
    engine.executor.pending[0]?.onOutput("stdout", new Uint8Array(1));
    engine.executor.pending[0]?.end(endedWith());
    assert.equal((await answer).kind, "result");
    engine.executor.answer = () => ({ status: "cancelled" });
    assert.equal((await engine.run()).kind, "refusal");
    assert.deepEqual(told, ["started", "stdout \0/\0", "success true |", "started", "abandoned"]);
    assert.deepEqual(heard, ["stdout"]);
    assert.equal(records.length, 5);
    assert.ok(records.every(({ properties }) => String(properties.error).includes("Error: broken")));
  } finally {
    await reset();
  }
});

Deno.test("pipeline: an answer that cannot be recorded reaches its caller all the same", async () => {
  const engine = makeEngine({
    onRecord: () => {
      throw new Error("broken");
    },
  });
  engine.executor.answer = () => endedWith();
  assert.equal((await engine.run()).kind, "result");
  assert.equal((await engine.run({ target: "8.8.8.8" })).kind, "refusal");
  assert.equal(engine.recorded.length, 2);
});
