/**
 * Host names: RFC 1123 section 2.1 labels, folded to lower case, without the trailing dot.
 *
 * @module
 */

const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** The longest name that DNS carries, in characters without the trailing dot (RFC 1035 section 2.3.4). */
const MAX_NAME_LENGTH = 253;

/**
 * Reads a host name.
 *
 * A name whose last label is a number (`10.1`, `0x7f.1`) is refused: programs read it as an address (RFC 3696
 * section 2, and the WHATWG URL standard's "ends in a number"). So is one whose last label is digits and hyphens:
 * `10.0.0.1-9` is a range to nmap, and an entry that was meant as one must not be read as a name that nothing has.
 *
 * @returns the canonical name, or null when `text` is not one.
 */
export function parseHostname(text: string): string | null {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) return null;
  const labels = name.split(".");
  // Checked before folding, which turns some letters beyond ASCII (U+212A, the Kelvin sign) into ASCII ones.
  if (!labels.every((label) => LABEL.test(label))) return null;
  return /^(?:[0-9-]+|0x[0-9a-f]*)$/i.test(labels.at(-1)!) ? null : name.toLowerCase();
}

/** Whether `name` lies below `suffix` (`.lab.internal`), at any depth. */
export function isBelow(name: string, suffix: string): boolean {
  return name.endsWith(suffix) && name.length > suffix.length;
}

/** The one name that always means this machine (RFC 6761 section 6.3), and the address that it stands for. */
export const LOCALHOST = { name: "localhost", address: "127.0.0.1" } as const;
