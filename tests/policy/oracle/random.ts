/**
 * Random choices that can be made again: a generator of our own with a seed, since a million cases of a library that
 * shrinks would take an hour.
 *
 * @module
 */

/** Choices that follow from a seed alone. */
export class Random {
  #state: number;

  /** @param seed an integer from 1 up */
  constructor(seed: number) {
    this.#state = seed;
    // Small seeds begin with many zero bits.
    for (let round = 0; round < 16; round++) this.below(2);
  }

  /** From 0 up to, and without, `end`. Marsaglia's xorshift of 32 bits (Journal of Statistical Software 8, 2003). */
  below(end: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return Math.floor(((state >>> 0) / 0x1_0000_0000) * end);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Up to `most` of what `make` makes. */
  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  /** Any 32 bits. */
  bits32(): number {
    return this.below(0x1_0000) * 0x1_0000 + this.below(0x1_0000);
  }
}

/**
 * How many cases a property is given here: few in the ordinary run of all tests, a million and more in
 * `deno task prove`.
 */
export const CASES = Number(Deno.env.get("PROVE_CASES") ?? 25_000);

/** Says how much was proved, to whoever asked for a proof. */
export function tell(text: string): void {
  // deno-lint-ignore no-console -- the point of `deno task prove`
  if (Deno.env.has("PROVE_CASES")) console.log(text);
}
