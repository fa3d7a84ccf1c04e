/**
 * Sets of addresses, as sorted ranges that do not touch. Union, difference and containment are exact for any mix of
 * networks, so that a CIDR is allowed when all of it is, whichever entries together cover it.
 *
 * @module
 */
import { ADDRESS_BITS, type Family, type Network } from "./address.ts";

interface Range {
  readonly first: bigint;
  /** Inclusive. */
  readonly last: bigint;
}

/** An immutable set of IP addresses of both families. */
export class AddressSet {
  readonly #ranges: Readonly<Record<Family, readonly Range[]>>;

  private constructor(ranges: Readonly<Record<Family, readonly Range[]>>) {
    this.#ranges = ranges;
  }

  /** The addresses of all `networks` together. */
  static of(networks: Iterable<Network>): AddressSet {
    const ranges: Record<Family, Range[]> = { 4: [], 6: [] };
    for (const network of networks) ranges[network.family].push(rangeOf(network));
    return new AddressSet({ 4: merge(ranges[4]), 6: merge(ranges[6]) });
  }

  /** The addresses that are in any of `sets`. */
  static union(sets: readonly AddressSet[]): AddressSet {
    const all = (family: Family) => merge(sets.flatMap((set) => set.#ranges[family]));
    return new AddressSet({ 4: all(4), 6: all(6) });
  }

  /** The addresses that are in this set and not in `other`. */
  without(other: AddressSet): AddressSet {
    const cut = (family: Family) => subtract(this.#ranges[family], other.#ranges[family]);
    return new AddressSet({ 4: cut(4), 6: cut(6) });
  }

  /** Whether every address of `network` is in this set. */
  contains(network: Network): boolean {
    const wanted = rangeOf(network);
    return this.#ranges[network.family].some((range) =>
      range.first <= wanted.first && wanted.last <= range.last
    );
  }

  /** Whether any address of `network` is in this set. */
  overlaps(network: Network): boolean {
    const wanted = rangeOf(network);
    return this.#ranges[network.family].some((range) =>
      range.first <= wanted.last && wanted.first <= range.last
    );
  }
}

function rangeOf(network: Network): Range {
  const hostBits = BigInt(ADDRESS_BITS[network.family] - network.prefix);
  return { first: network.base, last: network.base + (1n << hostBits) - 1n };
}

/** Sorts, and joins what overlaps or touches. */
function merge(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Range[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1n) merged.push(range);
    else if (range.last > previous.last) merged[merged.length - 1] = { ...previous, last: range.last };
  }
  return merged;
}

/** Both lists sorted and free of overlaps. */
function subtract(ranges: readonly Range[], holes: readonly Range[]): Range[] {
  const left: Range[] = [];
  for (const range of ranges) {
    let first = range.first;
    for (const hole of holes) {
      if (hole.last < first || hole.first > range.last) continue;
      if (hole.first > first) left.push({ first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= range.last) left.push({ first, last: range.last });
  }
  return left;
}
