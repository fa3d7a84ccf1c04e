/**
 * The entries of `security.allowed_targets` and `security.denied_targets`, and the ranges that no general entry opens.
 *
 * @module
 */
import { quote } from "../core/text.ts";
import { formatNetwork, type Network, parseAddress, parseNetwork, singleton } from "./address.ts";
import { LOCALHOST, parseHostname } from "./hostname.ts";

/** One entry: the addresses, names and name suffixes that it stands for. */
export interface TargetRule {
  /** As it was written, for messages. */
  readonly text: string;
  readonly networks: readonly Network[];
  readonly names: readonly string[];
  /** With the leading dot. */
  readonly suffixes: readonly string[];
}

/** The entries that have a name of their own. */
const KEYWORDS: Readonly<Record<string, { networks: readonly string[]; names?: readonly string[] }>> = {
  /** RFC 1918 section 3: these three and nothing else (D7). */
  RFC1918: { networks: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] },
  /** Unique local addresses, RFC 4193. */
  ULA: { networks: ["fc00::/7"] },
  /** RFC 1122 section 3.2.1.3 and RFC 4291 section 2.5.3. */
  loopback: { networks: ["127.0.0.0/8", "::1/128"], names: [LOCALHOST.name] },
  /** The one name whose addresses are known beforehand. */
  localhost: { networks: ["127.0.0.1/32", "::1/128"], names: [LOCALHOST.name] },
};

/** What an entry may be, for messages. */
const RULE_FORMS = "RFC1918, ULA, loopback, a CIDR or address, an exact host name, or a .suffix";

/**
 * Reads one entry.
 *
 * @returns the rule, or a message that says what is wrong.
 */
export function parseTargetRule(text: string): TargetRule | string {
  const none = { networks: [], names: [], suffixes: [] };
  const keyword = Object.hasOwn(KEYWORDS, text) ? KEYWORDS[text]! : undefined;
  if (keyword !== undefined) {
    return { ...none, text, networks: keyword.networks.map(knownNetwork), names: keyword.names ?? [] };
  }
  const address = parseAddress(text);
  if (address !== null) return { ...none, text, networks: [singleton(address)] };
  if (text.includes("/")) {
    const network = parseNetwork(text);
    if (network === null) {
      return `Cannot parse target entry ${quote(text)}: not a network such as 10.0.0.0/24`;
    }
    // In a rule, host bits are more likely a slip than a wish: 10.0.0.5/8 opens 16 million addresses.
    const start = parseAddress(text.slice(0, text.indexOf("/")));
    if (start?.value !== network.base) {
      return `Cannot parse target entry ${quote(text)}: bits are set to the right of the prefix; ` +
        `write ${formatNetwork(network)} for the network or leave the prefix out for the address`;
    }
    return { ...none, text, networks: [network] };
  }
  if (text.startsWith(".")) {
    const name = parseHostname(text.slice(1));
    if (name !== null) return { ...none, text, suffixes: [`.${name}`] };
  }
  const name = parseHostname(text);
  if (name !== null) {
    const known = Object.keys(KEYWORDS).find((key) => key.toLowerCase() === name);
    if (known !== undefined) return `Cannot parse target entry ${quote(text)}: did you mean ${known}?`;
    return { ...none, text, names: [name] };
  }
  return `Cannot parse target entry ${quote(text)}: expected ${RULE_FORMS}`;
}

/** A range that only an entry lying wholly inside it opens, so that `0.0.0.0/0` or `ULA` never does by accident. */
export interface GuardedRange {
  readonly network: Network;
  readonly name: string;
}

/**
 * The metadata services of clouds, and RFC 6890's special purposes that a scan must not reach by accident. The first
 * that a target reaches names it in messages, so what is narrower stands first.
 */
export const GUARDED_RANGES: readonly GuardedRange[] = [
  guarded("169.254.169.254/32", "a cloud's metadata service"),
  guarded("169.254.170.2/32", "a cloud's metadata service"),
  guarded("169.254.170.23/32", "a cloud's metadata service"),
  guarded("169.254.42.42/32", "a cloud's metadata service"),
  guarded("100.100.100.200/32", "a cloud's metadata service"),
  guarded("168.63.129.16/32", "a cloud's metadata service"),
  guarded("192.0.0.192/32", "a cloud's metadata service"),
  guarded("fd00:ec2::254/128", "a cloud's metadata service"),
  guarded("fd00:ec2::23/128", "a cloud's metadata service"),
  guarded("fd00:42::42/128", "a cloud's metadata service"),
  guarded("fd20:ce::254/128", "a cloud's metadata service"),
  guarded("0.0.0.0/8", "this network (RFC 1122)"),
  guarded("169.254.0.0/16", "link-local (RFC 3927)"),
  guarded("224.0.0.0/4", "multicast (RFC 5771)"),
  guarded("255.255.255.255/32", "the broadcast address (RFC 919)"),
  guarded("::/128", "the unspecified address (RFC 4291)"),
  guarded("fe80::/10", "link-local (RFC 4291)"),
  guarded("ff00::/8", "multicast (RFC 4291)"),
  // These carry an IPv4 address inside, past the rules for that address.
  guarded("64:ff9b::/96", "an IPv4 address behind NAT64 (RFC 6052)"),
  guarded("64:ff9b:1::/48", "an IPv4 address behind NAT64 (RFC 8215)"),
  guarded("2001::/32", "an IPv4 address in Teredo (RFC 4380)"),
  guarded("2002::/16", "an IPv4 address in 6to4 (RFC 3056)"),
  guarded("::/96", "an IPv4-compatible address (RFC 4291)"),
];

function guarded(network: string, name: string): GuardedRange {
  return { network: knownNetwork(network), name };
}

/** For the constants of this file, which are known to be right. */
function knownNetwork(text: string): Network {
  const network = parseNetwork(text);
  if (network === null) throw new Error(`not a network: ${text}`);
  return network;
}
