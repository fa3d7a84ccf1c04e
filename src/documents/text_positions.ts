/**
 * Offsets in a text as lines and columns.
 *
 * @module
 */

/** A place in a file. */
export interface Position {
  /** From 1. */
  readonly line: number;
  /** In Unicode characters, from 1. */
  readonly column: number;
}

/**
 * Indexes the lines of a text, which end as YAML's do: with a line feed, a carriage return or both.
 *
 * @returns a function from an offset (in UTF-16 units, clamped to the text) to its position.
 */
export function indexPositions(text: string): (offset: number) => Position {
  const lineStarts = [0].concat(ends(text, /\r\n?|\n/g));
  // Characters beyond U+FFFF take two units. They are counted here once, since a document may be one long line.
  const pairEnds = ends(text, /[\uD800-\uDBFF][\uDC00-\uDFFF]/g);
  return (offset) => {
    const clamped = Math.min(Math.max(offset, 0), text.length);
    const line = countUpTo(lineStarts, clamped);
    const lineStart = lineStarts[line - 1] ?? 0;
    const pairs = countUpTo(pairEnds, clamped) - countUpTo(pairEnds, lineStart);
    return { line, column: clamped - lineStart - pairs + 1 };
  };
}

function ends(text: string, pattern: RegExp): number[] {
  return Array.from(text.matchAll(pattern), (match) => match.index + match[0].length);
}

/** How many of the ascending numbers are not greater than the limit. */
function countUpTo(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? Infinity) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
