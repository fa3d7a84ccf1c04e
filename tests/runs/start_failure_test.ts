import assert from "node:assert/strict";
import { startFailure } from "../../src/runs/start_failure.ts";

const PATH = "/usr/bin/probe";

for (
  const [reason, tier, remedy] of [
    [
      "PermissionDenied: Failed to spawn: Permission denied (os error 13)",
      "kernel",
      /just replaced, .* ask again in a few seconds/,
    ],
    ["PermissionDenied: Failed to spawn: Permission denied (os error 13)", "basic", /can be executed\.$/],
    [
      "NotFound: Failed to spawn: No such file or directory (os error 2)",
      "kernel",
      /is there, and its loader/,
    ],
    ["WouldBlock: Resource temporarily unavailable (os error 11)", "kernel", /as many processes/],
    ["Error: Cannot allocate memory (os error 12)", "kernel", /short of memory/],
    ["Error: Too many open files (os error 24)", "kernel", /as many files open/],
    [
      "the limit of resource 9 did not land: EPERM",
      "kernel",
      /\/usr\/bin\/probe is there and can be executed/,
    ],
  ] as const
) {
  Deno.test(`start failure: ${reason}, tier ${tier}`, () => {
    const refusal = startFailure("probe", PATH, tier, { reason });
    assert.equal(refusal.condition, "unavailable");
    assert.equal(refusal.error, `probe could not be started: ${reason}`);
    assert.match(refusal.remedy, remedy);
  });
}

Deno.test("start failure: a missing folder is not the program's fault", () => {
  const reason = 'cannot make a folder for the run in "/state": No such file or directory (os error 2)';
  const { error, remedy } = startFailure("probe", PATH, "kernel", { reason, lacks: "folder" });
  assert.equal(error, `probe could not be started: ${reason}`);
  assert.match(remedy, /confinement\.state_dir/);
  assert.doesNotMatch(remedy, /usr\/bin\/probe/);
});
