/** What the built-in tools that look at paths and keys may be told, and what not. */
import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { NO_MODE, resolveTool } from "../../src/catalog/tool.ts";
import { decideArguments } from "../../src/policy/grammar.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { TOOL_DEFAULTS } from "../support/engine.ts";

const catalog = loadCatalog([]);
assert(catalog.ok);
const { manifests } = catalog;

/** The arguments between the first ones and the target, or the field at fault. */
function argumentsOf(
  name: string,
  extraArgs: string,
  parameters: Record<string, unknown> = {},
): string {
  const loaded = manifests.find(({ manifest }) => manifest.name === name);
  assert(loaded !== undefined);
  const { grammar } = resolveTool(loaded, {}, TOOL_DEFAULTS).forms.get(NO_MODE)!;
  const decision = decideArguments({ parameters, extraArgs }, grammar, new TargetPolicy([], []), 2048);
  return decision.ok
    ? decision.args.join(" ")
    : `refused: ${"field" in decision ? decision.field : "not known"}`;
}

const DEFAULTS: Readonly<Record<string, string>> = {
  ping: "-c 4 -i 1 -s 56",
  traceroute: "-m 30 -q 3 -w 3",
  mtr: "-c 5 -i 1 -m 30",
  ssh_keyscan: "-p 22 -T 5",
};

for (const [name, args] of Object.entries(DEFAULTS)) {
  Deno.test(`${name}: what is said when nothing is asked for`, () => {
    assert.equal(argumentsOf(name, ""), args);
  });
}

/** What must not be said, in the spellings that the program itself would understand. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  ping: [
    ...["-f", "-b", "-A", "-R", "-a", "-q", "-v", "-d", "-r", "-B", "-C", "-L", "-U", "-D", "-h", "-V"],
    ...["-l 3", "-I lo", "-I 10.0.0.1", "-T tsonly", "-e 1", "-m 1", "-p ff", "-S 1", "-F 1", "-N help"],
    ...["-i 0.1", "-i 0", "-i 6", "-c 21", "-c 0", "-c -1", "-s 8973", "-s 65507", "-w 61", "-w 0", "-W 11"],
    ...["-t 0", "-t 256", "-M probe", "-Q 256", "-nf", "-c4", "10.0.0.9", "-- 10.0.0.9"],
  ],
  traceroute: [
    ...[
      "-T",
      "-A",
      "-e",
      "-d",
      "-r",
      "-D",
      "-UL",
      "-V",
      "--help",
      "--mtu",
      "--back",
      "--icmp",
      "--module=tcp",
    ],
    ...[
      "-g 10.0.0.1",
      "-i lo",
      "-s 10.0.0.1",
      "-M tcp",
      "-O info",
      "-P 47",
      "-l 1",
      "--sport=1",
      "--fwmark=1",
    ],
    ...["-m 65", "-m 0", "-q 6", "-q 10", "-w 11", "-w 0", "-w 5,3,10", "-N 17", "-z 2", "-z 100", "-f 0"],
    ...["-p 0", "-p 65536", "-t 256", "1400", "10.0.0.9", "-nI"],
  ],
  mtr: [
    ...[
      "-F /etc/hosts",
      "--filename=/etc/hosts",
      "-I lo",
      "-a 10.0.0.1",
      "-M 1",
      "-S",
      "-L 1",
      "-B 1",
      "-Z 1",
    ],
    ...["-y 0", "-z", "-b", "-r", "-w", "-x", "-C", "-l", "-p", "-t", "-e", "-o L", "-h", "-v", "--udp"],
    ...["-c 21", "-c 0", "-i 0.9", "-i 6", "-m 65", "-U 0", "-P 65536", "-f 0", "-s 63", "-s 1501", "-s -1"],
    ...["-G 11", "-G 0.1", "-Q 256", "10.0.0.9"],
  ],
  ssh_keyscan: [
    ...["-f /etc/passwd", "-f -", "-c", "-D", "-H", "-v", "-q", "-4", "-6", "-O hashalg=sha1"],
    ...["-t dsa", "-t rsa,dsa", "-t rsa,rsa", "-p 0", "-p 65536", "-T 0", "-T 31", "10.0.0.9", "10.0.0.0/8"],
  ],
};

for (const [name, spellings] of Object.entries(REFUSED)) {
  Deno.test(`${name}: what is not clearly safe is refused`, () => {
    for (const extra of spellings) assert.equal(argumentsOf(name, extra), "refused: extra_args", extra);
  });
}

Deno.test("what is within its bounds is passed on in one spelling", () => {
  assert.equal(
    argumentsOf("ping", "-W 0.5 -t 255 -M do -Q 46", { count: 20, interval: 0.2, size: 0, deadline: 60 }),
    "-c 20 -i 0.2 -s 0 -w 60 -W 0.5 -t 255 -M do -Q 46",
  );
  assert.equal(
    argumentsOf("traceroute", "-I -f 2 -N 16 -z 0.5 -F -t 8", { max_hops: 64, queries: 5, wait: 0.1 }),
    "-m 64 -q 5 -w 0.1 -I -f 2 -N 16 -z 0.5 -F -t 8",
  );
  assert.equal(
    argumentsOf("mtr", "-T -P 443 -f 2 -U 3 -s 1500 -G 2 -Q 8", { cycles: 20, interval: 5, max_hops: 1 }),
    "-c 20 -i 5 -m 1 -T -P 443 -f 2 -U 3 -s 1500 -G 2 -Q 8",
  );
  assert.equal(
    argumentsOf("ssh_keyscan", "", { port: 2222, types: ["rsa", "ed25519"], wait: 30 }),
    "-p 2222 -t rsa,ed25519 -T 30",
  );
});
