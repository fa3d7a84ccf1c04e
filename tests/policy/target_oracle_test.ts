/** Targets against a second reading of the rules, which shares no code with the first: accepted by both, or by none. */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/policy/address.ts";
import type { Facts, NameFact } from "../../src/policy/facts.ts";
import { type TargetKind, targetParts } from "../../src/policy/target.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { target, world } from "./oracle/generate.ts";
import { CASES, Random, tell } from "./oracle/random.ts";
import { aimAt, type World } from "./oracle/targets.ts";

/** The kinds that manifests ask for. */
const KINDS: readonly (readonly TargetKind[])[] = [
  ["host"],
  ["host", "cidr"],
  ["url"],
  ["host_port"],
  ["domain"],
  ["host", "host_port"],
  ["host", "cidr", "url", "host_port"],
];

/** What is known of a world, as the policy is told. */
function factsOf({ names, own }: World): Facts {
  const none: NameFact = { ok: false, reason: "the name has no address", remedy: "" };
  return {
    names: new Map([
      ["none.lab.internal", none],
      ...[...names].map(([name, addresses]): [string, NameFact] => [
        name,
        { ok: true, addresses: addresses.map((text) => parseAddress(text)!) },
      ]),
    ]),
    files: new Map(),
    ownListener: own && { address: parseAddress(own.address)!, port: own.port },
  };
}

const TARGETS_OF_A_WORLD = 25;

Deno.test(`${CASES} targets: what is allowed is allowed by an arithmetic model too, and the other way round (D7, D8, D9)`, () => {
  const random = new Random(1);
  let taken = 0;
  for (let count = 0; count < CASES;) {
    const surroundings = world(random);
    const policy = new TargetPolicy(surroundings.allowed, surroundings.denied);
    const facts = factsOf(surroundings);
    for (let each = 0; each < TARGETS_OF_A_WORLD; each++, count++) {
      const kinds = random.pick(KINDS);
      const text = target(random, kinds);
      const maxAddresses = random.pick([1, 16, 256, 1024, 65536]);
      const decision = policy.decide(text, { kinds, maxAddresses }, facts);
      const aim = aimAt(text, kinds, maxAddresses, surroundings);
      const about = () =>
        JSON.stringify({ count, text, kinds, maxAddresses, aim, decision, ...surroundings }, shown);
      if ("need" in decision) {
        // A name that the world does not know has no address.
        assert.equal(aim, null, about());
        continue;
      }
      assert.equal(decision.ok, aim !== null, about());
      if (!decision.ok || aim === null) continue;
      taken++;
      const { target: read } = decision;
      // A domain is asked about; no address ever stands for it.
      if (read.kind === "domain") {
        assert.equal(read.text, aim.text, about());
        continue;
      }
      const [named, pinned] = [targetParts(read, false), targetParts(read, true)];
      assert.deepEqual(
        [
          read.text,
          named.target,
          pinned.target,
          named.host,
          pinned.host,
          named.port,
          named.address,
          read.named,
        ],
        [aim.text, aim.text, aim.pinned, aim.host, aim.pinnedHost, aim.port, aim.address, aim.named],
        about(),
      );
    }
  }
  tell(`${taken} of ${CASES} targets were allowed, the same by both`);
  assert.ok(taken > CASES / 20, `only ${taken} of ${CASES} were allowed: little is proved`);
});

function shown(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value instanceof Map ? [...value] : value;
}
