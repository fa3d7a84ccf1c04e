/**
 * The two that a compartment's server side talks to: a warden that notes what it is told, and a worker's inside that a
 * test plays by hand.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { CompartmentWarden } from "../../src/confinement/compartment.ts";
import type { InsideOrder, Order, ToCompartment } from "../../src/confinement/protocol.ts";
import type { CompartmentTerms, RunTerms } from "../../src/confinement/warden_protocol.ts";

/** A compartment's terms, for a tool `probe`. */
export const TERMS: CompartmentTerms = {
  compartment: "probe",
  program: "/usr/bin/probe",
  rules: { executables: ["/usr/bin/probe"], writableFolder: "/scratch", capabilities: [] },
};

/** An order with changes. */
export function orderOf(changes: Partial<Order> = {}): Order {
  return {
    id: crypto.randomUUID(),
    args: ["-q"],
    env: { PATH: "/usr/bin:/bin" },
    deadlineMs: 10_000,
    killGraceMs: 200,
    maxBytes: { stdout: 100_000, stderr: 1000 },
    onFlood: "drain",
    ceilings: { memoryBytes: 1 << 29, cpuSec: 11, openFiles: 100, fileBytes: 1 << 20 },
    tree: { memoryBytes: null, processes: null },
    ...changes,
  };
}

/** What comes, in its order, for a test to wait for. */
class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  put(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  /** The next item, when it comes. */
  next(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift()!);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** What has come and was not asked for. */
  get left(): readonly T[] {
    return this.#items;
  }
}

/** The inside of one worker. */
export class FakeInside {
  readonly inbox = new Inbox<ToCompartment>();
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = ({ data }) => this.inbox.put(data);
  }

  /** Says anything. */
  say(message: unknown): void {
    this.#port.postMessage(message);
  }

  /** The next message, which must be an order. */
  async takeOrder(): Promise<InsideOrder> {
    const message = await this.inbox.next();
    assert(message.type === "run", `an order was expected: ${JSON.stringify(message)}`);
    return message.order;
  }

  print(id: string, text: string, stream: "stdout" | "stderr" = "stdout"): void {
    this.say({ type: "output", id, stream, bytes: new TextEncoder().encode(text) });
  }

  /** Says that a run has ended with an exit code. */
  end(id: string, code = 0): void {
    const bytes = { stdout: 0, stderr: 0 };
    this.say({
      type: "ended",
      id,
      ending: { code, signal: null, cause: null, bytes, durationMs: 1, heldOpen: false },
    });
  }

  close(): void {
    this.#port.close();
  }
}

/** What a warden was asked to do. */
export type Asked =
  | { readonly type: "make"; readonly terms: CompartmentTerms }
  | { readonly type: "drop"; readonly compartment: string }
  | { readonly type: "begin"; readonly terms: RunTerms }
  | { readonly type: "kill" | "end"; readonly run: string };

/** A warden that makes nothing: each worker's inside is a test's. */
export class FakeWarden implements CompartmentWarden, Disposable {
  readonly asked: Asked[] = [];
  /** Every worker that was to be made, the newest last. */
  readonly insides: FakeInside[] = [];

  get inside(): FakeInside {
    return this.insides.at(-1)!;
  }

  make(terms: CompartmentTerms, port: MessagePort): void {
    this.asked.push({ type: "make", terms });
    this.insides.push(new FakeInside(port));
  }

  drop(compartment: string): void {
    this.asked.push({ type: "drop", compartment });
  }

  begin(terms: RunTerms): void {
    this.asked.push({ type: "begin", terms });
  }

  kill(run: string): void {
    this.asked.push({ type: "kill", run });
  }

  end(run: string): void {
    this.asked.push({ type: "end", run });
  }

  /** The kinds of all that was asked, in order. */
  get kinds(): string[] {
    return this.asked.map(({ type }) => type);
  }

  [Symbol.dispose](): void {
    for (const inside of this.insides) inside.close();
  }
}
