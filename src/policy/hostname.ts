/**
 * Host names: RFC 1123 section 2.1 labels, folded to lower case, without the trailing dot.
 *
 * @module
 */

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The longest name that DNS carries, in characters without the trailing dot (RFC 1035 section 2.3.4). */
const MAX_NAME_LENGTH = 253;

/**
 * Reads a host name.
 *
 * A name whose last label is a number (`10.1`, `0x7f.1`) is refused: programs read it as an address (RFC 3696
 * section 2, and the WHATWG URL standard's "ends in a number").
 *
 * @returns the canonical name, or null when `text` is not one.
 */
export function parseHostname(text: string): string | null {
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) return null;
  const labels = name.split(".");
  if (!labels.every((label) => LABEL.test(label))) return null;
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1)!) ? null : name;
}

/** Whether `name` lies below `suffix` (`.lab.internal`), at any depth. */
export function isBelow(name: string, suffix: string): boolean {
  return name.endsWith(suffix) && name.length > suffix.length;
}

/** The one name that always means this machine (RFC 6761 section 6.3), and the address that it stands for. */
export const LOCALHOST = { name: "localhost", address: "127.0.0.1" } as const;
