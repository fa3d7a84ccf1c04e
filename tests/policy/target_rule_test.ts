import assert from "node:assert/strict";
import fc from "fast-check";
import { formatNetwork } from "../../src/policy/address.ts";
import { GUARDED_RANGES, parseTargetRule, type TargetRule } from "../../src/policy/target_rule.ts";
import { cidr4, ipv4, ipv6, numberOf } from "./support.ts";

/** Each entry with the networks, names and suffixes that it stands for. */
const RULES: readonly [string, readonly string[], readonly string[], readonly string[]][] = [
  ["RFC1918", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], [], []],
  ["ULA", ["fc00::/7"], [], []],
  ["loopback", ["127.0.0.0/8", "::1/128"], ["localhost"], []],
  ["localhost", ["127.0.0.1/32", "::1/128"], ["localhost"], []],
  ["10.0.0.5", ["10.0.0.5/32"], [], []],
  ["10.0.0.0/24", ["10.0.0.0/24"], [], []],
  ["0.0.0.0/0", ["0.0.0.0/0"], [], []],
  ["FD00::/8", ["fd00::/8"], [], []],
  ["fd00::5", ["fd00::5/128"], [], []],
  ["::ffff:10.0.0.5", ["10.0.0.5/32"], [], []],
  ["Web.Lab.Internal.", [], ["web.lab.internal"], []],
  [".Lab.Internal", [], [], [".lab.internal"]],
  [".lab", [], [], [".lab"]],
];

for (const [text, networks, names, suffixes] of RULES) {
  Deno.test(`the entry ${text}`, () => {
    const rule = parse(text);
    assert.deepEqual(rule.networks.map(formatNetwork), networks);
    assert.deepEqual(rule.names, names);
    assert.deepEqual(rule.suffixes, suffixes);
    assert.equal(rule.text, text);
  });
}

/** Entries that mean nothing, and what the message says. */
const REFUSED: readonly [string, string, RegExp][] = [
  ["nothing", "", /expected RFC1918, ULA, loopback/],
  ["a space around it", " 10.0.0.5", /Cannot parse/],
  ["a trailing newline (D3)", "10.0.0.5\n", /"10\.0\.0\.5\\n"/],
  ["a keyword in another case", "rfc1918", /did you mean RFC1918\?/],
  ["a keyword in capitals", "LOOPBACK", /did you mean loopback\?/],
  ["localhost in capitals", "Localhost", /did you mean localhost\?/],
  ["host bits", "10.0.0.5/24", /write 10\.0\.0\.0\/24 for the network/],
  ["host bits in IPv6", "fd00::5/8", /write fd00::\/8 for the network/],
  ["a prefix of 33", "10.0.0.0/33", /not a network such as/],
  ["a netmask", "10.0.0.0/255.0.0.0", /not a network such as/],
  ["an octal address", "010.0.0.1", /expected RFC1918/],
  ["a short address", "10.1", /expected RFC1918/],
  ["a range from address to address", "10.0.0.0-10.0.0.255", /expected RFC1918/],
  ["a range of the last octet", "10.0.0.1-255", /expected RFC1918/],
  ["a wildcard", "10.0.0.*", /expected RFC1918/],
  ["everything", "*", /expected RFC1918/],
  ["a wildcard name", "*.lab.internal", /expected RFC1918/],
  ["a dot", ".", /expected RFC1918/],
  ["a suffix with two dots", "..lab", /expected RFC1918/],
  ["a suffix that is a number", ".10", /expected RFC1918/],
  ["a URL", "http://10.0.0.1/", /not a network such as/],
  ["a host and port", "10.0.0.1:80", /expected RFC1918/],
  ["brackets", "[::1]", /expected RFC1918/],
  ["a zone id", "fe80::1%eth0", /expected RFC1918/],
  ["two entries in one", "10.0.0.1,10.0.0.2", /expected RFC1918/],
  ["a flag (D6)", "-oN", /expected RFC1918/],
];

for (const [what, text, message] of REFUSED) {
  Deno.test(`not an entry: ${what}`, () => {
    const rule = parseTargetRule(text);
    assert.ok(typeof rule === "string");
    assert.match(rule, message);
  });
}

Deno.test("a name that every object has is a name like others", () => {
  for (const text of ["constructor", "valueof", "tostring"]) {
    assert.deepEqual(parse(text).names, [text]);
    assert.deepEqual(parse(text).networks, []);
  }
});

Deno.test("a network's entry has no host bits, whatever was written", () => {
  fc.assert(fc.property(ipv4, fc.integer({ min: 0, max: 32 }), (address, prefix) => {
    const canonical = cidr4(numberOf(address), prefix);
    const rule = parseTargetRule(`${address}/${prefix}`);
    if (canonical === `${address}/${prefix}`) assert.ok(typeof rule !== "string");
    else assert.match(String(rule), new RegExp(`write ${canonical.replaceAll(".", "\\.")} `));
  }));
});

Deno.test("an address is an entry for itself alone", () => {
  fc.assert(fc.property(fc.oneof(ipv4, ipv6), (text) => {
    const rule = parse(text);
    assert.equal(rule.networks.length, 1);
    assert.equal(rule.networks[0]!.prefix, text.includes(":") ? 128 : 32);
  }));
});

Deno.test("any text is an entry or a message on one line that quotes it", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const rule = parseTargetRule(text);
    if (typeof rule === "string") assert.match(rule, /^Cannot parse target entry "\P{Cc}*$/u);
    else assert.match(text, /^[A-Za-z0-9.:/-]+$/);
  }));
});

Deno.test("the guarded ranges are those that a scan must not reach by accident", () => {
  const guarded = new Set(GUARDED_RANGES.map((range) => formatNetwork(range.network)));
  for (
    const network of [
      "0.0.0.0/8",
      "169.254.0.0/16",
      "224.0.0.0/4",
      "255.255.255.255/32",
      "::/128",
      "fe80::/10",
      "ff00::/8",
      "64:ff9b::/96",
      "64:ff9b:1::/48",
      "2001::/32",
      "2002::/16",
      "::/96",
      "169.254.169.254/32",
      "169.254.170.2/32",
      "169.254.170.23/32",
      "169.254.42.42/32",
      "100.100.100.200/32",
      "168.63.129.16/32",
      "192.0.0.192/32",
      "fd00:ec2::254/128",
      "fd00:ec2::23/128",
      "fd00:42::42/128",
      "fd20:ce::254/128",
    ]
  ) assert.ok(guarded.delete(network), network);
  assert.deepEqual([...guarded], []);
});

Deno.test("of two guarded ranges, the narrower stands first: it names what is reached", () => {
  for (const [index, { network }] of GUARDED_RANGES.entries()) {
    for (const earlier of GUARDED_RANGES.slice(0, index)) {
      const shift = BigInt((network.family === 4 ? 32 : 128) - earlier.network.prefix);
      const inside = earlier.network.family === network.family &&
        earlier.network.base >> shift === network.base >> shift && earlier.network.prefix < network.prefix;
      assert.ok(!inside, formatNetwork(network));
    }
  }
});

function parse(text: string): TargetRule {
  const rule = parseTargetRule(text);
  assert.ok(typeof rule !== "string", String(rule));
  return rule;
}
