/**
 * Targets and worlds, most of them near an edge of what is allowed.
 *
 * @module
 */
import { TARGET_KINDS, type TargetKind } from "../../../src/policy/target.ts";
import type { Random } from "./random.ts";
import { canonicalAddress, spelled } from "./addresses.ts";
import type { World } from "./targets.ts";

const EDGES = [
  ...["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"],
  ...[
    "127.0.0.1",
    "8.8.8.8",
    "0.0.0.0",
    "169.254.169.254",
    "100.100.100.200",
    "224.0.0.0",
    "255.255.255.255",
  ],
  ...["169.254.0.0", "169.254.170.2", "192.0.2.1", "198.18.0.1", "240.0.0.1", "11.0.0.0", "172.32.0.0"],
];
const EDGES_6 = [
  "::1",
  "::",
  "fd00::5",
  "fd00:ec2::254",
  "fe80::1",
  "ff02::1",
  "2001:db8::1",
  "64:ff9b::a00:1",
];

/** An IPv4 address near an edge, or any. */
function address4(random: Random): string {
  if (random.once(4)) return spelled(4, BigInt(random.bits32()));
  if (random.once(3)) return `10.${random.below(2)}.${random.below(256)}.${random.below(256)}`;
  const [a, b, c, d] = random.pick(EDGES).split(".").map(Number) as [number, number, number, number];
  const value = ((a * 256 + b) * 256 + c) * 256 + d + random.below(5) - 2;
  return spelled(4, BigInt((value + 2 ** 32) % 2 ** 32));
}

function address6(random: Random): string {
  if (random.once(2)) return random.pick(EDGES_6);
  const groups = Array.from({ length: 8 }, () => random.once(2) ? "0" : random.below(0x10000).toString(16));
  return canonicalAddress(groups.join(":"))!;
}

/** A canonical address. */
export function address(random: Random): string {
  return random.once(5) ? address6(random) : address4(random);
}

/** An address as somebody may write it: most are not read at all. */
function spelling(random: Random): string {
  const plain = address(random);
  if (!random.once(4)) return plain;
  if (plain.includes(":")) {
    return random.pick([
      plain.toUpperCase(),
      `${plain}%eth0`,
      plain.replace("::", ":0:"),
      `[${plain}]`,
      `0${plain}`,
    ]);
  }
  const [a, b, c, d] = plain.split(".").map(Number) as [number, number, number, number];
  return random.pick([
    `::ffff:${plain}`,
    `::FFFF:${plain}`,
    `::${plain}`,
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${b * 65536 + c * 256 + d}`,
    String(((a * 256 + b) * 256 + c) * 256 + d),
    `0x${a.toString(16)}.${b}.${c}.${d}`,
    `0${a.toString(8)}.${b}.${c}.${d}`,
    `${a}.${b}.${c}.0${d}`,
    `${plain}.`,
    `${plain}-9`,
    `${a}.${b}.${c}.*`,
    `${plain},8.8.8.8`,
    `${a}.${b}.${c}.${d + 256}`,
  ]);
}

const NAMES = [
  ...[
    "web.lab.internal",
    "a.b.lab.internal",
    "lab.internal",
    "printer",
    "localhost",
    "evil.example",
    "db.lab.internal",
  ],
  ...[
    "weblab.internal",
    "web.lab.internal.evil.example",
    "xn--lab-internal",
    "six.lab.internal",
    "none.lab.internal",
  ],
];

function name(random: Random): string {
  const plain = random.pick(NAMES);
  if (!random.once(4)) return plain;
  return random.pick([
    plain.toUpperCase(),
    `${plain}.`,
    `${plain}..`,
    `.${plain}`,
    `-${plain}`,
    `${plain}.10`,
    `${plain}.0x1f`,
    `\u212aate.lab.internal`,
    `${"a".repeat(random.pick([63, 64]))}.lab.internal`,
    plain.replace(".", "_."),
    `w\u0435b.lab.internal`,
  ]);
}

/** Where the server itself may listen. */
const OWN = ["10.0.0.5", "127.0.0.1", "::1"];

const host = (random: Random) =>
  random.once(6) ? random.pick(OWN) : random.once(3) ? name(random) : spelling(random);
const PORTS = [
  "",
  ":80",
  ":443",
  ":8080",
  ":8443",
  ":1",
  ":65535",
  ":65536",
  ":0",
  ":",
  ":080",
  ":8o",
  ":-1",
];
const TAILS = [
  "",
  "/",
  "/x",
  "/a%20b?c=d",
  "?q=1",
  "/#f",
  "/%2",
  "/a b",
  "/\\x",
  "/@8.8.8.8",
  "#@8.8.8.8",
  "/é",
];
const SCHEMES = ["http", "https", "HTTP", "ftp", "file", "gopher", "javascript"];

function url(random: Random): string {
  const plain = host(random);
  const shown = plain.includes(":") && !plain.startsWith("[") && !random.once(6) ? `[${plain}]` : plain;
  const user = random.once(12) ? random.pick(["10.0.0.1@", "user:pass@", "@", "10.0.0.1\\@"]) : "";
  const scheme = random.once(3) ? random.pick(SCHEMES) : "http";
  return `${scheme}://${user}${shown}${random.once(2) ? random.pick(PORTS) : ""}${random.pick(TAILS)}`;
}

function hostPort(random: Random): string {
  const plain = host(random);
  return `${plain.includes(":") && !random.once(6) ? `[${plain}]` : plain}${random.pick(PORTS)}`;
}

function cidr(random: Random): string {
  const base = spelling(random);
  const prefix = random.once(8)
    ? random.pick(["", "33", "129", "08", "-1", "8/8", "255.0.0.0", "+8"])
    : base.includes(":")
    ? random.pick(["0", "7", "48", "64", "112", "118", "120", "127", "128"])
    : String(random.once(4) ? random.below(33) : 20 + random.below(13));
  return `${base}/${prefix}`;
}

const ODD = [
  "\n",
  "\0",
  " ",
  "\t",
  "-",
  "%",
  "@",
  "/",
  ":",
  ".",
  "[",
  "]",
  "#",
  "?",
  "\\",
  "\u202e",
  "\u00a0",
  "é",
  "\ud800",
  "0",
  "x",
  ",",
];

const BY_KIND: Readonly<Record<TargetKind, (random: Random) => string>> = {
  host,
  cidr,
  domain: name,
  url,
  host_port: hostPort,
  none: host,
};

/** A target as somebody may write it, mostly of a kind that is wanted, now and then with a character too many. */
export function target(random: Random, kinds: readonly TargetKind[]): string {
  const kind = random.pick(random.once(4) ? TARGET_KINDS : kinds);
  const text = BY_KIND[kind](random);
  if (!random.once(8)) return text;
  const at = random.below(text.length + 1);
  return text.slice(0, at) + random.pick(ODD) + text.slice(at + random.below(2));
}

const ENTRIES = [
  ...["RFC1918", "ULA", "loopback", "localhost", ".lab.internal", "printer", "web.lab.internal", ".Internal"],
  ...[
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/8",
    "169.254.0.0/16",
    "169.254.169.254",
    "224.0.0.0/4",
    "fd00::/8",
    "8.8.8.8",
  ],
];

function entry(random: Random): string {
  if (!random.once(3)) return random.pick(ENTRIES);
  const plain = address4(random);
  if (random.once(2)) return plain;
  const prefix = 1 + random.below(32);
  const size = 2n ** BigInt(32 - prefix);
  const value = plain.split(".").reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  return `${spelled(4, value - value % size)}/${prefix}`;
}

/** What is allowed, denied and known. */
export function world(random: Random): World {
  const names = new Map<string, readonly string[]>();
  for (const one of NAMES) {
    if (one === "none.lab.internal" || one === "localhost") continue;
    const inside = () => `10.0.${random.below(2)}.${random.below(256)}`;
    const addresses = Array.from(
      { length: 1 + random.below(3) },
      () => random.once(3) ? address(random) : inside(),
    );
    names.set(one, [...new Set(addresses)]);
  }
  return {
    allowed: [
      ...random.list(3, () => entry(random)),
      ...(random.once(4) ? [] : ["RFC1918", ".lab.internal"]),
    ],
    denied: !random.once(3) ? [] : random.list(2, () => entry(random)),
    names,
    own: random.once(2) ? null : { address: random.pick(OWN), port: 8080 },
  };
}
