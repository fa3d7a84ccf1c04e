/**
 * Lines on their way to an output that may not take them: standard error is often a pipe that nobody reads. Whoever
 * writes a line never waits; what does not fit is counted, and the number said when there is room again.
 *
 * @module
 */

/** Bytes of lines that wait at most; as many again may be on their way. */
export const MAX_WAITING_BYTES = 1_048_576;

/** Where bytes go: standard error, or a test's stand-in. */
export interface ByteSink {
  /** Writes some of the bytes, at least one; resolves with how many. */
  write(bytes: Uint8Array): Promise<number>;
}

const encoder = new TextEncoder();

/** Writes lines in their order. */
export class LineOutput {
  readonly #sink: ByteSink;
  readonly #onLost: (lines: number) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #writing: Promise<void> | null = null;
  #failed = false;

  /** @param onLost told how many lines were lost, when lines can be written again */
  constructor(sink: ByteSink, onLost: (lines: number) => void) {
    this.#sink = sink;
    this.#onLost = onLost;
  }

  /** Takes a line, which ends in a newline. */
  write(line: string): void {
    // Whoever read it is gone; there is nowhere left to say so.
    if (this.#failed) return;
    const bytes = encoder.encode(line);
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#lost++;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#writeWaiting();
  }

  /** Resolves when every line is written, or none can be any more. */
  written(): Promise<void> {
    return this.#writing ?? Promise.resolve();
  }

  async #writeWaiting(): Promise<void> {
    // Lines of the same moment go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#writeAll(joined(lines));
      } catch {
        this.#failed = true;
        this.#waiting = [];
        break;
      }
      // Not before there is room for it.
      if (this.#waiting.length === 0) this.#tellLost();
    }
    this.#writing = null;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#sink.write(rest));
  }

  #tellLost(): void {
    if (this.#lost === 0) return;
    const lines = this.#lost;
    this.#lost = 0;
    this.#onLost(lines);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
