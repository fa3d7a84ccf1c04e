/**
 * The nearest known word to a mistyped one.
 *
 * @module
 */

/**
 * The Damerau-Levenshtein distance (optimal string alignment): the fewest insertions, deletions, substitutions and
 * swaps of neighbours that turn `a` into `b`, in characters.
 */
export function editDistance(a: string, b: string): number {
  const from = [...a];
  const to = [...b];
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [row, character] of from.entries()) {
    const current = [row + 1];
    for (const [column, other] of to.entries()) {
      const substitution = at(previous, column) + (character === other ? 0 : 1);
      let best = Math.min(at(previous, column + 1) + 1, at(current, column) + 1, substitution);
      if (character === to[column - 1] && from[row - 1] === other) {
        best = Math.min(best, at(beforePrevious, column - 1) + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}

/**
 * Finds the candidate that `word` was probably meant to be.
 *
 * @returns the candidate at the smallest distance, the first of several; null when none is within a third of the
 * word's length (and at least one edit is always allowed).
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const limit = Math.max(1, Math.floor([...word].length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    // A word may be huge. The distance is at least the difference in length, which UTF-16 units may double.
    if (word.length > 2 * (candidate.length + limit)) continue;
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
