import assert from "node:assert/strict";
import { keep, readIndex } from "../../src/runs/kept_run.ts";
import { outputOf, reportedRun, runIdOf, startedRun } from "../support/runs.ts";

function kept() {
  const run = startedRun(1);
  const output = outputOf("out", "error");
  const { ended, shelved } = keep(run, reportedRun(run, output), output, 1234.5);
  return { ended, index: new TextDecoder().decode(shelved().index) };
}

Deno.test("kept run: an index is read as it was written", () => {
  const { ended, index } = kept();
  assert.deepEqual(readIndex(runIdOf(1), index, ended.bytes), { ...ended, endedAtMs: 1235 });
});

Deno.test("kept run: what is no index of this very run, whole, is none", () => {
  const { ended: { bytes }, index } = kept();
  const changed = (change: (index: Record<string, unknown>) => void) => {
    const json = JSON.parse(index);
    change(json);
    return JSON.stringify(json);
  };
  const summary = JSON.parse(index).summary;
  for (
    const [id, text, found] of [
      [runIdOf(2), index, bytes],
      [runIdOf(1), index, { ...bytes, stdout: bytes.stdout - 1 }],
      [runIdOf(1), index, { ...bytes, stderr: 0 }],
      [runIdOf(1), index, { ...bytes, result: bytes.result + 1 }],
      [runIdOf(1), "", bytes],
      [runIdOf(1), index.slice(0, -1), bytes],
      [runIdOf(1), "null", bytes],
      [runIdOf(1), changed((json) => json.format = 2), bytes],
      [runIdOf(1), changed((json) => json.more = 1), bytes],
      [runIdOf(1), changed((json) => delete json.ended_at_ms), bytes],
      [runIdOf(1), changed((json) => json.summary = { ...summary, outcome: "running" }), bytes],
      [runIdOf(1), changed((json) => json.summary = { ...summary, started_at: "yesterday" }), bytes],
      [runIdOf(1), changed((json) => json.summary = { ...summary, stdout_bytes: -1 }), bytes],
    ] as const
  ) {
    assert.equal(readIndex(id, text, found), null, text);
  }
});
