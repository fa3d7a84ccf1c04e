import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import {
  type Certificate,
  CertificateSchema,
  decodeCertificate,
} from "../../../src/catalog/parsers/certificate.ts";
import { findPemBlocks, pemBytes } from "../../../src/catalog/parsers/pem.ts";

/** The DER bytes of a recorded certificate. */
function recordedDer(name: string): Uint8Array {
  const url = new URL(`../../fixtures/outputs/certificate_${name}.txt`, import.meta.url);
  const [block = ""] = findPemBlocks(Deno.readTextFileSync(url).split("\n")).blocks;
  const der = pemBytes(block);
  assert.ok(der !== null);
  return der;
}

function decoded(name: string): Certificate {
  const certificate = decodeCertificate(recordedDer(name), X509Certificate);
  assert.ok(certificate !== null);
  return CertificateSchema.parse(certificate);
}

Deno.test("a certificate's names are escaped as RFC 4514 says, so that none can pass for another", () => {
  const { subject, issuer, self_signed } = decoded("odd_names");
  assert.equal(
    subject,
    "emailAddress=admin@lab.internal,1.2.3.4.5=#0c036f6464,CN=\\#evil\\0aVerify return code: 0 (ok)," +
      'OU=first+OU=second,O=Exämple\\, \\<Lab\\>\\; \\"x\\" \\+ y,C=SE',
  );
  assert.deepEqual([issuer, self_signed], [subject, true]);
});

Deno.test("a certificate's alternative names are separate and have their kind", () => {
  assert.deepEqual(decoded("odd_names").san, [
    "DNS:a.lab.internal, DNS:forged.lab.internal",
    "DNS:*.lab.internal",
    "IP:2001:db8::1",
    "URI:https://lab.internal/x",
    "email:admin@lab.internal",
    "dirname:CN=directory",
  ]);
});

Deno.test("a certificate's key and signature have their standard names", () => {
  const facts = ["odd_names", "rsa_pss", "far_end"].map(decoded)
    .map((
      { key_type, key_bits, signature_algorithm, is_ca },
    ) => [key_type, key_bits, signature_algorithm, is_ca]);
  assert.deepEqual(facts, [
    ["ed25519", 256, "ED25519", true],
    ["rsa-pss", 2048, "rsassaPss", true],
    ["ec", 384, "ecdsa-with-SHA384", true],
  ]);
});

Deno.test("a certificate may end after 2050, when its times have another encoding", () => {
  assert.match(decoded("far_end").valid_to, /^2136-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

Deno.test("bytes that are changed anywhere give null or a valid certificate", () => {
  const ders = ["odd_names", "rsa_pss", "far_end"].map(recordedDer);
  const edits = fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  fc.assert(
    fc.property(fc.constantFrom(...ders), edits, fc.boolean(), (der, changes, cut) => {
      const bytes = Uint8Array.from(der);
      for (const [position, octet] of changes) bytes[Math.floor(position * bytes.length)] = octet;
      const end = cut ? Math.floor((changes[0]?.[0] ?? 0) * bytes.length) : bytes.length;
      const certificate = decodeCertificate(bytes.subarray(0, end), X509Certificate);
      if (certificate !== null) assert.deepEqual(CertificateSchema.parse(certificate), certificate);
    }),
    { numRuns: 5000 },
  );
});
