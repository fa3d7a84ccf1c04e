/**
 * Errors that nobody has caught, such as in a timer: bugs, each of which would end the process at once and leave
 * running what it has started.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { stackOf } from "../core/failed_request.ts";

const logger = getLogger(["bulkhead", "server"]);

/** Notes uncaught errors as long as it lives, so that the server can stop in order for the first of them. */
export class UncaughtErrors implements Disposable {
  /** Resolves with the first. */
  readonly first: Promise<{ readonly error: unknown }>;
  readonly #target: EventTarget;
  readonly #onError: (event: Event) => void;
  readonly #onRejection: (event: Event) => void;

  /** @param target where they come up: the global scope, or a test's own */
  constructor(target: EventTarget = globalThis) {
    const first = Promise.withResolvers<{ readonly error: unknown }>();
    this.first = first.promise;
    const note = (event: Event, error: unknown) => {
      // Without this the process ends here and now.
      event.preventDefault();
      logger.error("internal error: the server stops", { error: stackOf(error) });
      first.resolve({ error });
    };
    this.#target = target;
    this.#onError = (event) => note(event, event instanceof ErrorEvent ? event.error : event);
    this.#onRejection = (event) => note(event, event instanceof PromiseRejectionEvent ? event.reason : event);
    target.addEventListener("error", this.#onError);
    target.addEventListener("unhandledrejection", this.#onRejection);
  }

  [Symbol.dispose](): void {
    this.#target.removeEventListener("error", this.#onError);
    this.#target.removeEventListener("unhandledrejection", this.#onRejection);
  }
}
