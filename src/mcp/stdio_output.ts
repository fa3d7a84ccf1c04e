/**
 * Standard output for answers. `process.stdout` writes in the calling thread: a client that does not read would stop the
 * whole server, so that it could neither hear a signal nor end its runs. This is written beside everything else.
 *
 * @module
 */
import { Writable } from "node:stream";
import { standardOutput } from "../confinement/standard_output.ts";

/** A client that leaves more than this unread is not served any more: what waits for it is kept in memory. */
const MAX_UNREAD_BYTES = 67_108_864;

/** Where bytes go: standard output, or a test's stand-in. */
export interface ByteSink {
  /** Writes some of the bytes, at least one; resolves with how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** An output in order, to be handed to the SDK's transport. */
export class StdioOutput extends Writable {
  readonly #maxUnreadBytes: number;

  /** @param maxUnreadBytes with more than this waiting, the output fails */
  constructor(sink: ByteSink = standardOutput, maxUnreadBytes: number = MAX_UNREAD_BYTES) {
    super({
      write: (bytes: Uint8Array, _encoding, done) => void writeAll(sink, bytes).then(() => done(), done),
    });
    this.#maxUnreadBytes = maxUnreadBytes;
    // The transport waits once for each answer that cannot go on at once. Beyond ten, Node would warn of a leak: on
    // standard error and in the server's own thread, which must not wait for whoever reads that.
    this.setMaxListeners(0);
  }

  /** Takes a message. @returns whether the next one may follow at once, or had better wait for `drain` */
  override write(text: string): boolean {
    const mayGoOn = super.write(text);
    if (this.writableLength > this.#maxUnreadBytes) this.destroy(new Error("the client does not read"));
    return mayGoOn;
  }

  /** Resolves when everything is written, or nothing can be any more. It takes nothing from now on. */
  finish(): Promise<void> {
    return new Promise((resolve) => this.end(() => resolve()));
  }
}

async function writeAll(sink: ByteSink, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await sink.write(rest));
}
