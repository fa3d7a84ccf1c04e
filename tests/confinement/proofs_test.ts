import assert from "node:assert/strict";
import { denied, type Seen } from "../../src/confinement/proofs.ts";

const SAYS = "Permission denied";

function verdict(seen: Partial<Seen>) {
  return denied("it cannot", { code: 1, stdout: "", stderr: "", failed: null, ...seen }, SAYS);
}

Deno.test("proofs: a denial is an error that says so, shows nothing, and is quoted", () => {
  assert.deepEqual(verdict({ stderr: "first\nopen: Permission denied\nmore\n" }), {
    name: "it cannot",
    ok: true,
    detail: "exit code 1: first open: Permission denied",
  });
  const broken = verdict({
    stderr: "Warning: Failed to open the file /a/long/path: Permission\nWarning: denied\n",
  });
  assert.equal(broken.ok, true);
});

Deno.test("proofs: whatever else goes wrong proves nothing", () => {
  const others: readonly Partial<Seen>[] = [
    { stderr: "unknown option\n" },
    { stderr: "" },
    { stderr: "open: Permission denied\n", stdout: "the secret" },
    { code: 0, stderr: "open: Permission denied\n" },
    { code: null, failed: "it was cancelled", stderr: "Permission denied" },
  ];
  for (const seen of others) assert.equal(verdict(seen).ok, false, JSON.stringify(seen));
  assert.equal(verdict({ code: 0 }).detail, "it could");
  assert.equal(verdict({ stderr: "no" }).detail, "exit code 1: no; expected: Permission denied");
  assert.equal(
    verdict({ code: null, failed: "it was lost" }).detail,
    "it was lost; expected: Permission denied",
  );
});
