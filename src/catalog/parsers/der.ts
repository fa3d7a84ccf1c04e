/**
 * Reading DER (ITU-T X.690), the encoding of X.509 certificates.
 *
 * `node:crypto` decodes certificates too, but what it gives differs between Deno releases (the older ones give no
 * alternative names and no signature algorithm) and it joins names into one string in which a comma or a line break
 * may be the certificate's own. Those fields are read from the bytes instead.
 *
 * @module
 */

/** One tag-length-value element. */
export interface DerElement {
  /** The identifier octet: class, constructed bit and tag number. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** The whole element, its identifier and length included. */
  readonly encoding: Uint8Array;
}

/** The identifier octets that a certificate's fields have. */
export const DerTag = Object.freeze({
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
});

/** @returns the element that begins at `offset`, or null when no whole one does. */
function elementAt(bytes: Uint8Array, offset: number): DerElement | null {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  // Tag numbers above 30 take more octets; certificates have none.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return null;
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > 4) return null;
    length = 0;
    for (const octet of bytes.subarray(start, start + octets)) length = length * 256 + octet;
    start += octets;
  }
  const end = start + length;
  if (end > bytes.length) return null;
  return { tag, content: bytes.subarray(start, end), encoding: bytes.subarray(offset, end) };
}

/** @returns the elements that the bytes consist of, up to the first that is not whole. */
export function derElements(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = [];
  let offset = 0;
  for (;;) {
    const element = elementAt(bytes, offset);
    if (element === null) return elements;
    elements.push(element);
    offset += element.encoding.length;
  }
}

/** @returns the elements inside `element`; none when it is missing or has another tag. */
export function derChildren(element: DerElement | undefined, tag: number): DerElement[] {
  return element?.tag === tag ? derElements(element.content) : [];
}

/** @returns an OBJECT IDENTIFIER in dotted form, or null when the element is not a sensible one. */
export function derOid(element: DerElement | undefined): string | null {
  if (element?.tag !== DerTag.objectIdentifier) return null;
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of element.content) {
    arc = arc * 128 + (octet & 0x7f);
    if (arc > 0xffff_ffff) return null;
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const first = arcs.shift();
  if (first === undefined || arcs.length > 30) return null;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs].join(".");
}

/** @returns how many bits a non-negative INTEGER has, or null when the element is not one. */
export function derIntegerBits(element: DerElement | undefined): number | null {
  if (element?.tag !== DerTag.integer) return null;
  const start = element.content.findIndex((octet) => octet !== 0);
  if (start === -1) return 0;
  return (element.content.length - start) * 8 - Math.clz32(element.content[start] ?? 0) + 24;
}
