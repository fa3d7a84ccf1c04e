import assert from "node:assert/strict";
import fc from "fast-check";
import { parseDocument } from "../../src/documents/parse_document.ts";
import { configSchema } from "../../src/config/schema.ts";
import { parseAddress } from "../../src/policy/address.ts";
import { type Facts, NOTHING_KNOWN, withName } from "../../src/policy/facts.ts";
import { targetParts } from "../../src/policy/target.ts";
import { type TargetDecision, TargetPolicy, type TargetRequirement } from "../../src/policy/target_policy.ts";
import { cidr4, dotted, holds, liesWithin, numberOf } from "./support.ts";

const ANY: TargetRequirement = {
  kinds: ["host", "cidr", "url", "host_port"],
  maxAddresses: 2 ** 128,
};

/** What the configuration allows when nobody said anything. */
const DEFAULT = configSchema.parse({}).security.allowed_targets;

Deno.test("by default, RFC 1918 is allowed from end to end", () => {
  const policy = new TargetPolicy(DEFAULT, []);
  for (
    const address of [
      "10.0.0.0",
      "10.255.255.255",
      "172.16.0.0",
      "172.31.255.255",
      "192.168.0.0",
      "192.168.255.255",
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
      "::ffff:10.0.0.1",
    ]
  ) assert.ok(policy.decide(address, ANY).ok, address);
});

/** RFC1918 means three networks: neither what else is called private, nor the neighbours (D7). */
const NOT_PRIVATE = [
  "127.0.0.1",
  "0.0.0.0",
  "169.254.169.254",
  "192.0.2.1",
  "198.18.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "100.64.0.1",
  "224.0.0.1",
  "8.8.8.8",
  "9.255.255.255",
  "11.0.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.255.255",
  "192.169.0.0",
  "10.0.0.0/7",
  "172.16.0.0/11",
  "192.168.0.0/15",
  "0.0.0.0/0",
  "::1",
  "::",
  "fd00::1",
  "fe80::1",
  "::10.0.0.1",
  "64:ff9b::10.0.0.1",
  "2002:a00:1::1",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "localhost",
  "http://localhost/",
  "http://8.8.8.8/",
  "[::1]:443",
];

for (const target of NOT_PRIVATE) {
  Deno.test(`by default, ${target} is refused (D7)`, () => {
    assert.match(refused(new TargetPolicy(DEFAULT, []), target).error, /is not allowed/);
  });
}

Deno.test("nothing is allowed where nothing is said", () => {
  for (const target of ["10.0.0.1", "127.0.0.1", "localhost", "::1", "lab.internal"]) {
    assert.ok(!new TargetPolicy([], []).decide(target, ANY).ok, target);
  }
});

/** A denied entry wins over every allowed one, in every form of the target. */
const DENIED: readonly [string, readonly string[], readonly string[], string][] = [
  ["an address in an allowed network", ["10.0.0.0/8"], ["10.0.0.1"], "10.0.0.1"],
  ["the same entry on both sides", ["10.0.0.1"], ["10.0.0.1"], "10.0.0.1"],
  ["a narrower allowed entry", ["10.0.0.1"], ["10.0.0.0/8"], "10.0.0.1"],
  ["a network that holds a denied address", ["10.0.0.0/8"], ["10.0.0.77"], "10.0.0.0/24"],
  ["a URL", ["10.0.0.0/8"], ["10.0.0.1"], "http://10.0.0.1:8080/x"],
  ["a host and port", ["10.0.0.0/8"], ["10.0.0.1"], "10.0.0.1:443"],
  ["the IPv4-mapped form", ["10.0.0.0/8"], ["10.0.0.1"], "::ffff:10.0.0.1"],
  ["an entry in the IPv4-mapped form", ["10.0.0.0/8"], ["::ffff:10.0.0.1"], "10.0.0.1"],
  ["localhost, by its address", ["loopback"], ["127.0.0.1"], "localhost"],
  ["localhost, by its name", ["loopback"], ["localhost"], "http://LOCALHOST./"],
  ["the address of localhost, by its name", ["loopback"], ["localhost"], "127.0.0.1"],
  ["the IPv6 address of localhost, by its name", ["loopback"], ["localhost"], "::1"],
  ["a name", [".lab.internal"], ["web.lab.internal"], "web.lab.internal"],
  ["a name, by its suffix", ["web.lab.internal"], [".lab.internal"], "Web.Lab.Internal."],
  ["a guarded address, although it is allowed", ["169.254.169.254"], ["169.254.0.0/16"], "169.254.169.254"],
];

for (const [what, allowed, denied, target] of DENIED) {
  Deno.test(`denied wins: ${what}`, () => {
    const { error } = refused(new TargetPolicy(allowed, denied), target);
    assert.match(error, new RegExp(` is denied by ${denied[0]!.replaceAll(".", "\\.")}$`));
  });
}

Deno.test("a denied entry leaves its neighbours alone", () => {
  const policy = new TargetPolicy(["10.0.0.0/24"], ["10.0.0.128/25"]);
  assert.ok(policy.decide("10.0.0.127", ANY).ok);
  assert.ok(policy.decide("10.0.0.0/25", ANY).ok);
  assert.ok(!policy.decide("10.0.0.128", ANY).ok);
});

/** What no general entry opens, the entry that does not open it, and the one that does. */
const GUARDED: readonly [string, string, string][] = [
  ["0.0.0.0", "0.0.0.0/0", "0.0.0.0/8"],
  ["0.1.2.3", "0.0.0.0/7", "0.1.2.3"],
  ["169.254.0.1", "0.0.0.0/0", "169.254.0.0/16"],
  ["169.254.169.254", "169.254.0.0/16", "169.254.169.254"],
  ["169.254.169.254", "169.254.169.254/31", "169.254.169.254/32"],
  ["169.254.170.2", "169.254.0.0/16", "169.254.170.2"],
  ["169.254.170.23", "169.254.0.0/16", "169.254.170.23"],
  ["169.254.42.42", "169.254.0.0/16", "169.254.42.42"],
  ["100.100.100.200", "100.64.0.0/10", "100.100.100.200"],
  ["168.63.129.16", "168.63.129.0/24", "168.63.129.16"],
  ["192.0.0.192", "192.0.0.0/24", "192.0.0.192"],
  ["224.0.0.251", "0.0.0.0/0", "224.0.0.0/24"],
  ["239.255.255.255", "128.0.0.0/1", "224.0.0.0/4"],
  ["255.255.255.255", "240.0.0.0/4", "255.255.255.255"],
  ["::", "::/0", "::"],
  ["fe80::1", "::/0", "fe80::/64"],
  ["ff02::1", "::/0", "ff00::/8"],
  ["fd00:ec2::254", "ULA", "fd00:ec2::254"],
  ["fd00:ec2::23", "ULA", "fd00:ec2::23"],
  ["fd00:42::42", "ULA", "fd00:42::42"],
  ["fd20:ce::254", "fd00::/8", "fd20:ce::254"],
  ["::ffff:169.254.169.254", "0.0.0.0/0", "169.254.169.254"],
];

for (const [target, general, exact] of GUARDED) {
  Deno.test(`${target} is guarded: ${general} does not open it, ${exact} does`, () => {
    const { error } = refused(new TargetPolicy([general], []), target);
    assert.match(error, /is not allowed: it reaches .*, which only an entry of its own allows$/);
    assert.ok(new TargetPolicy([exact], []).decide(target, ANY).ok);
    assert.ok(new TargetPolicy([general, exact], []).decide(target, ANY).ok);
  });
}

Deno.test("a network is refused for one guarded address within it", () => {
  const policy = new TargetPolicy(["0.0.0.0/0"], []);
  assert.match(refused(policy, "100.100.100.0/24").error, /a cloud's metadata service/);
  assert.ok(policy.decide("100.100.101.0/24", ANY).ok);
});

Deno.test("a general entry still opens what lies around a guarded range", () => {
  const policy = new TargetPolicy(["0.0.0.0/0"], []);
  for (const address of ["1.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255", "240.0.0.0"]) {
    assert.ok(policy.decide(address, ANY).ok, address);
  }
});

Deno.test("the metadata service is named as such, not as link-local", () => {
  assert.match(refused(new TargetPolicy(DEFAULT, []), "169.254.169.254").error, /metadata/);
  assert.match(refused(new TargetPolicy(DEFAULT, []), "169.254.1.1").error, /link-local/);
});

Deno.test("a network is allowed when several entries together cover it", () => {
  const policy = new TargetPolicy(["10.0.0.0/25", "10.0.0.128/26", "10.0.0.192/26"], []);
  assert.ok(policy.decide("10.0.0.0/24", ANY).ok);
  assert.ok(!policy.decide("10.0.0.0/23", ANY).ok);
});

Deno.test("a tool takes as many addresses as it says, and leave does not change that", () => {
  const requirement = { kinds: ["cidr"], maxAddresses: 256 } as const;
  for (const allowed of [["RFC1918"], []]) {
    const decision = new TargetPolicy(allowed, []).decide("10.0.0.0/23", requirement);
    assert.ok("error" in decision);
    assert.match(decision.error, /stands for 512 addresses; this tool takes at most 256 addresses$/);
    assert.doesNotMatch(decision.remedy, /allow/);
  }
  assert.ok(new TargetPolicy(["RFC1918"], []).decide("10.0.0.0/24", requirement).ok);
  const one = new TargetPolicy(["ULA"], []).decide("fd00::/127", { kinds: ["cidr"], maxAddresses: 1 });
  assert.match("error" in one ? one.error : "", /at most 1 address$/);
});

Deno.test("a name that is allowed is asked for, and only that", () => {
  const policy = new TargetPolicy([".lab.internal", "printer"], ["db.lab.internal"]);
  for (
    const [target, name] of [
      ["web.lab.internal", "web.lab.internal"],
      ["A.B.Lab.Internal.", "a.b.lab.internal"],
      ["http://web.lab.internal/", "web.lab.internal"],
      ["printer:631", "printer"],
    ] as const
  ) assert.deepEqual(policy.decide(target, ANY), { ok: false, need: { kind: "name", name } });
  assert.match(refused(policy, "db.lab.internal").error, /is denied by db\.lab\.internal$/);
  for (const name of ["lab.internal", "notlab.internal", "web.lab.internal.evil.example", "localhost"]) {
    assert.match(refused(policy, name).error, /is outside the allowed targets/);
  }
});

/** What is known when `name` has these addresses. */
function known(name: string, ...addresses: readonly string[]): Facts {
  return withName(NOTHING_KNOWN, name, { ok: true, addresses: addresses.map((text) => parseAddress(text)!) });
}

Deno.test("a name is allowed when all of its addresses are; the first of IPv4 stands for it (D9)", () => {
  const policy = new TargetPolicy([...DEFAULT, "ULA"], []);
  for (
    const [addresses, used] of [
      [["10.0.0.5"], "10.0.0.5"],
      [["fd00::5", "10.0.0.5", "10.0.0.6"], "10.0.0.5"],
      [["fd00::5", "fd00::6"], "fd00::5"],
    ] as const
  ) {
    const decision = policy.decide(
      "http://web.lab.internal:8080/x",
      ANY,
      known("web.lab.internal", ...addresses),
    );
    assert.ok(decision.ok, "error" in decision ? decision.error : "");
    assert.equal(decision.target.text, "http://web.lab.internal:8080/x");
    assert.equal(targetParts(decision.target, true).address, used);
  }
});

Deno.test("a name is refused for any one address outside, denied or guarded, and told which (D9)", () => {
  const policy = new TargetPolicy(DEFAULT, ["10.9.0.0/16"]);
  for (
    const [address, error] of [
      ["8.8.8.8", /resolves to 8\.8\.8\.8 and is not allowed: 8\.8\.8\.8 is outside the allowed targets/],
      ["127.0.0.1", /resolves to 127\.0\.0\.1 and is not allowed/],
      ["10.9.1.1", /resolves to 10\.9\.1\.1 and is denied by 10\.9\.0\.0\/16$/],
      ["169.254.169.254", /is not allowed: it reaches a cloud's metadata service/],
    ] as const
  ) {
    for (const all of [[address, "10.0.0.5"], ["10.0.0.5", address]]) {
      const facts = known("web.lab.internal", ...all);
      assert.match(refused(policy, "web.lab.internal", facts).error, error);
    }
  }
  const { remedy } = refused(policy, "web.lab.internal", known("web.lab.internal", "8.8.8.8"));
  assert.match(remedy, /--allow-target 8\.8\.8\.8 or /);
});

Deno.test("a name that has no address is refused with the resolver's reason", () => {
  const fact = { ok: false, reason: "the name has no address", remedy: "Check its spelling." } as const;
  const facts = withName(NOTHING_KNOWN, "web.lab.internal", fact);
  const { error, remedy } = refused(new TargetPolicy(DEFAULT, []), "web.lab.internal", facts);
  assert.equal(error, 'target "web.lab.internal": the name has no address');
  assert.equal(remedy, "Check its spelling.");
});

Deno.test("the server's own listener is refused in every spelling, its address with another port is not", () => {
  const policy = new TargetPolicy(["loopback", ...DEFAULT], []);
  const ownListener = { address: parseAddress("127.0.0.1")!, port: 8080 };
  const facts = { ...known("me.lab.internal", "127.0.0.1"), ownListener };
  for (
    const target of [
      "127.0.0.1:8080",
      "localhost:8080",
      "http://127.0.0.1:8080/",
      "http://LOCALHOST.:8080/runs",
      "http://[::ffff:127.0.0.1]:8080/",
      "me.lab.internal:8080",
    ]
  ) assert.match(refused(policy, target, facts).error, /is this server's own listener/);
  for (const target of ["127.0.0.1:8081", "127.0.0.2:8080", "http://127.0.0.1/", "127.0.0.1"]) {
    assert.ok(policy.decide(target, ANY, facts).ok, target);
  }
});

Deno.test("localhost needs an entry that has its name; its address alone does not give it", () => {
  for (const entry of ["loopback", "localhost"]) {
    const decision = new TargetPolicy([entry], []).decide("http://LocalHost./x", ANY);
    assert.ok(decision.ok);
    assert.equal(decision.target.text, "http://localhost/x");
  }
  assert.ok(!new TargetPolicy(["127.0.0.0/8"], []).decide("localhost", ANY).ok);
});

Deno.test("a target that cannot be read is refused with what is allowed", () => {
  const decision = refused(new TargetPolicy(["RFC1918"], ["10.0.0.1"]), "10.1");
  assert.match(decision.error, /^Cannot parse target "10\.1"/);
  assert.equal(decision.remedy, "Give a target that is allowed: RFC1918; never 10.0.0.1.");
});

Deno.test("what is allowed is described in the configuration's own words", () => {
  assert.equal(new TargetPolicy(["RFC1918", ".Lab"], []).describe(), "RFC1918, .Lab");
  assert.equal(
    new TargetPolicy(["ULA"], ["fd00::1", "fd00::2"]).describe(),
    "ULA; never fd00::1, fd00::2",
  );
  assert.equal(new TargetPolicy([], []).describe(), "nothing");
});

Deno.test("an entry that means nothing is an error, on either side", () => {
  assert.throws(() => new TargetPolicy(["10.0.0.5/24"], []), RangeError);
  assert.throws(() => new TargetPolicy([], ["*"]), RangeError);
});

/** The guarded ranges, said once more. */
const GUARDS = [
  "0.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "255.255.255.255/32",
  "169.254.169.254/32",
  "169.254.170.2/32",
  "169.254.170.23/32",
  "169.254.42.42/32",
  "100.100.100.200/32",
  "168.63.129.16/32",
  "192.0.0.192/32",
];

/** IPv4 addresses near an edge of something, more than anywhere else. */
const edgy = fc.oneof(
  fc.tuple(
    fc.constantFrom("10.0.0.0", "10.0.0.16", "127.0.0.1", "8.8.8.8", ...GUARDS.map((g) => g.split("/")[0]!)),
    fc.integer({ min: -2, max: 2 }),
  ).map(([address, step]) => dotted((numberOf(address) + step) >>> 0)),
  fc.nat(0xffffffff).map(dotted),
);
const edgyCidr = fc.tuple(edgy, fc.oneof(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 26, max: 32 })))
  .map(([address, prefix]) => cidr4(numberOf(address), prefix));
const entries = fc.array(fc.oneof(edgy, edgyCidr), { maxLength: 4 });

Deno.test("an address is allowed exactly when an entry opens it and none denies it", () => {
  fc.assert(
    fc.property(entries, entries, edgy, (allowed, denied, address) => {
      assert.equal(
        new TargetPolicy(allowed, denied).decide(address, ANY).ok,
        mayReach(allowed, denied, address),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a network is allowed exactly when each of its addresses is", () => {
  const small = fc.tuple(edgy, fc.integer({ min: 28, max: 32 }))
    .map(([address, prefix]) => cidr4(numberOf(address), prefix));
  fc.assert(fc.property(entries, entries, small, (allowed, denied, network) => {
    const [base, prefix] = network.split("/") as [string, string];
    const all = Array.from({ length: 2 ** (32 - Number(prefix)) }, (_, i) => dotted(numberOf(base) + i));
    assert.equal(
      new TargetPolicy(allowed, denied).decide(network, ANY).ok,
      all.every((address) => mayReach(allowed, denied, address)),
    );
  }));
});

/** The contract for one IPv4 address, in the words of the documentation. */
function mayReach(allowed: readonly string[], denied: readonly string[], address: string): boolean {
  const around = GUARDS.filter((guard) => holds(guard, address));
  return !denied.some((entry) => holds(entry, address)) &&
    allowed.some((entry) =>
      holds(entry, address) && around.every((guard) => liesWithin(withPrefix(entry), guard))
    );
}

function withPrefix(entry: string): string {
  return entry.includes("/") ? entry : `${entry}/32`;
}

const anyEntry = fc.oneof(
  edgy,
  edgyCidr,
  fc.constantFrom(
    "RFC1918",
    "ULA",
    "loopback",
    "localhost",
    "::/0",
    "fd00::/8",
    "fe80::/10",
    "::1",
    ".lab.internal",
    "web.lab.internal",
    // Names that are no strings in YAML when they stand without quotation marks.
    "true",
    "null",
    "1e5",
    "1.e5",
    "0o17",
    ".inf",
    ".nan",
  ),
);

const anyTarget = fc.oneof(
  edgy,
  edgyCidr,
  edgy.map((address) => `http://${address}:8080/x`),
  edgy.map((address) => `${address}:443`),
  fc.constantFrom(
    "localhost",
    "http://localhost/",
    "localhost:1",
    "::1",
    "::",
    "::/0",
    "::ffff:8.8.8.8",
    "fd00:ec2::254",
    "fd00:ec2::/64",
    "fe80::/9",
    "[fe80::1]:443",
    "http://[ff02::1]/",
    "0.0.0.0/0",
    "10.0.0.5/8",
  ),
);

/** A refusal's quoted YAML line, read as the configuration is. */
function quotedSecurity(remedy: string): { allowed_targets?: string[]; denied_targets?: string[] } {
  const line = / configuration: (security: \{ .* \})$/.exec(remedy);
  assert.ok(line, remedy);
  const document = parseDocument(line[1]!, "quoted.yaml");
  assert.ok(document.ok, remedy);
  const checked = configSchema.safeParse(document.value);
  assert.ok(checked.success, `${remedy}: ${checked.error}`);
  return (document.value as { security: Record<string, string[]> }).security;
}

Deno.test("every refusal quotes the YAML line that does allow the target", () => {
  fc.assert(
    fc.property(
      fc.array(anyEntry, { maxLength: 4 }),
      fc.array(anyEntry, { maxLength: 3 }),
      anyTarget,
      (allowed, denied, target) => {
        const decision = new TargetPolicy(allowed, denied).decide(target, ANY);
        if (!("error" in decision)) return;
        const quoted = quotedSecurity(decision.remedy);
        const policy = new TargetPolicy(quoted.allowed_targets ?? allowed, quoted.denied_targets ?? denied);
        const again = policy.decide(target, ANY);
        assert.ok(again.ok, `${decision.remedy}\n${"error" in again ? again.error : ""}`);
        // It takes nothing away from what was allowed.
        assert.deepEqual(quoted.allowed_targets?.slice(0, allowed.length) ?? allowed, allowed);
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("every refusal that no denied entry causes quotes the --allow-target that does allow the target", () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 4 }), anyTarget, (allowed, target) => {
      const decision = new TargetPolicy(allowed, []).decide(target, ANY);
      if (!("error" in decision)) return;
      const flags = [...decision.remedy.matchAll(/--allow-target (\S+)/g)].map((match) => match[1]!);
      assert.ok(flags.length > 0, decision.remedy);
      assert.ok(new TargetPolicy([...allowed, ...flags], []).decide(target, ANY).ok, decision.remedy);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("what a denied entry refuses, --allow-target would not allow: it is not offered", () => {
  const { remedy } = refused(new TargetPolicy(["RFC1918"], ["10.0.0.0/8", "fd00::1"]), "10.0.0.1");
  assert.doesNotMatch(remedy, /--allow-target/);
  assert.match(remedy, /: security: \{ denied_targets: \["fd00::1"\] \}$/);
});

Deno.test("what is refused twice over is allowed by one line", () => {
  const { remedy } = refused(new TargetPolicy(["RFC1918"], ["8.8.8.0/24", "8.0.0.0/8"]), "8.8.8.8");
  assert.match(remedy, /: security: \{ allowed_targets: \[RFC1918, 8\.8\.8\.8\], denied_targets: \[\] \}$/);
});

Deno.test("a network with guarded ranges in it needs an entry for each", () => {
  const { remedy } = refused(new TargetPolicy([], []), "100.100.100.0/24");
  assert.match(remedy, /--allow-target 100\.100\.100\.0\/24 --allow-target 100\.100\.100\.200\/32 /);
});

function refused(policy: TargetPolicy, target: string, facts = NOTHING_KNOWN) {
  const decision: TargetDecision = policy.decide(target, ANY, facts);
  assert.ok("error" in decision, `${target} is not refused`);
  assert.notEqual(decision.remedy, "");
  return decision;
}
