/**
 * IP addresses and networks, read strictly: one spelling in, one canonical spelling out.
 *
 * Programs differ in what they make of `0177.1`, `10.1`, `0x7f.1` or `010.0.0.1`; what one reads as a lab address is
 * a public one to the next. Such forms are therefore not read at all.
 *
 * @module
 */

/** The two families, with their widths in bits (RFC 791, RFC 8200). */
export const ADDRESS_BITS = { 4: 32, 6: 128 } as const;

/** 4 or 6. */
export type Family = keyof typeof ADDRESS_BITS;

/** An IP address as a number. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** An IP network: all addresses that share their first `prefix` bits with `base`, whose other bits are 0. */
export interface Network {
  readonly family: Family;
  readonly base: bigint;
  /** Prefix length in bits. */
  readonly prefix: number;
}

const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/;

/**
 * Reads an address: four plain decimal octets, or the IPv6 forms of RFC 4291 section 2.2 without a zone.
 * An IPv4-mapped address (`::ffff:10.0.0.1`) is the IPv4 address that it stands for.
 *
 * @returns the address, or null when `text` is anything else.
 */
export function parseAddress(text: string): Address | null {
  if (!text.includes(":")) {
    const value = parseIpv4(text);
    return value === null ? null : { family: 4, value };
  }
  const value = parseIpv6(text);
  if (value === null) return null;
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

/** The canonical spelling: dotted decimal, or RFC 5952. */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(address.value) : formatIpv6(address.value);
}

/**
 * Reads `address/prefix`. Bits right of the prefix are cleared, as the programs do it: `10.0.0.5/24` is `10.0.0.0/24`.
 *
 * @returns the network, or null when `text` is anything else.
 */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf("/");
  if (slash < 0) return null;
  const address = parseAddress(text.slice(0, slash));
  const prefixText = text.slice(slash + 1);
  if (address === null || !PREFIX.test(prefixText)) return null;
  // A prefix on an IPv4-mapped address counts from the left of 128 bits; nobody means that, so it is not read.
  if (address.family === 4 && text.includes(":")) return null;
  const prefix = Number(prefixText);
  const bits = ADDRESS_BITS[address.family];
  if (prefix > bits) return null;
  const hostBits = BigInt(bits - prefix);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefix };
}

/** The canonical spelling of a network: `10.0.0.0/24`. */
export function formatNetwork(network: Network): string {
  return `${formatAddress(firstAddress(network))}/${network.prefix}`;
}

/** How many addresses a network has. */
export function networkSize(network: Network): bigint {
  return 1n << BigInt(ADDRESS_BITS[network.family] - network.prefix);
}

/** The lowest address of a network; the address itself where it holds one alone. */
export function firstAddress(network: Network): Address {
  return { family: network.family, value: network.base };
}

/** The network that holds one address alone. */
export function singleton(address: Address): Network {
  return { family: address.family, base: address.value, prefix: ADDRESS_BITS[address.family] };
}

function parseIpv4(text: string): bigint | null {
  const octets = text.split(".");
  if (octets.length !== 4) return null;
  let value = 0n;
  for (const octet of octets) {
    if (!OCTET.test(octet) || Number(octet) > 255) return null;
    value = (value << 8n) | BigInt(octet);
  }
  return value;
}

function parseIpv6(text: string): bigint | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const left = groupsOf(halves[0]!, halves.length === 1);
  const right = halves.length === 2 ? groupsOf(halves[1]!, true) : [];
  if (left === null || right === null) return null;
  const missing = 8 - left.length - right.length;
  // "::" stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...left, ...Array<number>(missing).fill(0), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** The 16-bit groups of one side of "::"; `last` says whether it may end in a dotted IPv4 address. */
function groupsOf(text: string, last: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes(".")) {
      const value = parseIpv4(part);
      if (value === null) return null;
      groups.push(Number(value >> 16n), Number(value & 0xffffn));
    } else if (GROUP.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return null;
    }
  }
  return groups;
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) is "::". */
function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (best.length < 2) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}
