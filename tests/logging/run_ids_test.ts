import assert from "node:assert/strict";
import { noteRun, withCorrelation } from "../../src/logging/run_ids.ts";

Deno.test("run ids: a line that names a run has its correlation id, right behind", () => {
  noteRun("run-1", "mine");
  const line = withCorrelation({ killed: 1, run_id: "run-1", survivors: 0 });
  assert.deepEqual(Object.entries(line), [
    ["run_id", "run-1"],
    ["correlation_id", "mine"],
    ["killed", 1],
    ["survivors", 0],
  ]);
});

Deno.test("run ids: a line that says it itself, and one of no run or an unknown one, stay as they are", () => {
  noteRun("run-2", "noted");
  for (
    const line of [
      { run_id: "run-2", correlation_id: "own" },
      { run_id: "run-never" },
      { run_id: null },
      { run_id: 2 },
      { tool: "x" },
      {},
    ]
  ) assert.deepEqual(withCorrelation(line), line);
});

Deno.test("run ids: as many runs are remembered as may be, the latest", () => {
  for (let run = 0; run < 5000; run++) noteRun(`many-${run}`, `c-${run}`);
  const has = (run: number) => "correlation_id" in withCorrelation({ run_id: `many-${run}` });
  assert.deepEqual([has(0), has(5000 - 4097), has(5000 - 4096), has(4999)], [false, false, true, true]);
});
