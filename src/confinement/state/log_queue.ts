/**
 * Log lines on their way to the scribe: as many as fit, and how many did not.
 *
 * @module
 */
import { MAX_LOG_BATCH_BYTES } from "../scribe_protocol.ts";

/** Bytes of lines that wait at most. */
export const MAX_WAITING_LOG_BYTES = 4 * MAX_LOG_BATCH_BYTES;

const encoder = new TextEncoder();

/** Lines for one message. */
export interface LogBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many lines before these did not fit. */
  readonly lost: number;
}

/** A bounded queue of lines. Where lines are lost, their number waits in their place. */
export class LogQueue {
  readonly #entries: (Uint8Array | number)[] = [];
  #bytes = 0;

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Adds a line, which ends in a newline, or counts it as lost. */
  push(line: string): void {
    const bytes = encoder.encode(line);
    if (bytes.length > MAX_LOG_BATCH_BYTES || this.#bytes + bytes.length > MAX_WAITING_LOG_BYTES) {
      const last = this.#entries.at(-1);
      if (typeof last === "number") this.#entries[this.#entries.length - 1] = last + 1;
      else this.#entries.push(1);
      return;
    }
    this.#entries.push(bytes);
    this.#bytes += bytes.length;
  }

  /** Takes the lines that fit into one message, in their order. */
  take(): LogBatch {
    const [first] = this.#entries;
    const lost = typeof first === "number" ? first : 0;
    const begin = lost > 0 ? 1 : 0;
    let end = begin;
    let length = 0;
    for (; end < this.#entries.length; end++) {
      const entry = this.#entries[end]!;
      if (typeof entry === "number" || length + entry.length > MAX_LOG_BATCH_BYTES) break;
      length += entry.length;
    }
    const lines = this.#entries.splice(0, end).slice(begin) as Uint8Array[];
    this.#bytes -= length;
    const bytes = new Uint8Array(length);
    let offset = 0;
    for (const line of lines) {
      bytes.set(line, offset);
      offset += line.length;
    }
    return { bytes, lost };
  }
}
