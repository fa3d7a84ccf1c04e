/**
 * What the checks of one call cost, for each built-in tool: target, parameters, extra_args and the argument list, with
 * every name and file known already. Half of that may be more than 50 µs for none of them; p75 is the column to look at.
 *
 *     deno task bench tests/bench/policy_bench.ts
 *
 * @module
 */
import { loadCatalog } from "../../src/catalog/load.ts";
import { configSchema } from "../../src/config/schema.ts";
import { configureTools } from "../../src/config/tools.ts";
import { parseAddress } from "../../src/policy/address.ts";
import type { Facts } from "../../src/policy/facts.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { planRun } from "../../src/runs/plan.ts";

const catalog = loadCatalog([]);
if (!catalog.ok) throw new Error("the catalog cannot be loaded");
const nowhere = () => ({ file: "bench", line: null, column: null });
const configured = configureTools(catalog.manifests, configSchema.parse({}), nowhere);
if (!configured.ok) throw new Error("the catalog cannot be configured");
const policy = new TargetPolicy(["RFC1918", ".lab.internal"], ["10.0.0.1"]);
const facts: Facts = {
  names: new Map([["web.lab.internal", { ok: true, addresses: [parseAddress("10.0.0.5")!] }]]),
  files: new Map([["words.txt", { ok: true, path: "/lists/words.txt", bytes: 1000, lines: 100 }]]),
  ownListener: { address: parseAddress("127.0.0.1")!, port: 8080 },
};

/** A request of each tool, with a good part of what it takes. */
const REQUESTS: Readonly<Record<string, Record<string, unknown>>> = {
  curl: {
    target: "https://web.lab.internal:8443/a?b=c",
    parameters: { head: true, user_agent: "bulkhead/1.0" },
    extra_args: "--http1.1 --header 'Accept: text/html' --header 'X-Lab: yes'",
  },
  dig: { target: "10.0.0.53", parameters: { name: "web.lab.internal", type: "MX" }, extra_args: "+dnssec" },
  gobuster: {
    target: "http://web.lab.internal/",
    parameters: { mode: "dir", wordlist: "words.txt", extensions: "php,txt", threads: 20 },
    extra_args: "-b 404,403 -H 'Host: www.lab.internal'",
  },
  masscan: {
    target: "10.1.0.0/16",
    parameters: { ports: "22,80,8000-8100", rate: 1000 },
    extra_args: "--retries 1 --seed 7",
  },
  mtr: { target: "web.lab.internal", parameters: { cycles: 10 }, extra_args: "-T -P 443" },
  nmap: {
    target: "10.1.2.0/24",
    parameters: { ports: "22,80,8000-8100", timing: 4, scripts: ["banner", "ssl-cert"] },
    extra_args: "--open --max-retries 2",
  },
  openssl: {
    target: "web.lab.internal:443",
    parameters: { server_name: "web.lab.internal" },
    extra_args: "-tls1_3 -alpn h2,http/1.1",
  },
  ping: { target: "web.lab.internal", parameters: { count: 10, interval: 0.5 }, extra_args: "-t 64" },
  ssh_keyscan: { target: "10.0.0.5", parameters: { port: 2222, types: ["rsa", "ed25519"] } },
  traceroute: { target: "10.0.0.5", parameters: { max_hops: 20 }, extra_args: "-U -p 53" },
};

for (const { tool } of configured.tools) {
  const request = REQUESTS[tool.name];
  if (request === undefined) throw new Error(`${tool.name} has no request`);
  const plan = () => planRun(tool, request, policy, 2048, facts);
  const first = plan();
  if (!first.ok) throw new Error(`${tool.name}: ${JSON.stringify(first)}`);
  Deno.bench({ name: tool.name, group: "the plan of one call", fn: () => void plan() });
}

const body = JSON.stringify(REQUESTS.nmap);
Deno.bench({
  name: "JSON.parse of nmap's request, to compare",
  group: "the plan of one call",
  baseline: true,
  fn: () => void JSON.parse(body),
});
