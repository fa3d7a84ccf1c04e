/**
 * Reading a program's output: all of it, at the pace at which it comes, keeping no more than was asked for.
 *
 * @module
 */

/** How much is read at once: the capacity of a pipe, see pipe(7). */
const CHUNK_BYTES = 65_536;

/**
 * How long the output may stay silent, and yet open, after the program's end before it is given up: some other
 * process holds it. What the program itself wrote is in the pipe by then and is read without waiting.
 */
const SILENCE_MS = 200;

/** And how long at all, for a process that holds the output open and keeps writing to it. */
const DRAIN_MS = { exit: 1000, stop: 250 } as const;

/** What happens to the bytes. */
export interface PumpOptions {
  /** The first so many bytes are passed on, the rest is counted. */
  readonly capBytes: number;
  /** Called with each piece that is passed on; the bytes are the callee's. */
  onBytes(bytes: Uint8Array<ArrayBuffer>): void;
  /** Called for each piece beyond the cap, or null to read on and forget. */
  readonly onFlood: (() => void) | null;
}

/** Reads one stream to its end. */
export class Pump {
  totalBytes = 0;
  lastReadMs = performance.now();
  /** Resolves at the stream's end. */
  readonly finished: Promise<void>;
  readonly #reader: ReadableStreamBYOBReader;

  constructor(source: ReadableStream<Uint8Array>, options: PumpOptions) {
    this.#reader = source.getReader({ mode: "byob" });
    this.finished = this.#pump(options);
  }

  /** Stops reading; whoever holds the other end gets SIGPIPE when it writes. */
  abandon(): void {
    this.#reader.cancel().catch(() => {});
  }

  async #pump({ capBytes, onBytes, onFlood }: PumpOptions): Promise<void> {
    let buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { value, done } = await this.#reader.read(buffer);
      if (done || value === undefined) return;
      this.lastReadMs = performance.now();
      const room = capBytes - this.totalBytes;
      this.totalBytes += value.length;
      // A copy of what is kept: the buffer itself goes back to the reader.
      if (room > 0) onBytes(value.slice(0, room));
      if (this.totalBytes > capBytes) onFlood?.();
      buffer = new Uint8Array(value.buffer);
    }
  }
}

/**
 * Waits, once the program has ended, until its streams end too, or gives them up.
 *
 * @param after whether the program ended by itself or was stopped
 * @returns true when all streams have ended, false when they were given up
 */
export async function readToTheEnd(pumps: readonly Pump[], after: "exit" | "stop"): Promise<boolean> {
  let ended = false;
  const end = Promise.all(pumps.map((pump) => pump.finished)).then(() => {
    ended = true;
  });
  const exitedMs = performance.now();
  for (;;) {
    const lastMs = Math.max(exitedMs, ...pumps.map((pump) => pump.lastReadMs));
    const waitMs = Math.min(lastMs + SILENCE_MS, exitedMs + DRAIN_MS[after]) - performance.now();
    if (waitMs <= 0) break;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([end, new Promise((resolve) => timer = setTimeout(resolve, waitMs))]);
    clearTimeout(timer);
    if (ended) return true;
  }
  for (const pump of pumps) pump.abandon();
  await end.catch(() => {});
  return false;
}
