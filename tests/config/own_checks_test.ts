import assert from "node:assert/strict";
import { ownCheckMistakes } from "../../src/config/own_checks.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { load } from "../support/config.ts";

/** What is wrong, as it is printed, where there are curl, dig and nmap. */
function mistakes(file: string): string[] {
  const answer = load({ file });
  assert(answer.ok, answer.ok ? "" : answer.diagnostics.map(formatDiagnostic).join("\n"));
  return ownCheckMistakes(answer.config, ["curl", "dig", "nmap"], answer.locate).map(formatDiagnostic);
}

Deno.test("own checks: names that differ, and tools that are there, are good", () => {
  assert.deepEqual(mistakes(""), []);
  assert.deepEqual(
    mistakes(`
health:
  dependencies:
    - { name: ldap, tcp: "10.0.0.5:389" }
    - { name: tool, http: "http://10.0.0.6/" }
  checks:
    - { name: lab_dns, tool: dig }
    - { name: tools_up, tool: nmap }
`),
    [],
  );
});

Deno.test("own checks: an unknown tool is named with its place and the nearest one", () => {
  assert.deepEqual(
    mistakes("health:\n  checks:\n    - name: a\n      tool: nmpa\n    - { name: b, tool: other }\n"),
    [
      '/etc/b.yaml:4:13: health.checks[0].tool: there is no tool "nmpa"; did you mean nmap?',
      '/etc/b.yaml:5:24: health.checks[1].tool: there is no tool "other"',
    ],
  );
});

Deno.test("own checks: a check may not have the name of a dependency", () => {
  assert.deepEqual(
    mistakes(`health:
  dependencies: [{ name: dns, tcp: "10.0.0.5:53" }]
  checks: [{ name: dns, tool: dig }]
`),
    ['/etc/b.yaml:3:20: health.checks[0].name: a dependency has the name "dns" already; choose another'],
  );
});

for (
  const name of [
    "system_resources",
    "process_health",
    "confinement",
    "tool_availability",
    "tool_nmap",
    "tool_whatever",
  ]
) {
  Deno.test(`own checks: ${name} is a name of the server's own`, () => {
    const kept = `"${name}" is kept for the server's own checks; choose another name`;
    assert.deepEqual(mistakes(`health: { checks: [{ name: ${name}, tool: dig }] }`), [
      `/etc/b.yaml:1:28: health.checks[0].name: ${kept}`,
    ]);
    assert.deepEqual(mistakes(`health: { dependencies: [{ name: ${name}, tcp: "10.0.0.5:53" }] }`), [
      `/etc/b.yaml:1:34: health.dependencies[0].name: ${kept}`,
    ]);
  });
}
