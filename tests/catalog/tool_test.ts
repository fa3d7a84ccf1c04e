import assert from "node:assert/strict";
import fc from "fast-check";
import type { Manifest } from "../../src/catalog/manifest.ts";
import { NO_MODE, resolveTool, targetNeed, type ToolOverride } from "../../src/catalog/tool.ts";
import { type ManifestInput, manifestOf, TOOL_DEFAULTS } from "../support/engine.ts";

function resolve(changes: Partial<ManifestInput> = {}, override: ToolOverride = {}) {
  return resolveTool({ manifest: manifestOf(changes), file: "t.yaml" }, override, TOOL_DEFAULTS);
}

/** A manifest that says nothing of its limits. */
const SILENT = {
  limits: undefined,
  concurrency: undefined,
  max_queue: undefined,
  breaker: undefined,
} as const;
const silent = SILENT as unknown as Partial<ManifestInput>;

Deno.test("tool: where nothing is said the defaults stand", () => {
  const tool = resolve(silent);
  assert.deepEqual([tool.timeoutSec, tool.concurrency, tool.maxQueue], [300, 2, 16]);
  assert.deepEqual(tool.breaker, TOOL_DEFAULTS.breaker);
});

Deno.test("tool: the manifest stands over the defaults, an override over the manifest", () => {
  assert.deepEqual([resolve().timeoutSec, resolve().concurrency, resolve().maxQueue], [60, 1, 2]);
  const tool = resolve({}, { command: "/opt/p", limits: { timeout_sec: 7 }, concurrency: 9, max_queue: 0 });
  assert.deepEqual([tool.manifest.command, tool.timeoutSec, tool.concurrency, tool.maxQueue], [
    "/opt/p",
    7,
    9,
    0,
  ]);
});

Deno.test("tool: an override of one limit leaves the others", () => {
  const limits = { timeout_sec: 60, memory_mb: 512 };
  assert.deepEqual(resolve({ limits }, { limits: { memory_mb: 64 } }).manifest.limits, {
    timeout_sec: 60,
    memory_mb: 64,
  });
});

/** Each limit in a manifest's words and in a tool's. */
const LIMITS = {
  memory_mb: "memoryMb",
  cpu_sec: "cpuSec",
  open_files: "openFiles",
  file_size_mb: "fileSizeMb",
  processes: "processes",
} as const;

type Limits = Manifest["limits"];

/** Any part of the limits; some keys may be there and undefined. */
const someLimits = fc.record<Limits>({
  timeout_sec: fc.option(fc.integer({ min: 1, max: 600 }), { nil: undefined }),
  memory_mb: fc.option(fc.integer({ min: 16, max: 4096 }), { nil: undefined }),
  cpu_sec: fc.option(fc.integer({ min: 1, max: 600 }), { nil: undefined }),
  open_files: fc.option(fc.integer({ min: 8, max: 4096 }), { nil: undefined }),
  file_size_mb: fc.option(fc.integer({ min: 0, max: 4096 }), { nil: undefined }),
  processes: fc.option(fc.integer({ min: 1, max: 4096 }), { nil: undefined }),
}, { requiredKeys: [] });

Deno.test("tool: each limit is the override's, else the manifest's, else the default, whatever the others are", () => {
  fc.assert(fc.property(someLimits, someLimits, (declared, override) => {
    const tool = resolve({ limits: declared }, { limits: override });
    const expected = override.timeout_sec ?? declared.timeout_sec ?? TOOL_DEFAULTS.timeoutSec;
    assert.equal(tool.timeoutSec, expected);
    assert.equal(Object.keys(tool.limits).length, Object.keys(LIMITS).length);
    for (const [key, name] of Object.entries(LIMITS)) {
      const [over, own] = [override, declared].map((limits) => limits[key as keyof typeof LIMITS]);
      assert.equal(tool.limits[name], over ?? own ?? TOOL_DEFAULTS.limits[name], key);
    }
  }));
});

Deno.test("tool: a key that is there but undefined hides nothing", () => {
  const override = { breaker: { failure_threshold: undefined } } as unknown as ToolOverride;
  assert.equal(resolve({}, override).breaker.failure_threshold, 2);
});

Deno.test("tool: whoever lengthens the recovery time alone means its maximum to follow", () => {
  assert.equal(resolve({ breaker: { recovery_timeout_sec: 900 } }).breaker.max_recovery_timeout_sec, 900);
  assert.equal(resolve({ breaker: { recovery_timeout_sec: 10 } }).breaker.max_recovery_timeout_sec, 300);
});

Deno.test("tool: the grammar has each parameter and each flag, with what is declared of it", () => {
  const { parameters, flags } = resolve({
    parameters: {
      level: { type: "integer", flag: "-T", join: true, min: 0, max: 5, default: 4, intrusive: true },
    },
    flags: { "-x": { value: { type: "boolean" }, repeat: true }, "-y": {} },
  }).forms.get(NO_MODE)!.grammar;
  const { value, ...level } = parameters.get("level")!;
  assert.deepEqual(level, {
    flag: "-T",
    join: true,
    repeat: false,
    required: false,
    intrusive: true,
    default: 4,
  });
  assert.deepEqual([value.type, "max" in value && value.max], ["integer", 5]);
  assert.deepEqual([...flags], [
    ["-x", { join: false, repeat: true, intrusive: false, value: { type: "boolean" } }],
    ["-y", { join: false, repeat: false, intrusive: false }],
  ]);
});

for (
  const [kinds, need] of [
    [["host"], "required"],
    [["host", "url"], "required"],
    [["none"], "none"],
    [["none", "host"], "optional"],
  ] as const
) {
  Deno.test(`tool: with the kinds ${kinds.join(", ")} a target is ${need}`, () => {
    assert.equal(targetNeed(manifestOf({ target: { kinds: [...kinds] } })), need);
  });
}
