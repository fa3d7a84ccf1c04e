import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isServerNonce,
  newServerNonce,
  nonceOfTag,
  runTag,
  TAG_RESOURCE,
} from "../../../src/confinement/linux/run_tag.ts";

const hex = (value: bigint) => value.toString(16).padStart(10, "0");
const nonce = fc.bigInt({ min: 1n, max: 2n ** 38n - 1n }).map(hex);
const sequence = fc.integer({ min: 0, max: 2 ** 24 - 1 });

Deno.test("marks: the resource is RLIMIT_LOCKS", () => assert.equal(TAG_RESOURCE, 10));

Deno.test("marks: a server's part that was drawn is one", () => {
  const drawn = Array.from({ length: 500 }, newServerNonce);
  for (const nonce of drawn) assert.ok(isServerNonce(nonce), nonce);
  assert.ok(new Set(drawn).size > 490, "and hardly ever the same");
});

Deno.test("marks: a server's part is ten digits, below 2^38, and not zero", () => {
  fc.assert(fc.property(nonce, (nonce) => assert.ok(isServerNonce(nonce))));
  fc.assert(fc.property(fc.string(), (text) => {
    if (!/^[0-9a-f]{10}$/.test(text)) assert.equal(isServerNonce(text), false);
  }));
  const none = [
    "0000000000",
    "4000000000",
    "ffffffffff",
    "000000001",
    "00000000001",
    "000000000A",
    "0x00000001",
  ];
  for (const text of [...none, "", "0000000001\n", " 000000001", "-000000001"]) {
    assert.equal(isServerNonce(text), false, JSON.stringify(text));
  }
  assert.equal(isServerNonce("3fffffffff"), true);
});

Deno.test("marks: a mark leads back to its server, and to no other", () => {
  fc.assert(fc.property(nonce, nonce, sequence, (one, other, sequence) => {
    const tag = runTag(one, sequence);
    assert.equal(nonceOfTag(tag), one);
    assert.equal(nonceOfTag(tag) === other, one === other);
    assert.ok(tag >= 2n ** 24n && tag < 2n ** 62n, "neither no limit nor a small one");
  }));
});

Deno.test("marks: two runs of a server have different marks, until it has counted to 2^24", () => {
  fc.assert(fc.property(nonce, sequence, sequence, (nonce, one, other) => {
    assert.equal(runTag(nonce, one) === runTag(nonce, other), one === other);
    assert.equal(runTag(nonce, one + 2 ** 24), runTag(nonce, one));
    assert.ok(runTag(nonce, one) <= runTag(nonce, 2 ** 24 - 1));
  }));
});

Deno.test("marks: no limit, and a limit that somebody may have set, are no marks", () => {
  for (const limit of [0n, 1n, 1024n, 2n ** 24n - 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 64n - 1n]) {
    assert.equal(nonceOfTag(limit), null, `${limit}`);
  }
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (limit) => {
    const found = nonceOfTag(limit);
    assert.equal(found === null, limit < 2n ** 24n || limit >= 2n ** 62n);
    if (found !== null) assert.ok(isServerNonce(found));
  }));
});
