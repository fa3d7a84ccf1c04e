import assert from "node:assert/strict";
import fc from "fast-check";
import { type Network, parseAddress, parseNetwork, singleton } from "../../src/policy/address.ts";
import { AddressSet } from "../../src/policy/address_set.ts";
import { holds, ipv4 } from "./support.ts";

/** The sixteen addresses of 10.0.0.0/28: small enough to ask after every one. */
const UNIVERSE = Array.from({ length: 16 }, (_, last) => `10.0.0.${last}`);

/** All networks of the universe, as text: /28 to /32. */
const NETWORKS = [28, 29, 30, 31, 32].flatMap((prefix) =>
  Array.from(
    { length: 2 ** (prefix - 28) },
    (_, index) => `10.0.0.${index * 2 ** (32 - prefix)}/${prefix}`,
  )
);

const networks = fc.array(fc.constantFrom(...NETWORKS), { maxLength: 6 });

/** A set in two forms: the one under test, and its members one by one. */
interface Both {
  readonly set: AddressSet;
  readonly members: ReadonlySet<string>;
}

function bothOf(texts: readonly string[]): Both {
  return {
    set: AddressSet.of(texts.map(net)),
    members: new Set(UNIVERSE.filter((address) => texts.some((text) => holds(text, address)))),
  };
}

/** Random expressions of unions and differences. */
const both: fc.Arbitrary<Both> = fc.letrec<{ set: Both }>((tie) => ({
  set: fc.oneof(
    { maxDepth: 3 },
    networks.map(bothOf),
    fc.array(tie("set"), { maxLength: 3 }).map((parts) => ({
      set: AddressSet.union(parts.map((part) => part.set)),
      members: new Set(parts.flatMap((part) => [...part.members])),
    })),
    fc.tuple(tie("set"), tie("set")).map(([left, right]) => ({
      set: left.set.without(right.set),
      members: left.members.difference(right.members),
    })),
  ),
})).set;

Deno.test("a set holds exactly the addresses that its networks hold one by one", () => {
  fc.assert(fc.property(both, ({ set, members }) => {
    for (const address of UNIVERSE) {
      assert.equal(set.contains(singleton(parseAddress(address)!)), members.has(address));
    }
  }));
});

Deno.test("a network is contained when all its addresses are, and overlaps when any is", () => {
  fc.assert(fc.property(both, ({ set, members }) => {
    for (const text of NETWORKS) {
      const inside = UNIVERSE.filter((address) => holds(text, address));
      assert.equal(set.contains(net(text)), inside.every((address) => members.has(address)), text);
      assert.equal(set.overlaps(net(text)), inside.some((address) => members.has(address)), text);
    }
  }));
});

Deno.test("a set does not change when another is made from it", () => {
  const set = AddressSet.of([net("10.0.0.0/28")]);
  set.without(AddressSet.of([net("10.0.0.0/29")]));
  AddressSet.union([set, AddressSet.of([net("10.0.1.0/28")])]);
  assert.ok(set.contains(net("10.0.0.0/28")));
  assert.ok(!set.overlaps(net("10.0.1.0/28")));
});

Deno.test("two neighbouring halves contain the whole", () => {
  assert.ok(AddressSet.of([net("10.0.0.128/25"), net("10.0.0.0/25")]).contains(net("10.0.0.0/24")));
});

Deno.test("one missing address keeps a network from being contained", () => {
  const set = AddressSet.of([net("10.0.0.0/8")]).without(AddressSet.of([net("10.255.255.255/32")]));
  assert.ok(!set.contains(net("10.0.0.0/8")));
  assert.ok(!set.contains(net("10.255.255.254/31")));
  assert.ok(set.contains(net("10.255.255.254/32")));
});

Deno.test("the first and the last address of each family are addresses like others", () => {
  const all = AddressSet.of([net("0.0.0.0/0"), net("::/0")]);
  for (const text of ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]) {
    assert.ok(all.contains(singleton(parseAddress(text)!)), text);
    const rest = all.without(AddressSet.of([net(`${text}/${text.includes(":") ? 128 : 32}`)]));
    assert.ok(!rest.contains(singleton(parseAddress(text)!)), text);
  }
  assert.ok(all.without(AddressSet.of([net("0.0.0.0/0")])).contains(net("::/0")));
});

Deno.test("the families are apart: 10.0.0.1 is not ::a00:1", () => {
  const four = AddressSet.of([net("0.0.0.0/0")]);
  assert.ok(!four.contains(singleton(parseAddress("::a00:1")!)));
  assert.ok(!four.overlaps(net("::/96")));
  const six = AddressSet.of([net("::/0")]);
  assert.ok(!six.contains(singleton(parseAddress("10.0.0.1")!)));
  assert.ok(six.without(four).contains(net("::/0")));
});

Deno.test("over all of IPv4, membership is what node:net says", () => {
  const lists = fc.array(fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(lists, lists, ipv4, fc.nat(4), (kept, cut, random, pick) => {
    const texts = kept.map(([address, prefix]) => `${address}/${prefix}`);
    const holes = cut.map(([address, prefix]) => `${address}/${prefix}`);
    const set = AddressSet.of(texts.map(net)).without(AddressSet.of(holes.map(net)));
    for (const address of [random, kept[pick % kept.length]![0], cut[pick % cut.length]![0]]) {
      const expected = texts.some((text) => holds(text, address)) &&
        !holes.some((text) => holds(text, address));
      assert.equal(set.contains(singleton(parseAddress(address)!)), expected);
    }
  }));
});

function net(text: string): Network {
  const network = parseNetwork(text);
  assert.ok(network, text);
  return network;
}
