/**
 * Bytes that arrive in pieces of any size, kept in one growing buffer: a program that writes a byte at a time costs
 * no more memory than one that writes a block.
 *
 * @module
 */

/** A buffer that grows up to a fixed capacity. */
export class ByteBuffer {
  readonly #capacity: number;
  #buffer = new Uint8Array(0);
  #length = 0;

  /** @param capacity the most bytes that are ever kept */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @returns false when the bytes do not fit under the capacity; then nothing of them is kept. */
  append(bytes: Uint8Array): boolean {
    const length = this.#length + bytes.length;
    if (length > this.#capacity) return false;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(this.#capacity, Math.max(length, 2 * this.#buffer.length, 1024)));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
    return true;
  }

  /** What was kept; a view that later appends leave as it is. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}
