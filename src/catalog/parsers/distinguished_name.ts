/**
 * X.500 names as text, in the string form of RFC 4514: last attribute first, such as "CN=www.example.org,O=Example".
 *
 * @module
 */
import { derChildren, type DerElement, derOid, DerTag } from "./der.ts";

/** Attribute types that have a short name: those of RFC 4514 and the two others that certificates often hold. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "STREET"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
]);

/** The string types of ASN.1 that names use, by tag, with the encoding of their text. */
const STRING_ENCODINGS: ReadonlyMap<number, string> = new Map([
  [0x0c, "utf-8"],
  [0x12, "utf-8"],
  [0x13, "utf-8"],
  [0x14, "latin1"],
  [0x16, "utf-8"],
  [0x1e, "utf-16be"],
]);

/** @returns each octet as two hexadecimal digits behind `prefix`. */
function hex(bytes: Uint8Array, prefix = ""): string {
  return Array.from(bytes, (octet) => prefix + octet.toString(16).padStart(2, "0")).join("");
}

function escapeValue(value: string): string {
  return value
    .replace(/["+,;<>\\]|^[ #]| $/g, "\\$&")
    .replace(/\p{Cc}/gu, (control) => hex(new TextEncoder().encode(control), "\\"));
}

function attributeText(attribute: DerElement): string | null {
  const [type, value] = derChildren(attribute, DerTag.sequence);
  const oid = derOid(type);
  if (oid === null || value === undefined) return null;
  const name = SHORT_NAMES.get(oid);
  const encoding = STRING_ENCODINGS.get(value.tag);
  // RFC 4514, section 2.4: a value whose text form is not known is "#" and its BER encoding in hexadecimal.
  if (name === undefined || encoding === undefined) return `${name ?? oid}=#${hex(value.encoding)}`;
  return `${name}=${escapeValue(new TextDecoder(encoding).decode(value.content))}`;
}

/** @returns the Name as text; what in it cannot be read is left out. An empty Name is an empty string. */
export function distinguishedName(name: DerElement | undefined): string {
  return derChildren(name, DerTag.sequence)
    .map((relative) =>
      derChildren(relative, DerTag.set).map(attributeText).filter((text) => text !== null).join("+")
    )
    .filter((text) => text !== "")
    .reverse()
    .join(",");
}
