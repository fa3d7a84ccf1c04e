/**
 * The server's side of the prober: the worker that may connect to the services that the configuration names, once the
 * server itself may connect nowhere. It has no more than the permission to reach those, each by host and port.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { escapeLine } from "../core/text.ts";
import { mayConnect, netGrant } from "./permissions.ts";
import { type FromProber, isFromProber, type Service, type ToProber } from "./prober_protocol.ts";
import { PROBER_URL, proberPermissions } from "./workers.ts";

/** What came of asking a service. */
export type Probed =
  | {
    readonly ok: true;
    readonly durationMs: number;
    /** The status of its answer over HTTP, 200 to 599; null when a connection was all that was asked for. */
    readonly status: number | null;
  }
  | { readonly ok: false; readonly reason: string };

/** A service that is being asked. */
interface Going {
  resolve(probed: Probed): void;
}

const logger = getLogger(["bulkhead", "confinement"]);

const NOT_GRANTED = "the server may not connect there: start it from source with the flags that " +
  "`bulkhead permissions` prints, or compile an executable with --config";

/** The prober of a server. */
export class Prober {
  /** Settles once the worker needs nothing more of the thread that made it. */
  readonly upright: Promise<void>;
  readonly #services: readonly Service[];
  /** Whether each of them may be reached. */
  readonly #granted: readonly boolean[];
  /** Null when none of them may be. */
  readonly #worker: Worker | null;
  readonly #opening = Promise.withResolvers<void>();
  /** By their places in the list; each stays until the worker has answered, given up or not. */
  readonly #going = new Map<number, Going>();
  #isOpen = false;
  #death: string | null = null;

  /** Makes the worker, with as much as the calling thread may hand on; it must hold that until {@link upright}. */
  constructor(services: readonly Service[]) {
    this.#services = services;
    this.#granted = services.map(mayConnect);
    this.upright = this.#opening.promise;
    const places = services.filter((_, index) => this.#granted[index]).map(netGrant);
    this.#worker = places.length === 0 ? null : this.#make(places);
    if (this.#worker === null) this.#opening.resolve();
  }

  /** Why there is no prober any more, or null while there is. */
  get death(): string | null {
    return this.#death;
  }

  /** Whether a service may be reached: what was not permitted at the start never is. */
  mayReach(index: number): boolean {
    return this.#granted[index] ?? false;
  }

  /**
   * Asks a service whether it is there. Never rejects.
   *
   * @param index its place in the list
   * @param signal aborting it ends the waiting at once
   */
  probe(index: number, signal: AbortSignal): Promise<Probed> {
    if (this.#services[index] === undefined) throw new RangeError(`there is no service ${index}`);
    if (!this.mayReach(index)) return Promise.resolve({ ok: false, reason: NOT_GRANTED });
    if (this.#death !== null) return Promise.resolve({ ok: false, reason: this.#death });
    if (signal.aborted) return Promise.resolve(TOO_LATE);
    if (this.#going.has(index)) return Promise.resolve(STILL_GOING);
    const { promise, resolve } = Promise.withResolvers<Probed>();
    const giveUp = () => {
      this.#send({ type: "cancel", service: index });
      resolve(TOO_LATE);
    };
    this.#going.set(index, { resolve });
    signal.addEventListener("abort", giveUp, { once: true });
    this.#send({ type: "check", service: index });
    return promise.finally(() => signal.removeEventListener("abort", giveUp));
  }

  /** Ends it, and whatever is being asked. */
  close(): void {
    this.#end("it was closed");
  }

  #make(places: readonly string[]): Worker {
    const permissions = proberPermissions(places);
    const worker = new Worker(PROBER_URL, { type: "module", name: "prober", deno: { permissions } });
    worker.onerror = (event) => {
      event.preventDefault();
      this.#die(`it failed: ${event.message}`);
    };
    worker.onmessageerror = () => this.#die("it sent a message that cannot be read");
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.postMessage({ type: "open", services: this.#services } satisfies ToProber);
    return worker;
  }

  #send(message: ToProber): void {
    if (this.#death === null) this.#worker?.postMessage(message);
  }

  #receive(data: unknown): void {
    if (this.#death !== null) return;
    if (!isFromProber(data)) return this.#die("it sent a message that is not in the table");
    if (!this.#take(data)) this.#die(`it sent "${data.type}" unasked`);
  }

  /** @returns false when the message was not to be expected */
  #take(message: FromProber): boolean {
    switch (message.type) {
      case "opened":
        if (this.#isOpen) return false;
        this.#isOpen = true;
        this.#opening.resolve();
        return true;
      case "answered": {
        const { service, durationMs, status } = message;
        const asksHttp = this.#services[service]?.http !== null;
        return asksHttp === (status !== null) && this.#settle(service, { ok: true, durationMs, status });
      }
      case "failed":
        return this.#settle(message.service, { ok: false, reason: escapeLine(message.reason) });
      case "broken":
        this.#die(message.reason);
        return true;
    }
  }

  /** @returns false when that service was not being asked */
  #settle(service: number, probed: Probed): boolean {
    this.#going.get(service)?.resolve(probed);
    return this.#going.delete(service);
  }

  #die(reason: string): void {
    if (this.#death !== null) return;
    logger.error("the prober is gone: dependencies are checked no more", { reason });
    this.#end(`the prober is gone, and comes back only when the server is started again: ${reason}`);
  }

  #end(reason: string): void {
    if (this.#death !== null) return;
    this.#death = escapeLine(reason);
    this.#worker?.terminate();
    this.#opening.resolve();
    for (const index of [...this.#going.keys()]) this.#settle(index, { ok: false, reason: this.#death });
  }
}

const TOO_LATE: Probed = { ok: false, reason: "there was no answer in the time that a check may take" };
const STILL_GOING: Probed = { ok: false, reason: "the check before this one has not ended yet" };
