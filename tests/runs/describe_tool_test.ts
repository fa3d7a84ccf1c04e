import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { resolveTool } from "../../src/catalog/tool.ts";
import { runResultSchema } from "../../src/core/result.ts";
import { NOTHING_KNOWN, withFile } from "../../src/policy/facts.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import {
  describeTool,
  outputSchema,
  requestFromArguments,
  toolInformation,
} from "../../src/runs/describe_tool.ts";
import { planRun } from "../../src/runs/plan.ts";
import { labPolicy, makeEngine, TOOL_DEFAULTS, toolOf } from "../support/engine.ts";
import { schemaMistake } from "../support/json_schema.ts";

const probe = toolOf();

Deno.test("describe: the description ends with the targets that are allowed now", () => {
  const policy = new TargetPolicy(["10.1.0.0/16"], ["10.1.0.1"]);
  assert.equal(
    describeTool(probe, policy).description,
    "Probes one host. Allowed targets: 10.1.0.0/16; never 10.1.0.1.",
  );
});

Deno.test("describe: a tool without a target speaks of none and takes none", () => {
  const { description, inputSchema } = describeTool(toolOf({ target: { kinds: ["none"] } }), labPolicy());
  assert.equal(description, "Probes one host.");
  assert.equal("target" in (inputSchema.properties as object), false);
  assert.deepEqual(inputSchema.required, []);
});

Deno.test("describe: the input schema has the tool's parameters beside the ones that every tool has", () => {
  const tool = toolOf({
    parameters: {
      level: { type: "integer", flag: "-T", min: 0, max: 5, default: 4, description: "How hard" },
      os: { type: "boolean", flag: "-O", intrusive: true },
    },
  });
  const { inputSchema } = describeTool(tool, labPolicy());
  assert.deepEqual(Object.keys(inputSchema.properties as object), [
    "target",
    "level",
    "os",
    "extra_args",
    "timeout_sec",
    "correlation_id",
  ]);
  const { level, os, timeout_sec } = inputSchema.properties as Record<string, Record<string, unknown>>;
  assert.deepEqual(level, {
    type: "integer",
    minimum: 0,
    maximum: 5,
    description: "How hard",
    default: 4,
  });
  assert.match(String(os!.description), /^true or false\. Intrusive: needs leave$/);
  assert.deepEqual([timeout_sec!.minimum, timeout_sec!.maximum, timeout_sec!.default], [0.1, 60, 60]);
  assert.equal(inputSchema.additionalProperties, false);
});

Deno.test("describe: required parameters and a required target are in the list of required", () => {
  const tool = toolOf({ parameters: { ports: { type: "port_list", flag: "-p", required: true } } });
  assert.deepEqual(describeTool(tool, labPolicy()).inputSchema.required, ["target", "ports"]);
});

Deno.test("describe: the description of extra_args lists each flag with its value", () => {
  const { inputSchema } = describeTool(probe, labPolicy());
  const { extra_args } = inputSchema.properties as Record<string, { description: string }>;
  assert.equal(
    extra_args!.description,
    "Further flags in one line, nothing else is taken. -sn: No ports. --rate <1 to 10>. " +
      "-A: intrusive: needs leave",
  );
});

Deno.test("describe: annotations are those that the manifest gives, and no others", () => {
  const tool = toolOf({ annotations: { read_only: true, open_world: false } });
  assert.deepEqual(describeTool(tool, labPolicy()).annotations, {
    title: "Probe",
    readOnlyHint: true,
    openWorldHint: false,
  });
});

Deno.test("describe: flat arguments become a request: common fields apart, all else a parameter", () => {
  const args = { target: "10.0.0.5", level: 1, extra_args: "-sn", timeout_sec: 3, correlation_id: "a", x: 2 };
  assert.deepEqual(requestFromArguments(args), {
    target: "10.0.0.5",
    extra_args: "-sn",
    timeout_sec: 3,
    correlation_id: "a",
    parameters: { level: 1, x: 2 },
  });
});

for (const name of ["__proto__", "constructor", "parameters", "toString"]) {
  Deno.test(`describe: an argument called ${name} is an unknown parameter, whatever it holds`, () => {
    const args = JSON.parse(`{"target": "10.0.0.5", "${name}": {"level": 3}}`);
    const decision = planRun(probe, requestFromArguments(args), labPolicy(), 2048);
    assert.equal("refusal" in decision && decision.refusal.field, `parameters.${name}`);
  });
}

Deno.test("describe: arguments that the input schema takes make a plan, and the schema's bounds are the plan's", () => {
  const { inputSchema } = describeTool(probe, labPolicy());
  const cases: readonly (readonly [Record<string, unknown>, boolean])[] = [
    [{ target: "10.0.0.5" }, true],
    [{ target: "10.0.0.5", ports: "22,80-90", level: 5, verbose: true, timeout_sec: 60 }, true],
    [{}, false],
    [{ target: "10.0.0.5", level: 6 }, false],
    [{ target: "10.0.0.5", timeout_sec: 61 }, false],
    [{ target: "10.0.0.5", correlation_id: "a b" }, false],
    [{ target: "10.0.0.5", nope: 1 }, false],
    [{ target: "10.0.0.5", verbose: "yes" }, false],
  ];
  for (const [args, good] of cases) {
    assert.equal(schemaMistake(inputSchema, args) === null, good, JSON.stringify(args));
    assert.equal(
      planRun(probe, requestFromArguments(args), labPolicy(), 2048).ok,
      good,
      JSON.stringify(args),
    );
  }
});

/** The least that a tool takes, where that is not an address alone. */
const LEAST: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  curl: { target: "http://10.0.0.5/" },
  dig: { target: "10.0.0.53", name: "web.lab.internal" },
  gobuster: { mode: "dir", target: "http://10.0.0.5/", wordlist: "common.txt" },
  openssl: { target: "10.0.0.5:443" },
};

Deno.test("describe: what a model is given of all built-in tools together stays small", () => {
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  const all = catalog.manifests.map((loaded) =>
    describeTool(resolveTool(loaded, {}, TOOL_DEFAULTS), labPolicy())
  );
  for (const { name, description } of all) assert.ok(description.length <= 300, name);
  // About seven thousand tokens.
  const characters = JSON.stringify(all).length;
  assert.ok(characters < 25_000, String(characters));
});

Deno.test("describe: every built-in tool has schemas that a client can compile", async () => {
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  for (const loaded of catalog.manifests) {
    const tool = resolveTool(loaded, {}, TOOL_DEFAULTS);
    const { inputSchema, description } = describeTool(tool, labPolicy());
    assert.equal(schemaMistake(inputSchema, LEAST[tool.name] ?? { target: "10.0.0.5" }), null, tool.name);
    assert.notEqual(schemaMistake(inputSchema, {}), null, tool.name);
    assert.notEqual(schemaMistake(await outputSchema(tool), {}), null, tool.name);
    assert.match(description, /Allowed targets: RFC1918, \.lab\.internal\.$/);
  }
});

/** Arguments of each mode of gobuster, the only built-in tool that has any. */
const MODES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  dir: { target: "http://10.0.0.5/", wordlist: "words.txt" },
  dns: { target: "www.lab.internal", wordlist: "words.txt", resolver: "10.0.0.53" },
  vhost: { target: "http://10.0.0.5/", wordlist: "words.txt" },
};

Deno.test("describe: a client that fills in the schema's defaults is not refused for them, in whichever mode", () => {
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  const words = { ok: true, path: "/lists/words.txt", bytes: 1, lines: 1 } as const;
  const facts = withFile(NOTHING_KNOWN, "words.txt", words);
  for (const loaded of catalog.manifests) {
    const tool = resolveTool(loaded, {}, TOOL_DEFAULTS);
    const { inputSchema } = describeTool(tool, labPolicy());
    const properties = Object.entries(inputSchema.properties as Record<string, { default?: unknown }>);
    const defaults = Object.fromEntries(
      properties.flatMap(([name, { default: value }]) => value === undefined ? [] : [[name, value]]),
    );
    const least = tool.name === "gobuster"
      ? Object.entries(MODES).map(([mode, args]) => ({ mode, ...args }))
      : [LEAST[tool.name] ?? { target: "10.0.0.5" }];
    for (const args of least) {
      const request = requestFromArguments({ ...defaults, ...args });
      const decision = planRun(tool, request, labPolicy(), 2048, facts);
      assert.ok(decision.ok, `${tool.name}: ${JSON.stringify(decision)}`);
      // They say what happens without them.
      const plain = planRun(tool, requestFromArguments(args), labPolicy(), 2048, facts);
      assert.ok(plain.ok);
      assert.deepEqual([...decision.plan.args].sort(), [...plain.plan.args].sort());
    }
  }
});

Deno.test("information: the catalog's entry of a tool", () => {
  const engine = makeEngine();
  const information = toolInformation(engine.toolbox.get("probe")!, engine.policy);
  const { description, annotations, input_schema, ...rest } = information;
  const told = describeTool(probe, engine.policy);
  assert.deepEqual([description, annotations, input_schema], [
    told.description,
    told.annotations,
    told.inputSchema,
  ]);
  assert.deepEqual(rest, {
    name: "probe",
    title: "Probe",
    enabled: true,
    available: true,
    offered: true,
    command: "probe",
    path: "/usr/bin/probe",
    why_not: null,
    remedy: null,
    declared_in: "probe.yaml",
    target_kinds: ["host", "cidr"],
    max_addresses: 16,
    modes: [],
    timeout_sec: 60,
    concurrency: 1,
    max_queue: 2,
    limits: { memory_mb: 512, cpu_sec: null, open_files: 256, file_size_mb: 64, processes: null },
    intrusive: false,
    circuit_breaker: {
      state: "closed",
      forced: false,
      retry_after_sec: 0,
      settings: {
        failure_threshold: 2,
        recovery_timeout_sec: 10,
        success_threshold: 1,
        timeout_multiplier: 1.5,
        max_recovery_timeout_sec: 300,
        jitter: 0,
      },
      consecutive_failures: 0,
      calls: 0,
      successes: 0,
      failures: 0,
      excluded: 0,
      rejections: 0,
      failure_reasons: {},
      transitions: 0,
      recent_transitions: [],
    },
    running: 0,
    queued: 0,
  });
});

Deno.test("information: why a tool is not offered, and the remedy", () => {
  const missing = { available: false, path: null, reason: "no program", remedy: "Install it." } as const;
  const of = (options: Parameters<typeof makeEngine>[0], death: string | null = null) => {
    const engine = makeEngine(options);
    engine.executor.death = death;
    const told = toolInformation(engine.toolbox.get("probe")!, engine.policy);
    return [told.enabled, told.available, told.offered, told.why_not, told.remedy];
  };
  assert.deepEqual(of({ availability: { probe: missing } }), [
    true,
    false,
    false,
    "no program",
    "Install it.",
  ]);
  assert.deepEqual(of({ disabled: ["probe"] }), [
    false,
    true,
    false,
    "it is disabled by the configuration",
    "A person may enable it with tools.include and tools.exclude.",
  ]);
  assert.deepEqual(of({}, "it died"), [
    true,
    false,
    false,
    "it died",
    "Send SIGHUP to the server, which makes its compartment anew, or restart it.",
  ]);
});

Deno.test("information: what became of a tool's calls, with times that a person can read", () => {
  const engine = makeEngine();
  engine.clock.advance(2500);
  const { breaker } = engine.toolbox.get("probe")!;
  for (const _ of [1, 2]) {
    const admission = breaker.admit();
    assert(admission.ok);
    admission.ticket.record("failure", "timeout");
  }
  breaker.precheck();
  const { circuit_breaker: told } = toolInformation(engine.toolbox.get("probe")!, engine.policy);
  const { state, retry_after_sec, failures, rejections, failure_reasons, recent_transitions } =
    told as Record<string, unknown>;
  assert.deepEqual({ state, retry_after_sec, failures, rejections, failure_reasons, recent_transitions }, {
    state: "open",
    retry_after_sec: 10,
    failures: 2,
    rejections: 1,
    failure_reasons: { timeout: 2 },
    recent_transitions: [{ at: "2026-01-01T00:00:02.500Z", from: "closed", to: "open", cause: "failure" }],
  });
});

Deno.test("information: who switched a tool off decides how it is switched on again", () => {
  const engine = makeEngine();
  engine.registry.setEnabled("probe", false);
  const { why_not, remedy } = toolInformation(engine.toolbox.get("probe")!, engine.policy);
  assert.deepEqual([why_not, remedy], [
    "it was switched off",
    "A person may switch it on again: POST /tools/probe/enable.",
  ]);
});

Deno.test("output schema: the fields of a result need no words; those of a parser have theirs", async () => {
  const plain = JSON.stringify(await outputSchema(toolOf()));
  assert.doesNotMatch(plain, /"description"/);
  const { anyOf: [result] } = await outputSchema(toolOf()) as { anyOf: [{ required: string[] }] };
  assert.deepEqual(result.required, Object.keys(runResultSchema.shape));
});
