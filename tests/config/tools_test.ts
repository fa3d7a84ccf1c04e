import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { configureTools } from "../../src/config/tools.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { CONFIG_FILE, load, type Sources } from "../support/config.ts";

const catalog = loadCatalog([]);
assert(catalog.ok);
// Three of the built-in tools are enough to choose among.
const manifests = catalog.manifests.filter(({ manifest }) =>
  ["curl", "nmap", "openssl"].includes(manifest.name)
);

function configure(sources: Sources) {
  const answer = load(sources);
  assert(answer.ok, answer.ok ? "" : answer.diagnostics.map(formatDiagnostic).join("\n"));
  return configureTools(manifests, answer.config, answer.locate);
}

function tools(sources: Sources = {}) {
  const configured = configure(sources);
  assert(configured.ok);
  return configured.tools;
}

function mistakes(sources: Sources): string[] {
  const configured = configure(sources);
  assert(!configured.ok, "was configured");
  return configured.diagnostics.map(formatDiagnostic);
}

/** Which tools are enabled under `tools.include` and `tools.exclude`. */
const ENABLED: readonly (readonly [string, readonly string[]])[] = [
  ["{}", ["curl", "nmap", "openssl"]],
  ["{ include: [] }", []],
  ["{ include: [nmap] }", ["nmap"]],
  ["{ include: ['*l*'] }", ["curl", "openssl"]],
  ["{ include: ['n*', curl] }", ["curl", "nmap"]],
  ["{ exclude: [curl] }", ["nmap", "openssl"]],
  ["{ include: [nmap], exclude: ['*'] }", []],
  ["{ include: ['*'], exclude: ['n*'] }", ["curl", "openssl"]],
];

for (const [text, names] of ENABLED) {
  Deno.test(`tools: ${text} enables ${names.join(", ") || "nothing"}`, () => {
    const enabled = tools({ file: `tools: ${text}` }).filter((entry) => entry.enabled);
    assert.deepEqual(enabled.map(({ tool }) => tool.name), names);
  });
}

Deno.test("tools: a pattern is matched against the whole name", () => {
  assert.deepEqual(
    tools({ file: "tools: { include: ['*map', 'map*'] }" }).filter((entry) => entry.enabled).length,
    1,
  );
});

Deno.test("tools: overrides over the manifest over the defaults", () => {
  const file = `
tools:
  default_timeout_sec: 77
  default_concurrency: 4
  default_max_queue: 5
  overrides:
    nmap: { command: /opt/nmap, limits: { timeout_sec: 5 }, concurrency: 3, breaker: { failure_threshold: 9 } }
    openssl: { limits: { memory_mb: 32, processes: 1 } }
circuit_breaker: { failure_threshold: 2, recovery_timeout_sec: 33 }
limits: { memory_mb: 99, cpu_sec: 8, open_files: 77, file_size_mb: 0, processes: 3 }
`;
  const [curl, nmap, openssl] = tools({ file }).map((entry) => entry.tool);
  // nmap's own manifest says 512 MiB and 256 files.
  const rest = { cpuSec: 8, fileSizeMb: 0 };
  assert.deepEqual(nmap!.limits, { ...rest, memoryMb: 512, openFiles: 256, processes: 3 });
  assert.deepEqual(openssl!.limits, { ...rest, memoryMb: 32, openFiles: 77, processes: 1 });
  assert.deepEqual(curl!.limits, { ...rest, memoryMb: 99, openFiles: 77, processes: 3 });
  assert.deepEqual([nmap!.manifest.command, nmap!.timeoutSec, nmap!.concurrency, nmap!.maxQueue], [
    "/opt/nmap",
    5,
    3,
    8,
  ]);
  assert.deepEqual([nmap!.breaker.failure_threshold, nmap!.breaker.recovery_timeout_sec], [9, 120]);
  assert.deepEqual([curl!.manifest.command, curl!.timeoutSec, curl!.concurrency, curl!.maxQueue], [
    "curl",
    120,
    4,
    5,
  ]);
  assert.deepEqual([curl!.breaker.failure_threshold, curl!.breaker.recovery_timeout_sec], [2, 33]);
});

Deno.test("tools: without a word about limits, a run's are those of the contract", () => {
  assert.deepEqual(tools()[0]!.tool.limits, {
    memoryMb: 512,
    cpuSec: null,
    openFiles: 256,
    fileSizeMb: 64,
    processes: null,
  });
});

Deno.test("tools: an unknown name in the file is told with its place, its path and the nearest", () => {
  const file = "tools:\n  include: [nmap, nmpa]\n  exclude: [crul]\n  overrides:\n    opensl: {}\n";
  assert.deepEqual(mistakes({ file }), [
    `${CONFIG_FILE}:2:19: tools.include[1]: there is no tool "nmpa"; did you mean nmap?`,
    `${CONFIG_FILE}:3:13: tools.exclude[0]: there is no tool "crul"; did you mean curl?`,
    `${CONFIG_FILE}:5:5: tools.overrides.opensl: there is no tool "opensl"; did you mean openssl?`,
  ]);
});

Deno.test("tools: an unknown name in a variable is told by the variable, not by the file", () => {
  assert.deepEqual(mistakes({ file: "tools: { include: [nmap] }", env: { TOOL_INCLUDE: "nmap,zzz" } }), [
    'TOOL_INCLUDE: tools.include[1]: there is no tool "zzz"',
  ]);
});

Deno.test("tools: a pattern that matches nothing is no mistake: the tool may come with another folder", () => {
  assert.equal(configure({ file: "tools: { exclude: ['hydra*'] }" }).ok, true);
});
