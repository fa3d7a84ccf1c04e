/** What never gets as far as the executor: resolve, validate, approve. */
import assert from "node:assert/strict";
import { configureSync, resetSync } from "@logtape/logtape";
import { breakerOf, endedWith, makeEngine, permitsOut, refusalIn, resultIn } from "../support/engine.ts";

const aim = { target: "10.0.0.5" };

Deno.test("pipeline: an unknown tool's refusal names the nearest one", async () => {
  const refusal = refusalIn(await makeEngine().run(aim, {}, "prob"));
  assert.equal(refusal.condition, "unknown_tool");
  assert.equal(refusal.error, 'there is no tool "prob"; did you mean probe?');
  assert.equal(refusal.remedy, "The tools are: probe.");
});

for (const name of ["__proto__", "constructor", "toString", "", "probe\n"]) {
  Deno.test(`pipeline: ${JSON.stringify(name)} is no tool`, async () => {
    assert.equal(refusalIn(await makeEngine().run(aim, {}, name)).condition, "unknown_tool");
  });
}

Deno.test("pipeline: the log names a refused tool plainly, as for a run; what is no tool is quoted and cut", async () => {
  const named: unknown[] = [];
  configureSync({
    reset: true,
    sinks: { list: ({ properties }) => void named.push(properties["tool"]) },
    loggers: [{ category: ["bulkhead", "runs"], sinks: ["list"], lowestLevel: "info" }],
  });
  try {
    const engine = makeEngine();
    await engine.run({ target: "8.8.8.8" });
    await engine.run(aim, {}, "x".repeat(10_000));
  } finally {
    resetSync();
  }
  const [refused, cut] = named;
  assert.equal(refused, "probe");
  assert.match(String(cut), /^"x{10,1000}…"$/);
});

Deno.test("pipeline: a disabled tool is refused as disabled, even where its program is missing", async () => {
  const engine = makeEngine({ disabled: ["probe"] });
  const refusal = refusalIn(await engine.run());
  assert.equal(refusal.condition, "disabled");
  assert.match(refusal.remedy, /tools\.include/);
});

Deno.test("pipeline: a missing program's refusal has the reason and the remedy of the search", async () => {
  const engine = makeEngine({
    availability: { probe: { available: false, path: null, reason: "there is none", remedy: "Install it." } },
  });
  const { condition, error, remedy } = refusalIn(await engine.run());
  assert.deepEqual([condition, error, remedy], [
    "unavailable",
    "probe is not available: there is none",
    "Install it.",
  ]);
});

Deno.test("pipeline: a tool whose compartment died is not available", async () => {
  const engine = makeEngine();
  engine.executor.death = "the compartment sent an unknown message";
  const refusal = refusalIn(await engine.run());
  assert.equal(refusal.condition, "unavailable");
  assert.match(refusal.error, /unknown message/);
  assert.equal(refusal.remedy, "Send SIGHUP to the server, which makes its compartment anew, or restart it.");
});

/** Refused requests: none of them may reach the executor or the breaker, or hold a permit. */
const BAD_REQUESTS: readonly Record<string, unknown>[] = [
  {},
  { ...aim, parameters: { level: 9 } },
  { ...aim, parameters: { level: "1" } },
  { target: "8.8.8.8" },
  { target: "10.0.0.1; id" },
  { target: "-oN=x" },
  { ...aim, extra_args: "-oN=x" },
  { ...aim, extra_args: "10.0.0.6" },
  { ...aim, extra_args: "--rate" },
  { ...aim, extra_args: "x".repeat(1_048_576) },
  { ...aim, timeout_sec: Infinity },
  { ...aim, unknown: 1 },
  { ...aim, extra_args: "-A" },
];

for (const request of BAD_REQUESTS) {
  Deno.test(`pipeline: ${JSON.stringify(request).slice(0, 60)} never reaches the executor`, async () => {
    const engine = makeEngine();
    refusalIn(await engine.run(request));
    assert.deepEqual(engine.executor.orders, []);
    assert.deepEqual(breakerOf(engine), { successes: 0, failures: 0, excluded: 0, state: "closed" });
    assert.equal(permitsOut(engine), 0);
  });
}

Deno.test("pipeline: a bad request is refused as such even when the breaker is open", async () => {
  const engine = makeEngine();
  engine.toolbox.get("probe")!.breaker.forceOpen();
  assert.equal(refusalIn(await engine.run({ target: "8.8.8.8" })).condition, "invalid");
});

/** Leave for an intrusive run: allowed by the configuration, the question waived, the caller one who may. */
const LEAVE = [
  [{ allowIntrusive: false, confirmIntrusive: true }, true, /security\.allow_intrusive: true/],
  [{ allowIntrusive: false, confirmIntrusive: false }, true, /security\.allow_intrusive: true/],
  [{ allowIntrusive: true, confirmIntrusive: true }, true, /security\.confirm_intrusive: false/],
  [{ allowIntrusive: true, confirmIntrusive: false }, false, /stdio/],
  [{ allowIntrusive: true, confirmIntrusive: false }, true, null],
] as const;

for (const [settings, mayIntrude, remedy] of LEAVE) {
  const given = `${JSON.stringify(settings)}, mayIntrude ${mayIntrude}`;
  Deno.test(`pipeline: an intrusive flag with ${given} is ${remedy === null ? "run" : "refused"}`, async () => {
    const engine = makeEngine({ settings });
    engine.executor.answer = () => endedWith();
    const answer = await engine.run({ ...aim, extra_args: "-A" }, { mayIntrude });
    if (remedy === null) return assert.deepEqual(resultIn(answer).argv.slice(-2), ["-A", "10.0.0.5"]);
    const refusal = refusalIn(answer);
    assert.equal(refusal.condition, "approval_required");
    assert.match(refusal.error, /\(-A\)/);
    assert.match(refusal.remedy, remedy);
    assert.deepEqual(engine.executor.orders, []);
  });
}
