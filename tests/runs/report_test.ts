import assert from "node:assert/strict";
import type { ParserName } from "../../src/catalog/parsers/registry.ts";
import type { Execution } from "../../src/confinement/compartment.ts";
import type { Classification } from "../../src/runs/classify.ts";
import type { Plan } from "../../src/runs/plan.ts";
import { lostEnding, report } from "../../src/runs/report.ts";
import { endedWith, makeEngine, toolOf } from "../support/engine.ts";

const plan: Plan = {
  args: ["10.0.0.5"],
  target: "10.0.0.5",
  timeoutMs: 1000,
  callerShortened: false,
  intrusive: [],
};
const success: Classification = { outcome: "success", error: null, errorType: null, breaker: "success" };
const scan = await Deno.readTextFile(
  new URL("../fixtures/outputs/nmap_services.stdout.txt", import.meta.url),
);

async function reported(execution: Execution, judged = success, parser: ParserName = "nmap_xml") {
  assert(execution.status === "ended");
  const tool = makeEngine({ tools: [toolOf({ output: { parser } })] }).toolbox.get("probe")!;
  const run = {
    runId: "r",
    correlationId: "c",
    tool,
    path: "/usr/bin/probe",
    plan,
    waitedMs: 1499.6,
    tier: "kernel" as const,
    ceilings: { memoryBytes: 536_870_912, cpuSec: 61, openFiles: 256, fileBytes: 67_108_864 },
  };
  return await report(run, execution, judged);
}

Deno.test("report: what the parser made of the output, and its readable account", async () => {
  const { result, summary } = await reported(endedWith({}, scan));
  assert.deepEqual(Object.keys(result.parsed!).includes("hosts"), true);
  assert.equal(result.parsed!.incomplete, null);
  assert.equal(result.metadata.parser, "nmap_xml");
  assert.deepEqual(result.metadata.limits, {
    memory_mb: 512,
    cpu_sec: 61,
    open_files: 256,
    file_size_mb: 64,
  });
  assert.match(summary!, /tcp/);
});

Deno.test("report: output that the parser cannot read leaves parsed null, and the text as it is", async () => {
  const { result, summary } = await reported(endedWith({}, "nothing that is XML"));
  assert.deepEqual([result.parsed, summary, result.stdout], [null, null, "nothing that is XML"]);
});

Deno.test("report: times are in seconds, to the millisecond", async () => {
  const { result } = await reported(endedWith({ durationMs: 1234.6 }));
  assert.deepEqual([result.execution_time_sec, result.queue_time_sec], [1.235, 1.5]);
});

const fixture = (name: string) => Deno.readTextFile(new URL(`../fixtures/outputs/${name}`, import.meta.url));
const head = await fixture("curl_ok.stdout.txt");
const transfer = await fixture("curl_ok.stderr.txt");

for (
  const [name, changes] of [
    ["cut at its cap", { bytes: { stdout: head.length + 9999, stderr: transfer.length } }],
    ["stopped", { cause: "timeout" }],
    ["ended by a signal", { code: null, signal: "SIGSEGV" }],
    ["still written to by another process", { heldOpen: true }],
    ["whole", {}],
  ] as const
) {
  Deno.test(`report: the parser is told when output is ${name}`, async () => {
    const { result } = await reported(endedWith(changes, head, transfer), success, "curl_report");
    const incomplete = name === "whole" ? null : "standard output is only the beginning";
    assert.equal(result.parsed!.incomplete, incomplete);
  });
}

Deno.test("report: of a lost run nothing is claimed that is not known", () => {
  const output = { stdout: new Uint8Array(3), stderr: new Uint8Array(2) };
  assert.deepEqual(lostEnding({ status: "lost", reason: "x", output, durationMs: 5 }), {
    code: null,
    signal: null,
    cause: null,
    bytes: { stdout: 3, stderr: 2 },
    durationMs: 5,
    heldOpen: false,
  });
});
