import assert from "node:assert/strict";
import { readSshPublicKey, sshFingerprint } from "../../../src/catalog/parsers/ssh_public_key.ts";

/** A key of the fields, each behind its length. */
function blobOf(...fields: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const parts = fields.flatMap((field) => {
    const bytes = typeof field === "string" ? new TextEncoder().encode(field) : field;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    return [...length, ...bytes];
  });
  return Uint8Array.from(parts);
}

Deno.test("an RSA key has the bits of its modulus, whatever zero byte precedes it", () => {
  const exponent = Uint8Array.of(1, 0, 1);
  for (const [modulus, bits] of [[[0, 0x80, 1], 16], [[0x7f, 1], 15], [[1], 1], [[0], 0]] as const) {
    const blob = blobOf("ssh-rsa", exponent, Uint8Array.from(modulus));
    assert.deepEqual(readSshPublicKey(blob), { format: "ssh-rsa", bits });
  }
});

Deno.test("other keys have the bits of their curve, and strange ones none", () => {
  const point = new Uint8Array(65);
  assert.equal(readSshPublicKey(blobOf("ecdsa-sha2-nistp521", "nistp521", point))?.bits, 521);
  assert.equal(readSshPublicKey(blobOf("ssh-ed25519", new Uint8Array(32)))?.bits, 256);
  assert.deepEqual(readSshPublicKey(blobOf("odd@lab", point)), { format: "odd@lab", bits: null });
});

Deno.test("what is no whole key is none", () => {
  const key = blobOf("ssh-ed25519", new Uint8Array(32));
  for (let length = 0; length < key.length; length++) {
    assert.equal(readSshPublicKey(key.subarray(0, length)), null);
  }
  const point = new Uint8Array(8);
  for (
    const fields of [
      ["ssh-ed25519", new Uint8Array(31)],
      ["ssh-rsa", point],
      ["a b", point],
      ["", point],
      ["odd", new Uint8Array(9000)],
    ] as const
  ) {
    assert.equal(readSshPublicKey(blobOf(...fields)), null);
  }
});

Deno.test("a fingerprint is SHA-256 in base64 without padding", async () => {
  // The digest of nothing, FIPS 180-4.
  assert.equal(await sshFingerprint(new Uint8Array()), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
});
