/**
 * A signal for one piece of work, made of signals that may outlive it.
 *
 * @module
 */

/**
 * Aborted with the first of its sources, until it is disposed of; then nothing leads from them to it any more.
 *
 * `AbortSignal.any()` does not know when the work is over: as long as a source may still be aborted, it keeps the signal
 * that it made, if that has a listener, and with it whatever the listener refers to. One source here lasts as long as
 * the server, so each piece of work would stay.
 *
 * @example
 * ```ts
 * import { JoinedSignal } from "./joined_signal.ts";
 *
 * const [client, server] = [new AbortController(), new AbortController()];
 * using joined = new JoinedSignal(client.signal, server.signal);
 * client.abort();
 * console.log(joined.signal.aborted);
 * ```
 */
export class JoinedSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #onAbort = (event: Event) => this.#abort(event.target as AbortSignal);

  constructor(...sources: readonly AbortSignal[]) {
    this.#sources = sources;
    const aborted = sources.find((source) => source.aborted);
    if (aborted !== undefined) this.#abort(aborted);
    else for (const source of sources) source.addEventListener("abort", this.#onAbort);
  }

  /** The signal of the work. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Lets go of the sources: they abort it no more. */
  [Symbol.dispose](): void {
    for (const source of this.#sources) source.removeEventListener("abort", this.#onAbort);
  }

  #abort(source: AbortSignal): void {
    this[Symbol.dispose]();
    this.#controller.abort(source.reason);
  }
}
