/**
 * SSH public keys in their wire form: RFC 4253 section 6.6, RFC 5656 section 3.1 and RFC 8709 section 4.
 *
 * @module
 */
import { cutText } from "./plain_text.ts";

/** The largest key that is looked at, in bytes: one of RSA with 16384 bits takes 2 KiB. */
const MAX_KEY_BYTES = 8192;

/** What a key says about itself. */
export interface SshPublicKey {
  /** The name of its format, such as "ssh-ed25519". */
  readonly format: string;
  /** Its size in bits, or null for a format that is not known here. */
  readonly bits: number | null;
}

/** The strings, each behind its length in four bytes, of which a key consists; null when it does not. */
function fieldsOf(blob: Uint8Array): Uint8Array[] | null {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const fields: Uint8Array[] = [];
  let place = 0;
  while (place < blob.length) {
    if (place + 4 > blob.length) return null;
    const end = place + 4 + view.getUint32(place);
    if (end > blob.length) return null;
    fields.push(blob.subarray(place + 4, end));
    place = end;
  }
  return fields;
}

/** The bits of a positive number in two's complement, whose first byte may be zero (RFC 4251 section 5, mpint). */
function bitsOf(number: Uint8Array): number {
  const first = number.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (number.length - first) * 8 - Math.clz32(number[first]!) + 24;
}

/** @returns what the key says about itself, or null when the bytes are no whole key. */
export function readSshPublicKey(blob: Uint8Array): SshPublicKey | null {
  if (blob.length > MAX_KEY_BYTES) return null;
  const fields = fieldsOf(blob);
  if (fields === null || fields.length < 2) return null;
  const format = cutText(String.fromCharCode(...fields[0]!.subarray(0, 64)), 64);
  if (!/^[A-Za-z0-9@.-]+$/.test(format)) return null;
  // RSA: exponent and modulus. ECDSA: the name of the curve, such as nistp256, and a point.
  if (format === "ssh-rsa") return fields.length === 3 ? { format, bits: bitsOf(fields[2]!) } : null;
  if (format === "ssh-ed25519") return fields[1]!.length === 32 ? { format, bits: 256 } : null;
  const curve = /^ecdsa-sha2-nistp(\d{3})$/.exec(format)?.[1];
  return { format, bits: curve === undefined ? null : Number(curve) };
}

/** The fingerprint as `ssh-keygen -l` shows it: SHA-256 in base64 without padding. */
export async function sshFingerprint(blob: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", blob));
  return `SHA256:${btoa(String.fromCharCode(...digest)).replace(/=+$/, "")}`;
}
