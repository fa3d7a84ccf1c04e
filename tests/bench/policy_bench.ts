/**
 * What the checks cost beside the parsing that nobody can avoid.
 *
 *     deno task bench
 *
 * @module
 */
import { loadCatalog } from "../../src/catalog/load.ts";
import { configSchema } from "../../src/config/schema.ts";
import { configureTools } from "../../src/config/tools.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { planRun } from "../../src/runs/plan.ts";

const catalog = loadCatalog([]);
if (!catalog.ok) throw new Error("the catalog cannot be loaded");
const nowhere = () => ({ file: "bench", line: null, column: null });
const configured = configureTools(catalog.manifests, configSchema.parse({}), nowhere);
if (!configured.ok) throw new Error("the catalog cannot be configured");
const nmap = configured.tools.find(({ tool }) => tool.name === "nmap")!.tool;
const policy = new TargetPolicy(["RFC1918", ".lab.internal"], []);
const body = JSON.stringify({
  target: "10.1.2.0/24",
  parameters: { ports: "22,80,8000-8100", timing: 4 },
  extra_args: "--open --max-retries 2",
});

Deno.bench({
  name: "JSON.parse of the request",
  group: "plan",
  baseline: true,
  fn: () => void JSON.parse(body),
});
Deno.bench({
  name: "and the whole plan: target, parameters, extra_args, argv",
  group: "plan",
  fn: () => {
    if (!planRun(nmap, JSON.parse(body), policy, 2048).ok) throw new Error("refused");
  },
});
