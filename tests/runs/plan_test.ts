import assert from "node:assert/strict";
import fc from "fast-check";
import { type Plan, planRun, type RunRequest } from "../../src/runs/plan.ts";
import type { Tool } from "../../src/catalog/tool.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { labPolicy, toolOf } from "../support/engine.ts";

const probe = toolOf();

function planned(request: RunRequest, tool: Tool = probe, policy = labPolicy()): Plan {
  const decision = planRun(tool, request, policy, 2048);
  assert(decision.ok, JSON.stringify(decision));
  return decision.plan;
}

function refused(request: unknown, tool: Tool = probe, policy = labPolicy()) {
  const decision = planRun(tool, request as RunRequest, policy, 2048);
  assert("refusal" in decision, `was not refused: ${JSON.stringify(decision)}`);
  assert.equal(decision.refusal.condition, "invalid");
  assert.notEqual(decision.refusal.remedy, "");
  return decision.refusal;
}

Deno.test("plan: our own arguments come first, the caller's next, the target last", () => {
  const request = { target: "10.0.0.5", parameters: { level: 3, ports: "22" }, extra_args: "-sn --rate 5" };
  assert.deepEqual(planned(request).args, ["-q", "-p", "22", "-T3", "-sn", "--rate", "5", "10.0.0.5"]);
});

Deno.test("plan: what is left out takes the manifest's values", () => {
  assert.deepEqual(planned({ target: "10.0.0.5" }), {
    args: ["-q", "10.0.0.5"],
    target: "10.0.0.5",
    timeoutMs: 60_000,
    callerShortened: false,
    intrusive: [],
  });
});

Deno.test("plan: the argument is the normalised target, the very text that was checked (D8)", () => {
  const plan = planned({ target: "10.0.0.9/28" });
  assert.equal(plan.target, "10.0.0.0/28");
  assert.equal(plan.args.at(-1), "10.0.0.0/28");
});

/** What must never become a plan, and the field that is at fault. */
const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ["an unknown field", { target: "10.0.0.5", comand: "x" }, "body"],
  ["a parameter beside parameters", { target: "10.0.0.5", ports: "22" }, "body"],
  ["no target", {}, "target"],
  ["a target that is no text", { target: 5 }, "target"],
  ["null for a target", { target: null }, "target"],
  ["a list for a target", { target: ["10.0.0.5"] }, "target"],
  ["an empty target", { target: "" }, "target"],
  ["a public address", { target: "8.8.8.8" }, "target"],
  ["a shell's words in the target", { target: "10.0.0.1; id" }, "target"],
  ["a flag as the target", { target: "-oN=x" }, "target"],
  ["a second target behind a space", { target: "10.0.0.1 8.8.8.8" }, "target"],
  ["more addresses than the tool takes", { target: "10.0.0.0/8" }, "target"],
  ["a newline in the target", { target: "10.0.0.1\n" }, "target"],
  ["an unknown parameter", { target: "10.0.0.5", parameters: { port: "22" } }, "parameters.port"],
  ["a parameter out of range", { target: "10.0.0.5", parameters: { level: 6 } }, "parameters.level"],
  ["text for a number", { target: "10.0.0.5", parameters: { level: "3" } }, "parameters.level"],
  ["a boolean for ports", { target: "10.0.0.5", parameters: { ports: true } }, "parameters.ports"],
  ["text for a boolean", { target: "10.0.0.5", parameters: { verbose: "true" } }, "parameters.verbose"],
  ["null for a parameter", { target: "10.0.0.5", parameters: { level: null } }, "parameters.level"],
  ["parameters that are a list", { target: "10.0.0.5", parameters: [] }, "parameters"],
  ["parameters that are null", { target: "10.0.0.5", parameters: null }, "parameters"],
  ["parameters that are text", { target: "10.0.0.5", parameters: "x" }, "parameters"],
  ["extra_args that are a list", { target: "10.0.0.5", extra_args: ["-sn"] }, "extra_args"],
  ["extra_args that are null", { target: "10.0.0.5", extra_args: null }, "extra_args"],
  ["a flag that is not in the grammar", { target: "10.0.0.5", extra_args: "-oN=x" }, "extra_args"],
  ["a bare word", { target: "10.0.0.5", extra_args: "8.8.8.8" }, "extra_args"],
  ["a bare word behind a flag", { target: "10.0.0.5", extra_args: "-sn 8.8.8.8" }, "extra_args"],
  ["a flag without its value", { target: "10.0.0.5", extra_args: "--rate" }, "extra_args"],
  ["a megabyte of arguments", { target: "10.0.0.5", extra_args: "-sn ".repeat(262_144) }, "extra_args"],
  ["a newline in extra_args", { target: "10.0.0.5", extra_args: "-sn\n-A" }, "extra_args"],
  ["a correlation id with a space", { target: "10.0.0.5", correlation_id: "a b" }, "correlation_id"],
  ["a correlation id with a newline", { target: "10.0.0.5", correlation_id: "a\n" }, "correlation_id"],
  [
    "a correlation id that is too long",
    { target: "10.0.0.5", correlation_id: "a".repeat(65) },
    "correlation_id",
  ],
  ["a correlation id that is no text", { target: "10.0.0.5", correlation_id: 7 }, "correlation_id"],
];

for (const [name, request, field] of REFUSED) {
  Deno.test(`plan: ${name} is refused at ${field}`, () => {
    assert.equal(refused(request).field, field);
  });
}

Deno.test("plan: an unknown field's refusal names the nearest and all that there are", () => {
  const { error, remedy } = refused({ targett: "10.0.0.5" });
  assert.equal(error, 'unknown field "targett"; did you mean "target"?');
  assert.match(remedy, /target, parameters, extra_args, timeout_sec, correlation_id/);
});

Deno.test("plan: a refused target's remedy quotes the line that would allow it", () => {
  assert.match(
    refused({ target: "8.8.8.8" }).remedy,
    /--allow-target 8\.8\.8\.8 .*allowed_targets: \[.*8\.8\.8\.8\]/,
  );
  assert.match(refused({}).remedy, /security\.allowed_targets/);
});

Deno.test("plan: with no allowed target every target is refused", () => {
  assert.equal(refused({ target: "10.0.0.5" }, probe, new TargetPolicy([], [])).field, "target");
});

for (const timeout of [0.1, 1, 59.9, 60]) {
  Deno.test(`plan: a time-out of ${timeout} s is taken (D26)`, () => {
    const plan = planned({ target: "10.0.0.5", timeout_sec: timeout });
    assert.equal(plan.timeoutMs, timeout * 1000);
    assert.equal(plan.callerShortened, timeout < 60);
  });
}

for (const timeout of [0, -1, 0.05, 60.1, 1e9, Infinity, -Infinity, NaN, "5", null, true, [5]]) {
  Deno.test(`plan: a time-out of ${JSON.stringify(timeout)} (${String(timeout)}) is refused (D26)`, () => {
    const { field, error } = refused({ target: "10.0.0.5", timeout_sec: timeout });
    assert.equal(field, "timeout_sec");
    assert.match(error, /expected a number from 0\.1 to 60/);
  });
}

Deno.test("plan: what needs leave is listed: the tool itself, parameters and flags", () => {
  assert.deepEqual(planned({ target: "10.0.0.5", extra_args: "-A" }).intrusive, ["-A"]);
  assert.deepEqual(planned({ target: "10.0.0.5" }, toolOf({ intrusive: true })).intrusive, [
    "the tool probe",
  ]);
});

Deno.test("plan: a tool without a target takes none", () => {
  const none = toolOf({ target: { kinds: ["none"] } });
  assert.deepEqual(planned({}, none).args, ["-q"]);
  assert.equal(planned({}, none).target, null);
  assert.equal(refused({ target: "10.0.0.5" }, none).error, "probe takes no target");
});

Deno.test("plan: a tool whose target is optional runs without one", () => {
  const optional = toolOf({ target: { kinds: ["host", "none"] } });
  assert.deepEqual(planned({}, optional).args, ["-q"]);
  assert.deepEqual(planned({ target: "10.0.0.5" }, optional).args, ["-q", "10.0.0.5"]);
});

/** Where a target stands in the argument list. `localhost` is the one name whose address is known beforehand. */
const PLACES = [
  ["behind a flag", { kinds: ["host"], place: { flag: "-u" } }, "10.0.0.5", ["-u", "10.0.0.5"]],
  ["in a template", { kinds: ["host"], place: { template: "@{host}" } }, "10.0.0.5", ["@10.0.0.5"]],
  [
    "behind a flag, in a template",
    { kinds: ["host_port"], place: { flag: "-connect", template: "{host}:{port}" } },
    "10.0.0.5:443",
    ["-connect", "10.0.0.5:443"],
  ],
  ["with the checked address for the name", { kinds: ["host"], pin: "address" }, "localhost", ["127.0.0.1"]],
  ["under its own name", { kinds: ["host"], pin: "none" }, "localhost", ["localhost"]],
  [
    "with the address in a flag of its own",
    { kinds: ["url"], pin: { flag: "--resolve", template: "{host}:{port}:{address}" } },
    "http://localhost:8080/x",
    ["--resolve", "localhost:8080:127.0.0.1", "http://localhost:8080/x"],
  ],
  [
    "without that flag when it is an address already",
    { kinds: ["url"], pin: { flag: "--resolve", template: "{host}:{port}:{address}" } },
    "http://127.0.0.1/",
    ["http://127.0.0.1/"],
  ],
] as const;

for (const [name, target, text, args] of PLACES) {
  Deno.test(`plan: the target stands ${name}`, () => {
    const tool = toolOf({ target: { ...target, kinds: [...target.kinds] } });
    assert.deepEqual(planned({ target: text }, tool, new TargetPolicy(["loopback", "RFC1918"], [])).args, [
      "-q",
      ...args,
    ]);
  });
}

Deno.test("plan: whatever a caller sends, it is refused or every argument is known (D3 to D6)", () => {
  const word = fc.constantFrom(
    "-sn",
    "--rate",
    "5",
    "-A",
    "-T9",
    "-oN=x",
    "8.8.8.8",
    ";id",
    "-p",
    "22",
    "--",
    '"',
  );
  fc.assert(
    fc.property(
      fc.record({
        target: fc.oneof(fc.constantFrom("10.0.0.5", "8.8.8.8", "10.0.0.1; id", "-oN=x"), fc.anything()),
        parameters: fc.oneof(
          fc.dictionary(fc.constantFrom("ports", "level", "x"), fc.anything()),
          fc.anything(),
        ),
        extra_args: fc.oneof(fc.array(word).map((words) => words.join(" ")), fc.anything()),
        timeout_sec: fc.oneof(fc.double(), fc.anything()),
      }, { requiredKeys: [] }),
      (request) => {
        const decision = planRun(probe, request, labPolicy(), 2048);
        if ("refusal" in decision) return assert.equal(decision.refusal.condition, "invalid");
        if (!decision.ok) return assert.equal(decision.need.kind, "name");
        const { args, timeoutMs, target } = decision.plan;
        assert(timeoutMs >= 100 && timeoutMs <= 60_000);
        assert.equal(args.at(-1), target);
        const known = /^(?:-q|-sn|-A|-v|-p|--rate|-T[0-5]|[0-9][0-9,-]*)$/;
        for (const word of args.slice(0, -1)) assert.match(word, known);
      },
    ),
    { numRuns: 500 },
  );
});
