import assert from "node:assert/strict";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { manualOf } from "../../src/runs/manual.ts";
import { unenforced } from "../../src/runs/unenforced.ts";
import { labPolicy, makeEngine, manifestOf, toolOf } from "../support/engine.ts";

function manual(...options: Parameters<typeof makeEngine>): string {
  return manualOf(makeEngine(...options).toolbox.get("probe")!, labPolicy(), "auto");
}

Deno.test("manual: everything that a person must know of a tool, on one page", () => {
  const tool = toolOf({
    parameters: {
      level: { type: "integer", flag: "-T", min: 0, max: 5, default: 4, description: "How hard" },
      ports: { type: "port_list", flag: "-p", required: true },
    },
    limits: { timeout_sec: 60, memory_mb: 512, processes: 9 },
    helpers: ["bash"],
  });
  assert.equal(
    manual({ tools: [tool] }),
    `probe: Probe

Probes one host.

State: available at /usr/bin/probe
Time-out: 60 s
Limits: memory 512 MiB; processor time as the time-out; open files 256; file size 64 MiB; processes 9
May execute: bash, and itself
Runs at once: 1; waiting: at most 2
Target: a host such as 10.0.0.5 or a network such as 10.0.0.0/24; allowed: RFC1918, .lab.internal; at most 16 addresses
Always given: -q

Parameters:
  level (-T); default 4
      How hard
      an integer from 0 to 5
  ports (-p); required
      ports from 1 to 65535 such as 22,80,8000-8100, at most 100 ranges

Flags of extra_args:
  -sn
      No ports
  --rate
      an integer from 1 to 10
  -A; intrusive

Declared but not enforced:
  limits.processes: 9 (only where a cgroup v2 is delegated; bulkhead doctor tells)
`,
  );
});

Deno.test("manual: the state says why a tool cannot be used", () => {
  const missing = {
    available: false,
    path: null,
    reason: "there is no program",
    remedy: "Install it.",
  } as const;
  assert.match(
    manual({ availability: { probe: missing } }),
    /^State: unavailable: there is no program\. Install it\.$/m,
  );
  assert.match(manual({ disabled: ["probe"] }), /^State: disabled by the configuration$/m);
});

Deno.test("manual: a tool without target, arguments, parameters and flags has no empty sections", () => {
  const bare = toolOf({ target: { kinds: ["none"] }, first: [], parameters: {}, flags: {} });
  const text = manual({ tools: [bare] });
  assert.match(text, /^Target: none$/m);
  assert.match(text, /^Always given: nothing$/m);
  assert.doesNotMatch(text, /Parameters|Flags|Declared|May execute/);
});

Deno.test("manual: the limits are those in effect", () => {
  const limits = { memory_mb: 64, cpu_sec: 2, open_files: 32, file_size_mb: 0, processes: 4 };
  assert.match(
    manual({ tools: [toolOf({ limits })] }),
    /^Limits: memory 64 MiB; processor time 2 s; open files 32; file size 0 MiB; processes 4$/m,
  );
});

Deno.test("manual: each mode has its own part, and how to choose one is said", () => {
  const modes = {
    one: { description: "The first", first: ["one"] },
    two: { description: "The second", flags: { "-2": {} }, intrusive: true },
  };
  const text = manual({ tools: [toolOf({ modes, parameters: {}, flags: {} })] });
  assert.match(text, /^Modes: give one of one, two as the parameter mode$/m);
  assert.match(text, /^Mode one: The first\nTarget: .*\nAlways given: -q one$/m);
  assert.match(text, /^Mode two: The second\nIntrusive: every run needs leave\n[^]*\n {2}-2$/m);
  assert.doesNotMatch(manual(), /Modes/);
});

Deno.test("manual: a long list of values is broken into lines, and nothing of it is lost", () => {
  const values = Array.from({ length: 60 }, (_, index) => `value-${index}`);
  const parameters = { kind: { type: "enum", flag: "-k", values, description: "What kind" } } as const;
  const text = manual({ tools: [toolOf({ parameters })] });
  assert.ok(text.includes(`one of ${values.join(", ")}`.slice(0, 80)));
  const lines = text.split("\n").filter((line) => line.includes("value-"));
  assert.ok(lines.length > 5 && lines.every((line) => line.length <= 100));
  assert.equal(lines.map((line) => line.trim()).join(" "), `one of ${values.join(", ")}`);
});

Deno.test("manual: the targets are those of the policy that is asked", () => {
  const entry = makeEngine().toolbox.get("probe")!;
  assert.match(manualOf(entry, new TargetPolicy([], []), "auto"), /allowed: nothing/);
});

Deno.test("unenforced: with the kernel's help only the count of processes is not, and without it every limit", () => {
  const limits = { timeout_sec: 5, memory_mb: 64, cpu_sec: 2, open_files: 32, file_size_mb: 1, processes: 4 };
  const manifest = manifestOf({ limits, helpers: ["sh"] });
  assert.deepEqual(unenforced(manifest, "basic"), [
    "limits.memory_mb: 64 (not in tier basic)",
    "limits.cpu_sec: 2 (not in tier basic)",
    "limits.open_files: 32 (not in tier basic)",
    "limits.file_size_mb: 1 (not in tier basic)",
    "limits.processes: 4 (not in tier basic)",
    "helpers: [sh] (not in tier basic)",
  ]);
  for (const tier of ["auto", "kernel"] as const) {
    assert.deepEqual(unenforced(manifest, tier), [
      "limits.processes: 4 (only where a cgroup v2 is delegated; bulkhead doctor tells)",
    ]);
  }
  for (const tier of ["auto", "basic"] as const) assert.deepEqual(unenforced(manifestOf(), tier), []);
});
