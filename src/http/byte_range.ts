/**
 * Ranges of bytes, as a request asks for them: RFC 9110, section 14.
 *
 * @module
 */

/** What is to be sent of a representation. */
export type SelectedRange =
  /** All of it: no range was asked for, or none that is understood, or several, which a server may ignore. */
  | { readonly kind: "whole" }
  /** The bytes from `offset` on: at least one, none beyond the end. */
  | { readonly kind: "part"; readonly offset: number; readonly length: number }
  /** A range that begins beyond the end. */
  | { readonly kind: "unsatisfiable" };

const WHOLE: SelectedRange = { kind: "whole" };
const UNSATISFIABLE: SelectedRange = { kind: "unsatisfiable" };

/** Names of units are read in any case (section 14.1). */
const BYTES = /^bytes=(.*)$/i;

/** One element of the list: `first-last`, `first-` or `-length`. */
const RANGE = /^(?:(?<first>\d+)-(?<last>\d*)|-(?<suffix>\d+))$/;

/**
 * What a `Range` header selects.
 *
 * @param header the field's value; null when there is none
 * @param length of the representation, in bytes
 */
export function selectRange(header: string | null, length: number): SelectedRange {
  const list = BYTES.exec(header ?? "")?.[1];
  if (list === undefined) return WHOLE;
  // Empty elements of a list are not counted (section 5.6.1.2); blanks may stand around its commas only.
  const elements = list.split(",").map((element) => element.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((element) => element !== "");
  const [element] = elements;
  if (element === undefined || elements.length > 1 || /^[ \t]|[ \t]$/.test(list)) return WHOLE;
  const groups = RANGE.exec(element)?.groups;
  if (groups === undefined) return WHOLE;
  const { first, last, suffix } = groups;
  if (suffix !== undefined) return lastBytes(BigInt(suffix), length);
  const offset = BigInt(first!);
  const end = last === "" ? null : BigInt(last!);
  if (end !== null && end < offset) return WHOLE;
  if (offset >= BigInt(length)) return UNSATISFIABLE;
  const stop = end === null || end >= BigInt(length) ? length : Number(end) + 1;
  return { kind: "part", offset: Number(offset), length: stop - Number(offset) };
}

function lastBytes(wanted: bigint, length: number): SelectedRange {
  if (wanted === 0n) return UNSATISFIABLE;
  // Of nothing the last bytes are nothing, which no Content-Range can say.
  if (length === 0) return WHOLE;
  const count = wanted > BigInt(length) ? length : Number(wanted);
  return { kind: "part", offset: length - count, length: count };
}
