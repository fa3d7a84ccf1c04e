import assert from "node:assert/strict";
import {
  byPosition,
  type Diagnostic,
  formatDiagnostic,
  formatPath,
} from "../../src/documents/diagnostics.ts";

const DIAGNOSTIC: Diagnostic = { file: "a.yaml", line: 3, column: 5, path: "tools.nmap", message: "wrong" };

Deno.test("a diagnostic is printed as file:line:column: path: message", () => {
  assert.equal(formatDiagnostic(DIAGNOSTIC), "a.yaml:3:5: tools.nmap: wrong");
});

Deno.test("a diagnostic without a position is printed as source: path: message", () => {
  assert.equal(
    formatDiagnostic({ ...DIAGNOSTIC, file: "--set", line: null, column: null }),
    "--set: tools.nmap: wrong",
  );
});

Deno.test("the path of the whole document is left out", () => {
  assert.equal(formatDiagnostic({ ...DIAGNOSTIC, path: "" }), "a.yaml:3:5: wrong");
});

Deno.test("a file name cannot forge a line", () => {
  assert.equal(
    formatDiagnostic({ ...DIAGNOSTIC, file: "a\nb\x1b[31m" }),
    "a\\nb\\u001b[31m:3:5: tools.nmap: wrong",
  );
});

Deno.test("a path joins keys with dots and puts indices in brackets", () => {
  assert.equal(formatPath([]), "");
  assert.equal(formatPath(["tools", "overrides", "nmap", "command"]), "tools.overrides.nmap.command");
  assert.equal(formatPath(["target", "kinds", 0]), "target.kinds[0]");
  assert.equal(formatPath([2, 0, "a"]), "[2][0].a");
  assert.equal(formatPath(["max-rate", "_x9"]), "max-rate._x9");
});

Deno.test("keys that are not plain words are quoted in a path", () => {
  assert.equal(formatPath(["tools", "a.b", "c"]), 'tools."a.b".c');
  assert.equal(formatPath(["", "80", 'say "hi"']), '"".' + '"80".' + '"say \\"hi\\""');
  assert.equal(formatPath(["a\nb"]), '"a\\nb"');
});

Deno.test("diagnostics are ordered by line, then by column", () => {
  const at = (line: number, column: number) => ({ ...DIAGNOSTIC, line, column });
  const sorted = [at(10, 1), at(2, 9), at(2, 1)].sort(byPosition);
  assert.deepEqual(sorted.map(({ line, column }) => [line, column]), [[2, 1], [2, 9], [10, 1]]);
});

Deno.test("long keys are cut in a path", () => {
  assert.equal(formatPath(["x".repeat(60)]), "x".repeat(60));
  assert.equal(formatPath(["x".repeat(61)]), `"${"x".repeat(60)}…"`);
});
