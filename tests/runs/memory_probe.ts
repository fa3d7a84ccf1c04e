/**
 * Run as a process of its own by `pipeline_memory_test.ts`, with `--v8-flags=--expose-gc`: puts many runs through a
 * pipeline, and into a store that keeps some of them, and prints by how many bytes the memory has grown with each.
 *
 *     deno run --v8-flags=--expose-gc -P=test tests/runs/memory_probe.ts
 *
 * @module
 */
import { FakeClock } from "../support/fake_clock.ts";
import { endedWith, type FakeExecutor, flush, makeEngine } from "../support/engine.ts";
import { Pipeline } from "../../src/runs/pipeline.ts";
import { keptRuns } from "../support/runs.ts";

const WARM_UP = 1000;
const RUNS = 5000;
const OUTPUT = "x".repeat(1000);

const { toolbox, rules } = makeEngine();
const executor = toolbox.get("probe")!.executor as FakeExecutor;
executor.answer = () => {
  executor.orders.length = 0;
  return endedWith({}, OUTPUT);
};
// Far fewer than the warm-up, by whose end all that is kept is there.
const { store } = keptRuns(200);
const pipeline = new Pipeline({
  toolbox,
  rules: () => rules,
  mayRun: () => true,
  lookups: {
    resolve: () => Promise.reject(new Error("no name was given")),
    inspect: () => Promise.reject(new Error("no file was named")),
    ownListener: () => null,
  },
  enforced: () => Promise.resolve({ tier: "basic", treeCeilings: [] }),
  record: () => {},
  observers: [store],
  clock: new FakeClock(),
});

async function runMany(count: number): Promise<number> {
  for (let index = 0; index < count; index++) {
    const { signal } = new AbortController();
    const answer = await pipeline.run("probe", { target: "10.0.0.5" }, {
      client: "probe",
      signal,
      mayIntrude: false,
    });
    if (answer.kind !== "result") throw new Error(answer.refusal.error);
    if (index % 50 === 0) await flush();
  }
  await flush();
  // Buffers that nobody has any more are freed on another thread, some time after they were found.
  for (let round = 0; round < 3; round++) {
    (globalThis as unknown as { gc(): void }).gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const before = await runMany(WARM_UP);
const after = await runMany(RUNS);
if (store.kept.runs !== 200) throw new Error(`${store.kept.runs} runs are kept`);
Deno.stdout.writeSync(new TextEncoder().encode(String((after - before) / RUNS)));
