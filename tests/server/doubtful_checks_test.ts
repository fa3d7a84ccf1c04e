import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { configureTools } from "../../src/config/tools.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { doubtfulChecks } from "../../src/server/doubtful_checks.ts";
import type { Setup } from "../../src/server/setup.ts";
import { load } from "../support/config.ts";

/** The checks that cannot succeed, by name. */
function doubts(checks: string, more = ""): Record<string, string> {
  const file = `health: { checks: ${checks} }\n${more}`;
  const answer = load({ file });
  assert(answer.ok);
  const { config, locate } = answer;
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  const tools = configureTools(catalog.manifests, config, locate);
  assert(tools.ok);
  const { allowed_targets, denied_targets } = config.security;
  const policy = new TargetPolicy(allowed_targets, denied_targets);
  const found = doubtfulChecks({ config, tools: tools.tools, policy } as Setup);
  return Object.fromEntries(found.map(({ name, reason }) => [name, reason]));
}

Deno.test("doubtful checks: a good one, and one that depends on the machine, are not", () => {
  assert.deepEqual(
    doubts(
      "[{ name: a, tool: nmap, target: 10.0.0.5, parameters: { ports: '22' } }," +
        " { name: b, tool: nmap, target: www.lab.internal }]",
    ),
    {},
  );
});

Deno.test("doubtful checks: each mistake is told as a refusal would", () => {
  const found = doubts(
    "[{ name: target, tool: nmap, target: 192.0.2.1 }, { name: missing, tool: nmap }," +
      " { name: parameter, tool: nmap, target: 10.0.0.5, parameters: { prots: '22' } }," +
      " { name: typed, tool: nmap, target: 10.0.0.5, parameters: { ports: true } }," +
      " { name: flag, tool: nmap, target: 10.0.0.5, extra_args: '--nope' }," +
      " { name: intrusive, tool: nmap, target: 10.0.0.5, extra_args: '-A' }]",
  );
  assert.deepEqual(Object.keys(found), ["target", "missing", "parameter", "typed", "flag", "intrusive"]);
  assert.match(found.target!, /192\.0\.2\.1/);
  assert.match(found.missing!, /target is missing/);
  assert.match(found.parameter!, /prots/);
  assert.match(found.typed!, /ports/);
  assert.match(found.flag!, /--nope/);
  assert.match(found.intrusive!, /makes no intrusive runs/);
});

Deno.test("doubtful checks: a disabled tool cannot be run", () => {
  const off = doubts("[{ name: a, tool: nmap, target: 10.0.0.5 }]", "tools: { exclude: [nmap] }");
  assert.deepEqual(off, { a: "the tool nmap is disabled" });
});
