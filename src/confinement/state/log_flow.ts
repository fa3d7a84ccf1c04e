/**
 * The flow of log lines to the scribe: those of one turn go together, and one message is under way at a time,
 * so that a scribe that is slow makes lines wait here, where their number is bounded.
 *
 * @module
 */
import { type LogBatch, LogQueue } from "./log_queue.ts";

/** Lines on their way out. */
export class LogFlow {
  readonly #queue = new LogQueue();
  readonly #send: (batch: LogBatch) => void;
  #state: "not_started" | "idle" | "planned" | "sent" = "not_started";
  /** Called when everything has been answered. */
  #onWritten: (() => void)[] = [];

  /** @param send sends a batch, whose answer is told by {@link answered} */
  constructor(send: (batch: LogBatch) => void) {
    this.#send = send;
  }

  /** Adds a line, which ends in a newline. */
  write(line: string): void {
    this.#queue.push(line);
    this.#plan();
  }

  /** Before this nothing is sent. */
  start(): void {
    this.#state = "idle";
    this.#plan();
  }

  /** @returns false when nothing had been sent */
  answered(): boolean {
    if (this.#state !== "sent") return false;
    this.#state = "idle";
    this.#plan();
    return true;
  }

  /** Resolves when everything was sent and answered; never when an answer does not come. */
  written(): Promise<void> {
    return new Promise((resolve) => {
      this.#onWritten.push(resolve);
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#state !== "idle") return;
    if (this.#queue.isEmpty) {
      for (const resolve of this.#onWritten.splice(0)) resolve();
      return;
    }
    this.#state = "planned";
    queueMicrotask(() => {
      this.#state = "sent";
      this.#send(this.#queue.take());
    });
  }
}
