/**
 * What addresses and networks are, said a second time: text is judged by `node:net` and the URL standard, sets are
 * arithmetic on numbers. Nothing of the code under test is used.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";

/** Addresses from `first` to `last`, as numbers. */
export interface Span {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** The canonical spelling of an address, or null; one that is IPv4-mapped is an IPv4 address. */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return null;
  // The URL standard writes addresses as RFC 5952 does, but for the dotted end.
  const plain = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(plain);
  if (mapped === null) return plain;
  const [high, low] = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The number of a canonical address. */
export function numberOfAddress(text: string): bigint {
  if (!text.includes(":")) return text.split(".").reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  const [left = "", right] = text.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const tail = right === undefined ? [] : groups(right);
  const zeros = Array<string>(8 - groups(left).length - tail.length).fill("0");
  return [...groups(left), ...zeros, ...tail].reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}

/** The canonical spelling of a number. */
export function spelled(family: 4 | 6, value: bigint): string {
  const size = family === 4 ? 256n : 65536n;
  const parts: string[] = [];
  for (let rest = value; parts.length < (family === 4 ? 4 : 8); rest /= size) {
    parts.unshift((rest % size).toString(family === 4 ? 10 : 16));
  }
  return family === 4 ? parts.join(".") : canonicalAddress(parts.join(":"))!;
}

/** The addresses of `address` or `address/prefix`, or null; host bits do not count. */
export function spanOf(text: string): Span | null {
  const [base, prefix, more] = text.split("/") as [string, string?, string?];
  const address = canonicalAddress(base);
  if (address === null || more !== undefined) return null;
  const family = address.includes(":") ? 6 : 4;
  const bits = family === 4 ? 32 : 128;
  const first = numberOfAddress(address);
  if (prefix === undefined) return { family, first, last: first };
  // The prefix of an IPv4-mapped network counts from elsewhere.
  if (family === 4 && base.includes(":")) return null;
  const length = Number(prefix);
  if (!Number.isInteger(length) || String(length) !== prefix || length < 0 || length > bits) return null;
  const size = 2n ** BigInt(bits - length);
  return { family, first: first - first % size, last: first - first % size + size - 1n };
}

/** Whether all of `inner` is in `outer`. */
export function within(inner: Span, outer: Span): boolean {
  return inner.family === outer.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** What is never opened by an entry that reaches beyond it: the list of the documentation, once more. */
export const GUARDS: readonly Span[] = [
  ...["0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255", "::", "fe80::/10", "ff00::/8"],
  ...["169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "100.100.100.200"],
  ...["168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd00:42::42", "fd20:ce::254"],
  ...["64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "::/96"],
].map((text) => spanOf(text)!);

/** Whether each address of `span` may be reached: an entry opens it, and none denies it. */
export function mayReach(span: Span, allowed: readonly Span[], denied: readonly Span[]): boolean {
  // Between two neighbouring edges all addresses are alike, so that one of each stretch is asked after.
  const edges = [...allowed, ...denied, ...GUARDS].filter(({ family }) => family === span.family)
    .flatMap(({ first, last }) => [first, last + 1n])
    .filter((edge) => span.first < edge && edge <= span.last);
  return [span.first, ...edges].every((value) => {
    const one = { family: span.family, first: value, last: value };
    const around = GUARDS.filter((guard) => within(one, guard));
    return !denied.some((entry) => within(one, entry)) &&
      allowed.some((entry) => within(one, entry) && around.every((guard) => within(entry, guard)));
  });
}
