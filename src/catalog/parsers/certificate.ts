/**
 * X.509 certificates (RFC 5280) as plain objects.
 *
 * @module
 */
import type { X509Certificate } from "node:crypto";
import * as z from "zod";
import { derChildren, type DerElement, derElements, derIntegerBits, derOid, DerTag } from "./der.ts";
import { distinguishedName } from "./distinguished_name.ts";

/** The shape of {@linkcode Certificate}. */
export const CertificateSchema = z.strictObject({
  subject: z.string().describe("Distinguished name as in RFC 4514."),
  issuer: z.string().describe("Distinguished name as in RFC 4514."),
  serial: z.string().describe("Hexadecimal."),
  valid_from: z.iso.datetime(),
  valid_to: z.iso.datetime(),
  san: z.array(z.string())
    .describe('Alternative names, each with its kind: "DNS:", "IP:", "URI:", "email:" or "dirname:".'),
  key_type: z.string().nullable().describe("rsa, rsa-pss, ec, dsa, ed25519, ed448, or the algorithm's OID."),
  key_bits: z.int().min(0).nullable(),
  signature_algorithm: z.string().nullable().describe("OpenSSL's long name, or the algorithm's OID."),
  fingerprint_sha256: z.string().describe(
    "Of the whole certificate, as pairs of hexadecimal digits and colons.",
  ),
  self_signed: z.boolean().describe(
    "Issuer and subject are the same name; the signature itself is not checked.",
  ),
  is_ca: z.boolean().describe("The basic constraints say that it may issue certificates."),
});

/** One certificate, as its issuer wrote it; nothing in it is verified. */
export type Certificate = z.infer<typeof CertificateSchema>;

const SIGNATURE_ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.4", "md5WithRSAEncryption"],
  ["1.2.840.113549.1.1.5", "sha1WithRSAEncryption"],
  ["1.2.840.113549.1.1.10", "rsassaPss"],
  ["1.2.840.113549.1.1.11", "sha256WithRSAEncryption"],
  ["1.2.840.113549.1.1.12", "sha384WithRSAEncryption"],
  ["1.2.840.113549.1.1.13", "sha512WithRSAEncryption"],
  ["1.2.840.113549.1.1.14", "sha224WithRSAEncryption"],
  ["1.2.840.10045.4.1", "ecdsa-with-SHA1"],
  ["1.2.840.10045.4.3.1", "ecdsa-with-SHA224"],
  ["1.2.840.10045.4.3.2", "ecdsa-with-SHA256"],
  ["1.2.840.10045.4.3.3", "ecdsa-with-SHA384"],
  ["1.2.840.10045.4.3.4", "ecdsa-with-SHA512"],
  ["2.16.840.1.101.3.4.3.2", "dsa_with_SHA256"],
  ["1.3.101.112", "ED25519"],
  ["1.3.101.113", "ED448"],
]);

const CURVE_BITS: ReadonlyMap<string, number> = new Map([
  ["1.2.840.10045.3.1.1", 192],
  ["1.3.132.0.33", 224],
  ["1.2.840.10045.3.1.7", 256],
  ["1.3.132.0.10", 256],
  ["1.3.36.3.3.2.8.1.1.7", 256],
  ["1.3.132.0.34", 384],
  ["1.3.36.3.3.2.8.1.1.11", 384],
  ["1.3.36.3.3.2.8.1.1.13", 512],
  ["1.3.132.0.35", 521],
]);

const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
/** The context tags of the optional fields of a TBSCertificate (RFC 5280, section 4.1). */
const VERSION_TAG = 0xa0;
const EXTENSIONS_TAG = 0xa3;

function keyOf(keyInfo: DerElement | undefined): { type: string | null; bits: number | null } {
  const [algorithm, keyBits] = derChildren(keyInfo, DerTag.sequence);
  const [oidElement, parameters] = derChildren(algorithm, DerTag.sequence);
  const oid = derOid(oidElement);
  switch (oid) {
    case "1.2.840.113549.1.1.1":
    case "1.2.840.113549.1.1.10": {
      // The first octet of a BIT STRING counts its unused bits.
      const [key] = keyBits?.tag === DerTag.bitString ? derElements(keyBits.content.subarray(1)) : [];
      const [modulus] = derChildren(key, DerTag.sequence);
      return { type: oid.endsWith(".10") ? "rsa-pss" : "rsa", bits: derIntegerBits(modulus) };
    }
    case "1.2.840.10045.2.1":
      return { type: "ec", bits: CURVE_BITS.get(derOid(parameters) ?? "") ?? null };
    case "1.2.840.10040.4.1":
      return { type: "dsa", bits: derIntegerBits(derChildren(parameters, DerTag.sequence)[0]) };
    case "1.3.101.112":
      return { type: "ed25519", bits: 256 };
    case "1.3.101.113":
      return { type: "ed448", bits: 456 };
    default:
      return { type: oid, bits: null };
  }
}

function ipText(octets: Uint8Array): string | null {
  if (octets.length === 4) return octets.join(".");
  if (octets.length !== 16) return null;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16));
  // The URL standard serializes IPv6 addresses in the short form of RFC 5952.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** @returns a GeneralName (RFC 5280, section 4.2.1.6) with its kind, or null for the kinds that have no plain text. */
function alternativeName({ tag, content }: DerElement): string | null {
  switch (tag) {
    case 0x81:
      return `email:${new TextDecoder().decode(content)}`;
    case 0x82:
      return `DNS:${new TextDecoder().decode(content)}`;
    case 0xa4:
      return `dirname:${distinguishedName(derElements(content)[0])}`;
    case 0x86:
      return `URI:${new TextDecoder().decode(content)}`;
    case 0x87: {
      const address = ipText(content);
      return address === null ? null : `IP:${address}`;
    }
    default:
      return null;
  }
}

function alternativeNames(extensions: DerElement | undefined): string[] {
  for (const extension of derChildren(derChildren(extensions, EXTENSIONS_TAG)[0], DerTag.sequence)) {
    const fields = derChildren(extension, DerTag.sequence);
    if (derOid(fields[0]) !== SUBJECT_ALTERNATIVE_NAME) continue;
    // The flag "critical" may stand before the value.
    const value = fields.at(-1);
    const [names] = value?.tag === DerTag.octetString ? derElements(value.content) : [];
    return derChildren(names, DerTag.sequence).map(alternativeName).filter((name) => name !== null);
  }
  return [];
}

function isoTime(time: Date): string | null {
  if (Number.isNaN(time.getTime())) return null;
  return /^[0-9]{4}-[^.]*/.exec(time.toISOString())?.[0].concat("Z") ?? null;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}

/**
 * Decodes one certificate.
 *
 * @param der The certificate in DER.
 * @param decoder `X509Certificate` of `node:crypto`, which the caller loads when it is needed.
 * @returns the certificate, or null when the bytes are not one.
 */
export function decodeCertificate(der: Uint8Array, decoder: typeof X509Certificate): Certificate | null {
  const [tbs, signatureAlgorithm] = derChildren(derElements(der)[0], DerTag.sequence);
  const fields = derChildren(tbs, DerTag.sequence);
  // A version 1 certificate leaves its version out.
  if (fields[0]?.tag === VERSION_TAG) fields.shift();
  const [_serial, _signature, issuer, _validity, subject, keyInfo, ...rest] = fields;
  if (issuer === undefined || subject === undefined) return null;
  const key = keyOf(keyInfo);
  const signatureOid = derOid(derChildren(signatureAlgorithm, DerTag.sequence)[0]);
  try {
    const certificate = new decoder(der);
    const validFrom = isoTime(certificate.validFromDate);
    const validTo = isoTime(certificate.validToDate);
    if (validFrom === null || validTo === null) return null;
    return {
      subject: distinguishedName(subject),
      issuer: distinguishedName(issuer),
      serial: certificate.serialNumber,
      valid_from: validFrom,
      valid_to: validTo,
      san: alternativeNames(rest.find(({ tag }) => tag === EXTENSIONS_TAG)),
      key_type: key.type,
      key_bits: key.bits,
      signature_algorithm: SIGNATURE_ALGORITHMS.get(signatureOid ?? "") ?? signatureOid,
      fingerprint_sha256: certificate.fingerprint256,
      self_signed: sameBytes(issuer.encoding, subject.encoding),
      is_ca: certificate.ca,
    };
  } catch {
    // The decoder says by throwing that the bytes are not a certificate.
    return null;
  }
}
