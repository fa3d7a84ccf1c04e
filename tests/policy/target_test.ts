import assert from "node:assert/strict";
import fc from "fast-check";
import { formatNetwork } from "../../src/policy/address.ts";
import {
  describeKinds,
  MAX_TARGET_LENGTH,
  parseTarget,
  type Target,
  type TargetKind,
  targetParts,
  targetSize,
} from "../../src/policy/target.ts";
import { ipv4, ipv6 } from "./support.ts";

/** What is read as which kind: the text, the normalised text, the host, the port. */
const READ: readonly [TargetKind, string, string, string, number | null][] = [
  ["host", "10.0.0.5", "10.0.0.5", "10.0.0.5", null],
  ["host", "FD00::5", "fd00::5", "fd00::5", null],
  ["host", "::ffff:10.0.0.5", "10.0.0.5", "10.0.0.5", null],
  ["host", "LocalHost.", "localhost", "localhost", null],
  ["host", "xn--bcher-kva.Lab", "xn--bcher-kva.lab", "xn--bcher-kva.lab", null],
  ["domain", "WWW.Lab.Internal.", "www.lab.internal", "www.lab.internal", null],
  ["cidr", "10.0.0.5/24", "10.0.0.0/24", "10.0.0.0/24", null],
  ["cidr", "10.0.0.5/32", "10.0.0.5/32", "10.0.0.5/32", null],
  ["cidr", "10.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0", null],
  ["cidr", "FD00:0::/120", "fd00::/120", "fd00::/120", null],
  ["host_port", "10.0.0.5:443", "10.0.0.5:443", "10.0.0.5", 443],
  ["host_port", "[FD00::5]:1", "[fd00::5]:1", "fd00::5", 1],
  ["host_port", "[::ffff:10.0.0.5]:65535", "10.0.0.5:65535", "10.0.0.5", 65535],
  ["host_port", "LOCALHOST.:443", "localhost:443", "localhost", 443],
  ["url", "http://10.0.0.5", "http://10.0.0.5/", "10.0.0.5", 80],
  ["url", "HTTP://10.0.0.5:80/", "http://10.0.0.5/", "10.0.0.5", 80],
  ["url", "http://10.0.0.5:443/", "http://10.0.0.5:443/", "10.0.0.5", 443],
  ["url", "https://10.0.0.5:443/", "https://10.0.0.5/", "10.0.0.5", 443],
  ["url", "https://10.0.0.5:80/", "https://10.0.0.5:80/", "10.0.0.5", 80],
  ["url", "http://10.0.0.5?a=b", "http://10.0.0.5/?a=b", "10.0.0.5", 80],
  ["url", "http://[FD00:0::5]:8080/A%20b", "http://[fd00::5]:8080/A%20b", "fd00::5", 8080],
  ["url", "http://LocalHost./", "http://localhost/", "localhost", 80],
  ["url", "http://10.0.0.5/a@b:c//d?e/f?g", "http://10.0.0.5/a@b:c//d?e/f?g", "10.0.0.5", 80],
  ["url", "http://[::ffff:8.8.8.8]/", "http://8.8.8.8/", "8.8.8.8", 80],
];

for (const [kind, text, normalised, host, port] of READ) {
  Deno.test(`the ${kind} ${text} is ${normalised} (D8)`, () => {
    const target = read(text, [kind]);
    assert.equal(target.kind, kind);
    assert.equal(target.text, normalised);
    assert.equal(target.host, host);
    assert.equal(target.port, port);
  });
}

const ALL: readonly TargetKind[] = ["host", "cidr", "domain", "url", "host_port"];

/** What is refused whichever kinds a tool takes. */
const REFUSED: readonly [string, string][] = [
  ["nothing", ""],
  ["a leading space (D8)", " 10.0.0.1"],
  ["a trailing space (D8)", "10.0.0.1 "],
  ["a trailing newline (D3)", "10.0.0.1\n"],
  ["a trailing carriage return (D3)", "10.0.0.1\r"],
  ["a newline within (D3)", "10.0.0.1\n8.8.8.8"],
  ["a tab", "10.0.0.1\t8.8.8.8"],
  ["a null character", "10.0.0.1\0"],
  ["two addresses", "10.0.0.1 8.8.8.8"],
  ["a flag (D6)", "-oN=x.lab.internal"],
  ["a long flag (D6)", "--script=x"],
  ["a hyphen", "-"],
  ["a list for nmap", "10.0.0.1,8.8.8.8"],
  ["a list of octets for nmap", "10.0.0.1,2"],
  ["a range for nmap", "10.0.0.1-255"],
  ["a range in the first octet for nmap", "10-20.0.0.1"],
  ["an open range for nmap", "10.0.0.-"],
  ["a wildcard for nmap", "10.0.0.*"],
  ["a short network for nmap", "10.0/16"],
  ["a host name's network for nmap", "localhost/24"],
  ["a file for curl", "@/etc/passwd"],
  ["a path", "/etc/shadow"],
  ["an octal address", "0177.0.0.1"],
  ["a hexadecimal address", "0x7f.0.0.1"],
  ["a hexadecimal number", "0x7f000001"],
  ["a decimal number", "2130706433"],
  ["a short address", "127.1"],
  ["an address with a trailing dot", "127.0.0.1."],
  ["a name that ends in a number", "lab.1"],
  ["a zone id", "fe80::1%eth0"],
  ["IPv6 in brackets without a port", "[fd00::5]"],
  ["IPv4 in brackets", "[10.0.0.1]"],
  ["IPv4 in brackets with a port", "[10.0.0.1]:80"],
  ["a name in brackets", "[localhost]:80"],
  ["empty brackets", "[]:80"],
  ["IPv6 with a port but no brackets", "fd00:0:0:0:0:0:0:5:443"],
  ["two ports", "10.0.0.1:80:80"],
  ["an empty port", "10.0.0.1:"],
  ["port 0", "10.0.0.1:0"],
  ["port 65536", "10.0.0.1:65536"],
  ["a port with a leading zero", "10.0.0.1:0443"],
  ["a port with a sign", "10.0.0.1:+443"],
  ["a service for a port", "10.0.0.1:https"],
  ["no host before a port", ":443"],
  ["a path behind a port", "10.0.0.1:443/x"],
  ["a prefix of 33", "10.0.0.0/33"],
  ["a prefix of 129", "fd00::/129"],
  ["a prefix of nothing", "10.0.0.0/"],
  ["a prefix on an IPv4-mapped address", "::ffff:10.0.0.0/120"],
  ["letters beyond ASCII", "bücher.lab"],
  ["fullwidth digits", "１０.0.0.1"],
  ["a bidirectional override", "10.0.0.1\u202E"],
  ["a shell's metacharacters", "10.0.0.1;id"],
  ["a command substitution", "$(id).lab"],
  ["a template", "{target}"],
  ["more than fits", `${"a.".repeat(MAX_TARGET_LENGTH / 2)}b`],
];

for (const [what, text] of REFUSED) {
  Deno.test(`not a target: ${what}`, () => {
    assert.match(String(parseTarget(text, ALL)), /^Cannot parse target "/);
    for (const kind of ALL) assert.equal(typeof parseTarget(text, [kind]), "string", kind);
  });
}

/** URLs that one program reads as aimed at 10.0.0.1 and another as aimed elsewhere, or that hide where they aim. */
const URL_TRAPS: readonly [string, string][] = [
  ["credentials that look like a host", "http://10.0.0.1@8.8.8.8/"],
  ["credentials with a password", "http://10.0.0.1:80@8.8.8.8/"],
  ["two at signs", "http://a@10.0.0.1@8.8.8.8/"],
  ["empty credentials", "http://@10.0.0.1/"],
  ["a fragment before credentials", "http://10.0.0.1#@8.8.8.8/"],
  ["a query before credentials, the other way round", "http://8.8.8.8\\?@10.0.0.1/"],
  ["a backslash before credentials", "http://10.0.0.1\\@8.8.8.8/"],
  ["a backslash for a slash", "http:\\\\10.0.0.1\\"],
  ["a backslash in the path", "http://10.0.0.1/\\..\\"],
  ["a percent-encoded slash before credentials", "http://10.0.0.1%2f@8.8.8.8/"],
  ["a percent-encoded host", "http://%31%30.0.0.1/"],
  ["a percent-encoded dot", "http://10%2e0.0.1/"],
  ["a percent-encoded null", "http://10.0.0.1%00.lab.internal/"],
  ["a hexadecimal host", "http://0x0a000001/"],
  ["hexadecimal octets", "http://0x0a.0.0.1/"],
  ["an octal host", "http://0177.1/"],
  ["octal octets", "http://012.0.0.1/"],
  ["a short host", "http://10.1/"],
  ["a number for a host", "http://167772161/"],
  ["a host with a trailing dot", "http://10.0.0.1./"],
  ["fullwidth digits", "http://１０.0.0.1/"],
  ["an ideographic full stop", "http://10。0.0.1/"],
  ["a soft hyphen", "http://local\u00ADhost/"],
  ["a tab in the host", "http://10.0.\t0.1/"],
  ["a newline in the scheme (D3)", "ht\ntp://10.0.0.1/"],
  ["a trailing newline (D3)", "http://10.0.0.1/\n"],
  ["a leading space (D8)", " http://10.0.0.1/"],
  ["a space in the path", "http://10.0.0.1/a b"],
  ["two ports", "http://10.0.0.1:80:80/"],
  ["an empty port", "http://10.0.0.1:/"],
  ["port 0", "http://10.0.0.1:0/"],
  ["port 65536", "http://10.0.0.1:65536/"],
  ["a port with a leading zero", "http://10.0.0.1:080/"],
  ["a port with letters", "http://10.0.0.1:80x/"],
  ["IPv4 in brackets", "http://[10.0.0.1]/"],
  ["a name in brackets", "http://[localhost]/"],
  ["IPv6 without brackets", "http://fd00::5/"],
  ["a zone id", "http://[fe80::1%25eth0]/"],
  ["text behind brackets", "http://[fd00::5]8.8.8.8/"],
  ["an open bracket", "http://[fd00::5/"],
  ["no host", "http:///10.0.0.1/"],
  ["no host at all", "http://"],
  ["one slash", "http:/10.0.0.1/"],
  ["no slash", "http:10.0.0.1"],
  ["no scheme", "//10.0.0.1/"],
  ["curl's braces", "http://{10.0.0.1,8.8.8.8}/"],
  ["curl's ranges", "http://10.0.0.[1-9]/"],
  ["curl's braces in the path", "http://10.0.0.1/{a,b}"],
  ["a fragment", "http://10.0.0.1/#x"],
  ["an unfinished percent sign", "http://10.0.0.1/%4"],
  ["a file", "file:///etc/passwd"],
  ["a file on a host", "file://10.0.0.1/etc/passwd"],
  ["another protocol", "gopher://10.0.0.1/"],
  ["ftp", "ftp://10.0.0.1/"],
  ["what every object has", "constructor://10.0.0.1/"],
  ["an nmap range", "http://10.0.0.1-9/"],
];

for (const [what, text] of URL_TRAPS) {
  Deno.test(`not a URL target: ${what}`, () => {
    assert.match(String(parseTarget(text, ["url"])), /^Cannot parse target "/);
    assert.equal(typeof parseTarget(text, ALL), "string");
  });
}

/** The message says what is wrong, not only that something is. */
const REASONS: readonly [string, TargetKind, RegExp][] = [
  ["-oN=x.lab.internal", "host", /: a target never starts with '-'$/],
  ["10.0.0.1\n", "host", /: only printable ASCII without spaces can be a target/],
  ["bücher.lab", "host", /write other names in their xn-- form$/],
  ["10.0.0.0/33", "cidr", /: not a network such as 10\.0\.0\.0\/24/],
  ["10.0.0.1:0", "host_port", /: the port must be a number from 1 to 65535$/],
  ["http://10.0.0.1:0/", "url", /: the port must be a number from 1 to 65535$/],
  ["fd00:::443", "host_port", /: not host:port; an IPv6 address stands in brackets/],
  ["http://10.0.0.1@8.8.8.8/", "url", /: a URL with credentials \(user@host\) is refused$/],
  ["http://10.0.0.1/#x", "url", /: a URL with a fragment \(#\.\.\.\) is refused/],
  ["ftp://10.0.0.1/", "url", /: the scheme must be http or https, not "ftp"$/],
  ["http://10.0.0.1/a{b}", "url", /: the path holds a character that a URL must write as %XX$/],
  ["http://[10.0.0.1]/", "url", /: only an IPv6 address stands in brackets$/],
  ["0177.1", "host", /"0177\.1" is neither an address \(four plain decimal octets/],
];

for (const [text, kind, reason] of REASONS) {
  Deno.test(`the message about ${JSON.stringify(text)} says what is wrong`, () => {
    assert.match(String(parseTarget(text, [kind])), reason);
  });
}

Deno.test("an at sign behind the query aims at the host before it, for us as for a URL", () => {
  const target = read("http://8.8.8.8?@10.0.0.1/", ["url"]);
  assert.equal(target.host, "8.8.8.8");
  assert.equal(new URL(target.text).hostname, "8.8.8.8");
});

/** URLs near the edge: pieces that are right, pieces that are traps, in any mixture. */
const nearlyUrl = fc.tuple(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("http://", "https://", "HTTP://") },
    fc.constantFrom("http:/", "http:\\\\", "ftp://", ""),
  ),
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.oneof(ipv4, ipv6.map((text) => `[${text}]`), fc.domain()) },
      fc.constantFrom(
        "localhost",
        "LOCALHOST.",
        "10.1",
        "0x7f.1",
        "::1",
        "[::ffff:8.8.8.8]",
        "%31",
        "xn--a",
        "",
      ),
    ),
    { minLength: 1, maxLength: 2 },
  ),
  fc.array(
    fc.constantFrom(
      "@",
      ":",
      ":80",
      ":443",
      ":8080",
      ":080",
      "#",
      "?",
      "/",
      "\\",
      "%2f",
      "..",
      "%",
      "a",
      "{",
    ),
    { maxLength: 3 },
  ),
  fc.constantFrom("", "/", "/a?b", "/", "\n", "\t", " "),
).map(([scheme, hosts, middle, end]) => scheme + hosts[0] + middle.join("") + (hosts[1] ?? "") + end);

Deno.test("whatever URL is read, the URL standard reads the same host and port in it", () => {
  let accepted = 0;
  fc.assert(
    fc.property(nearlyUrl, (text) => {
      const target = parseTarget(text, ["url"]);
      if (typeof target === "string") return;
      accepted++;
      const { host, port } = target;
      // Punycode that decodes to nothing is the one thing that a URL refuses and a name may be.
      if (/(?:^|\.)xn--/.test(host) && !URL.canParse(target.text)) return;
      const url = new URL(target.text);
      assert.equal(url.hostname, host.includes(":") ? `[${host}]` : host);
      assert.equal(url.port === "" ? { "http:": 80, "https:": 443 }[url.protocol] : Number(url.port), port);
      assert.equal(url.username + url.password + url.hash, "");
      assert.match(target.text, /^https?:\/\/[^/?#\\@\s]+\/[\x21-\x7e]*$/);
      // What was given aims there too, but for the forms of one address and a name's trailing dot.
      const given = new URL(text);
      const plain = given.hostname.replace(/\.$/, "");
      if (!plain.startsWith("[::ffff:")) assert.equal(plain, url.hostname);
      assert.equal(given.port, url.port);
    }),
    { numRuns: 4000 },
  );
  assert.ok(accepted > 200, `only ${accepted} URLs were read: the property says little`);
});

Deno.test("reading what was read changes nothing (D8)", () => {
  const text = fc.oneof(
    nearlyUrl,
    ipv4,
    ipv6,
    fc.tuple(fc.oneof(ipv4, ipv6), fc.nat(128)).map(([address, prefix]) => `${address}/${prefix}`),
    fc.tuple(fc.oneof(ipv4, ipv6.map((a) => `[${a}]`), fc.domain()), fc.nat(65536))
      .map(([host, port]) => `${host}:${port}`),
    fc.domain(),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(text, fc.subarray([...ALL], { minLength: 1 }), (text, kinds) => {
      const target = parseTarget(text, kinds);
      if (typeof target === "string") return;
      assert.ok(kinds.includes(target.kind));
      assert.deepEqual(parseTarget(target.text, kinds), target);
      assert.doesNotMatch(target.text, /^-|[^\x21-\x7e]/);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("any text at all is a target or a message", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => {
    const target = parseTarget(text, ALL);
    if (typeof target === "string") assert.match(target, /^Cannot parse target "\P{Cc}*$/u);
  }));
});

/** One shape, several wishes. */
const KINDS: readonly [string, readonly TargetKind[], TargetKind | null][] = [
  ["10.0.0.5", ["host"], "host"],
  ["10.0.0.5", ["cidr"], null],
  ["10.0.0.5", ["domain"], null],
  ["10.0.0.5", ["host_port"], null],
  ["10.0.0.5", ["url"], null],
  ["10.0.0.5", ["none"], null],
  ["fd00::5", ["host_port"], null],
  ["fd00::5", ["host", "host_port"], "host"],
  ["10.0.0.0/24", ["host"], null],
  ["10.0.0.0/24", ["host", "cidr"], "cidr"],
  ["lab.internal", ["host", "domain"], "host"],
  ["lab.internal", ["domain"], "domain"],
  ["lab.internal", ["host"], "host"],
  ["lab.internal:443", ["host"], null],
  ["lab.internal:443", ["host", "host_port"], "host_port"],
  ["http://10.0.0.5/", ["host", "cidr", "domain", "host_port"], null],
];

for (const [text, kinds, kind] of KINDS) {
  Deno.test(`where ${kinds.join(" or ")} is wanted, ${text} is ${kind ?? "refused"}`, () => {
    const target = parseTarget(text, kinds);
    assert.equal(typeof target === "string" ? null : target.kind, kind);
  });
}

Deno.test("localhost is the one name whose address is known; other names have none yet", () => {
  assert.equal(formatNetwork(read("localhost", ["host"]).network!), "127.0.0.1/32");
  assert.equal(read("localhost.lab", ["host"]).network, null);
  assert.equal(read("lab.internal", ["host"]).network, null);
});

/** What fills a template: the target, and its parts with the address in the name's place and without. */
const PARTS: readonly [TargetKind, string, boolean, string, string, string, string][] = [
  ["host", "localhost", true, "127.0.0.1", "127.0.0.1", "", "127.0.0.1"],
  ["host", "localhost", false, "localhost", "localhost", "", "127.0.0.1"],
  ["host", "fd00::5", true, "fd00::5", "fd00::5", "", "fd00::5"],
  ["cidr", "10.0.0.5/24", true, "10.0.0.0/24", "10.0.0.0/24", "", "10.0.0.0/24"],
  ["host_port", "localhost:443", true, "127.0.0.1:443", "127.0.0.1", "443", "127.0.0.1"],
  ["host_port", "localhost:443", false, "localhost:443", "localhost", "443", "127.0.0.1"],
  ["host_port", "[fd00::5]:443", true, "[fd00::5]:443", "[fd00::5]", "443", "fd00::5"],
  ["url", "http://localhost:8080/x", true, "http://127.0.0.1:8080/x", "127.0.0.1", "8080", "127.0.0.1"],
  ["url", "https://localhost/x?y", false, "https://localhost/x?y", "localhost", "443", "127.0.0.1"],
  ["url", "http://[fd00::5]/", true, "http://[fd00::5]/", "[fd00::5]", "80", "fd00::5"],
];

for (const [kind, text, pinned, target, host, port, address] of PARTS) {
  Deno.test(`the parts of ${text}, ${pinned ? "pinned" : "as it is"}`, () => {
    assert.deepEqual(targetParts(read(text, [kind]), pinned), { target, host, port, address });
  });
}

Deno.test("a target stands for as many addresses as its network has", () => {
  assert.equal(targetSize(read("10.0.0.5", ["host"])), 1n);
  assert.equal(targetSize(read("lab.internal", ["host"])), 1n);
  assert.equal(targetSize(read("10.0.0.0/22", ["cidr"])), 1024n);
  assert.equal(targetSize(read("::/0", ["cidr"])), 1n << 128n);
});

Deno.test("messages quote at most 60 characters of a target, escaped", () => {
  const message = String(parseTarget(`\x1b[2J${"x".repeat(1000)}`, ["host"]));
  assert.match(message, /^Cannot parse target "\\u001b\[2Jx{56}…": /);
});

Deno.test("the kinds are described in words", () => {
  assert.equal(
    describeKinds(["host", "none", "cidr"]),
    "a host such as 10.0.0.5 or a network such as 10.0.0.0/24",
  );
});

Deno.test("the targets that descriptions name as examples can be read", () => {
  for (const kind of ALL) {
    const example = describeKinds([kind]).split(" ").at(-1)!;
    assert.equal(read(example, [kind]).text, example);
  }
});

function read(text: string, kinds: readonly TargetKind[]): Target {
  const target = parseTarget(text, kinds);
  assert.ok(typeof target !== "string", String(target));
  return target;
}
