import assert from "node:assert/strict";
import fc from "fast-check";
import { isIP, isIPv4, isIPv6 } from "node:net";
import {
  type Address,
  firstAddress,
  formatAddress,
  formatNetwork,
  networkSize,
  parseAddress,
  parseNetwork,
  singleton,
} from "../../src/policy/address.ts";
import { holds, ipv4, ipv6 } from "./support.ts";

/** What is read, and how it is written again. */
const READ = [
  ["0.0.0.0", "0.0.0.0"],
  ["10.0.0.5", "10.0.0.5"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["FD00::ABCD", "fd00::abcd"],
  ["fd00:0:0:0:0:0:0:5", "fd00::5"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
  ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ["::10.0.0.1", "::a00:1"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::FFFF:a00:1", "10.0.0.1"],
  ["0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"],
] as const;

for (const [text, canonical] of READ) {
  Deno.test(`the address ${text} is ${canonical}`, () => {
    const address = parseAddress(text);
    assert.ok(address);
    assert.equal(formatAddress(address), canonical);
  });
}

/** Spellings that some program reads as an address, and what only looks like one. */
const NOT_READ = [
  ["nothing", ""],
  ["octal octets", "0177.0.0.1"],
  ["an octet with a leading zero", "10.0.0.01"],
  ["two leading zeros", "00.0.0.0"],
  ["hexadecimal octets", "0x7f.0.0.1"],
  ["one hexadecimal number", "0x7f000001"],
  ["one decimal number", "2130706433"],
  ["the two-part form", "127.1"],
  ["the three-part form", "127.0.1"],
  ["five parts", "1.2.3.4.5"],
  ["a trailing dot", "1.2.3.4."],
  ["an empty octet", "1..3.4"],
  ["an octet of 256", "1.2.3.256"],
  ["an octet of four digits", "1.2.3.0004"],
  ["a sign", "+1.2.3.4"],
  ["an exponent", "1e1.0.0.1"],
  ["a leading space", " 1.2.3.4"],
  ["a trailing space", "1.2.3.4 "],
  ["a trailing newline (D3)", "1.2.3.4\n"],
  ["an IPv6 address with a trailing newline (D3)", "::1\n"],
  ["fullwidth digits", "１.2.3.4"],
  ["an ideographic full stop", "1。2.3.4"],
  ["a range for nmap", "10.0.0.1-255"],
  ["a wildcard for nmap", "10.0.0.*"],
  ["a list for nmap", "10.0.0.1,2"],
  ["IPv4 in brackets", "[1.2.3.4]"],
  ["IPv6 in brackets", "[::1]"],
  ["a zone id", "fe80::1%eth0"],
  ["an empty zone id", "fe80::1%"],
  ["two gaps", "1::2::3"],
  ["three colons", ":::"],
  ["one colon", ":"],
  ["a lone leading colon", ":1:2:3:4:5:6:7:8"],
  ["a lone trailing colon", "1:2:3:4:5:6:7:"],
  ["seven groups", "1:2:3:4:5:6:7"],
  ["nine groups", "1:2:3:4:5:6:7:8:9"],
  ["a gap that stands for nothing", "1:2:3:4::5:6:7:8"],
  ["a group of five digits", "::00001"],
  ["a group that is not hexadecimal", "::g"],
  ["a dotted part in the middle", "::1.2.3.4:5"],
  ["a dotted part before the gap", "1.2.3.4::"],
  ["a dotted part with a leading zero", "::ffff:01.2.3.4"],
  ["a dotted part that is too short", "::ffff:1.2.3"],
] as const;

for (const [what, text] of NOT_READ) {
  Deno.test(`not an address: ${what}`, () => assert.equal(parseAddress(text), null));
}

Deno.test("what is an address is what node:net says it is, zones aside", () => {
  // Edited addresses: random text alone would hardly ever be one.
  const edited = fc.tuple(
    fc.oneof(ipv4, fc.ipV6()),
    fc.nat(40),
    fc.nat(2),
    fc.constantFrom("", "0", "1", ".", ":", "::", "f", "g", "x", " ", "%1", "/", "-"),
  ).map(([text, at, cut, piece]) => text.slice(0, at) + piece + text.slice(at + cut));
  fc.assert(
    fc.property(edited, (text) => {
      assert.equal(parseAddress(text) !== null, isIP(text) !== 0 && !text.includes("%"), text);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("an IPv4 address is written as it was read", () => {
  fc.assert(fc.property(ipv4, (text) => assert.equal(formatAddress(parse(text)), text)));
});

Deno.test("an IPv6 address is written as a URL writes it", () => {
  fc.assert(fc.property(ipv6, (text) => {
    assert.equal(`[${formatAddress(parse(text))}]`, new URL(`http://[${text}]/`).hostname);
  }));
});

Deno.test("an IPv4-mapped address is the IPv4 address that it stands for, in every spelling", () => {
  fc.assert(fc.property(ipv4, (text) => {
    const mapped = new URL(`http://[::ffff:${text}]/`).hostname.slice(1, -1);
    for (const spelling of [`::ffff:${text}`, mapped, mapped.toUpperCase(), `0:0:0:0:0:ffff:${text}`]) {
      assert.deepEqual(parse(spelling), parse(text));
    }
  }));
});

Deno.test("writing and reading an address gives it back", () => {
  const address = fc.oneof(
    fc.bigInt(0n, (1n << 32n) - 1n).map((value): Address => ({ family: 4, value })),
    fc.bigInt(0n, (1n << 128n) - 1n).filter((value) => value >> 32n !== 0xffffn)
      .map((value): Address => ({ family: 6, value })),
  );
  fc.assert(fc.property(address, (address) => {
    const text = formatAddress(address);
    assert.equal(address.family === 4 ? isIPv4(text) : isIPv6(text), true);
    assert.deepEqual(parse(text), address);
  }));
});

/** Networks, and how they are written. */
const NETWORKS = [
  ["10.0.0.0/24", "10.0.0.0/24", 256n],
  ["10.0.0.5/24", "10.0.0.0/24", 256n],
  ["10.0.0.5/32", "10.0.0.5/32", 1n],
  ["10.0.0.5/0", "0.0.0.0/0", 1n << 32n],
  ["255.255.255.255/1", "128.0.0.0/1", 1n << 31n],
  ["FD00:0::5/8", "fd00::/8", 1n << 120n],
  ["::/0", "::/0", 1n << 128n],
  ["::1/128", "::1/128", 1n],
] as const;

for (const [text, canonical, size] of NETWORKS) {
  Deno.test(`the network ${text} is ${canonical}`, () => {
    const network = parseNetwork(text);
    assert.ok(network);
    assert.equal(formatNetwork(network), canonical);
    assert.equal(networkSize(network), size);
  });
}

/** What is no network. */
const NO_NETWORKS = [
  ["an address alone", "10.0.0.0"],
  ["a prefix of 33", "10.0.0.0/33"],
  ["a prefix of 129", "::/129"],
  ["a prefix of 999", "::/999"],
  ["an empty prefix", "10.0.0.0/"],
  ["a prefix with a leading zero", "10.0.0.0/08"],
  ["a negative prefix", "10.0.0.0/-1"],
  ["a prefix with a sign", "10.0.0.0/+8"],
  ["a prefix with a space", "10.0.0.0/ 8"],
  ["a prefix with a newline (D3)", "10.0.0.0/8\n"],
  ["a netmask", "10.0.0.0/255.0.0.0"],
  ["two prefixes", "10.0.0.0/8/8"],
  ["a short address", "10/8"],
  ["an octal address", "010.0.0.0/8"],
  ["a prefix on an IPv4-mapped address", "::ffff:10.0.0.0/104"],
  ["a prefix that fits the mapped address's IPv4 form", "::ffff:10.0.0.0/8"],
  ["no address", "/8"],
  ["a zone id", "fe80::1%eth0/64"],
] as const;

for (const [what, text] of NO_NETWORKS) {
  Deno.test(`not a network: ${what}`, () => assert.equal(parseNetwork(text), null));
}

Deno.test("a network holds its first address and the one it was read from, by node:net", () => {
  const networks = fc.oneof(fc.tuple(ipv4, fc.nat(32)), fc.tuple(ipv6, fc.nat(128)));
  fc.assert(fc.property(networks, ([address, prefix]) => {
    const network = parseNetwork(`${address}/${prefix}`);
    assert.ok(network);
    const written = formatNetwork(network);
    const canonical = formatAddress(parse(address));
    assert.ok(holds(written, canonical));
    assert.ok(holds(`${canonical}/${prefix}`, formatAddress(firstAddress(network))));
    assert.deepEqual(parseNetwork(written), network);
  }));
});

Deno.test("the network of one address holds it alone", () => {
  fc.assert(fc.property(fc.oneof(ipv4, ipv6), (text) => {
    const network = singleton(parse(text));
    assert.equal(networkSize(network), 1n);
    assert.deepEqual(firstAddress(network), parse(text));
  }));
});

function parse(text: string): Address {
  const address = parseAddress(text);
  assert.ok(address, text);
  return address;
}
