/**
 * The outside of a compartment: makes the worker that may run one program, hands it orders, and collects what comes
 * back. The worker is not trusted: its messages are checked, and each run has a deadline here too.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import {
  type Ending,
  isFromCompartment,
  type Order,
  type StreamName,
  type ToCompartment,
} from "./protocol.ts";

/** What came of an execution. */
export type Execution =
  | {
    readonly status: "ended";
    readonly ending: Ending;
    readonly output: Readonly<Record<StreamName, Uint8Array>>;
  }
  /** The program could not be started: nothing ran. */
  | { readonly status: "not_started"; readonly reason: string }
  /** The compartment died, or fell silent past the deadline, with the run inside it. */
  | {
    readonly status: "lost";
    readonly reason: string;
    readonly output: Readonly<Record<StreamName, Uint8Array>>;
    readonly durationMs: number;
  };

/** Called with each kept piece of output as it comes. */
export type OutputListener = (stream: StreamName, bytes: Uint8Array) => void;

/** How long after deadline and grace, twice, a compartment may take to answer before it counts as dead. */
const OVERDUE_MS = 1000;

/** What a compartment holds: no permission at all but the one to run `program`. */
export function compartmentPermissions(program: string): Deno.PermissionOptionsObject {
  return {
    run: [program],
    env: false,
    ffi: false,
    import: false,
    net: false,
    read: false,
    sys: false,
    write: false,
  };
}

/** The worker's module: TypeScript beside this file, or its bundled form beside the bundle. */
export const WORKER_URL = new URL(
  import.meta.url.endsWith(".ts") ? "./compartment_worker.ts" : "./compartment_worker.js",
  import.meta.url,
);

interface RunInside {
  readonly order: Order;
  readonly startedMs: number;
  readonly kept: Readonly<Record<StreamName, ByteBuffer>>;
  readonly onOutput: OutputListener | undefined;
  readonly resolve: (execution: Execution) => void;
  readonly cancelOverdueTimer: () => void;
}

/** One tool's compartment. */
export class Compartment {
  /** Settles once the worker is up; rejects when it cannot come up. */
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #runs = new Map<string, RunInside>();
  #death: string | null = null;
  #markReady!: () => void;
  #markFailed!: (error: Error) => void;

  /**
   * Makes the compartment. The caller's thread must hold the run permission for `program` at this moment and may give
   * it up right after.
   *
   * @param name for messages
   * @param program absolute path
   */
  constructor(name: string, program: string, clock: Clock) {
    this.#clock = clock;
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#markFailed = reject;
    });
    // Nobody may be waiting for it when it fails; the runs report it then.
    this.ready.catch(() => {});
    const options = { type: "module", name, deno: { permissions: compartmentPermissions(program) } } as const;
    this.#worker = new Worker(WORKER_URL, options);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(`it failed: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#die("it sent a message that cannot be read");
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#send({ type: "open", program });
  }

  /** Why the compartment is dead, or null while it lives. */
  get death(): string | null {
    return this.#death;
  }

  /**
   * Executes the program.
   *
   * @param signal aborting it stops the run, with SIGTERM first
   */
  run(order: Order, signal: AbortSignal, onOutput?: OutputListener): Promise<Execution> {
    if (this.#death !== null) return Promise.resolve({ status: "not_started", reason: this.#death });
    return new Promise((resolve) => {
      const cancel = () => this.#send({ type: "cancel", id: order.id });
      const overdueMs = order.deadlineMs + order.killGraceMs + OVERDUE_MS;
      this.#runs.set(order.id, {
        order,
        startedMs: this.#clock.now(),
        kept: {
          stdout: new ByteBuffer(order.maxBytes.stdout),
          stderr: new ByteBuffer(order.maxBytes.stderr),
        },
        onOutput,
        resolve: (execution) => {
          signal.removeEventListener("abort", cancel);
          resolve(execution);
        },
        cancelOverdueTimer: this.#watch(overdueMs),
      });
      this.#send({ type: "run", order });
      if (signal.aborted) cancel();
      else signal.addEventListener("abort", cancel, { once: true });
    });
  }

  /**
   * Declares the compartment dead when it has not answered in time. Time is asked for twice: when the whole process
   * was stopped meanwhile, the answer may be waiting to be read, and is read between the two.
   */
  #watch(overdueMs: number): () => void {
    let cancel = this.#clock.after(overdueMs, () => {
      cancel = this.#clock.after(OVERDUE_MS, () => this.#die("it did not answer in time"));
    });
    return () => cancel();
  }

  /** Ends the worker. Runs inside it are reported as lost. */
  close(): void {
    this.#die("it was closed");
  }

  #send(message: ToCompartment): void {
    if (this.#death === null) this.#worker.postMessage(message);
  }

  #receive(data: unknown): void {
    if (this.#death !== null) return;
    if (!isFromCompartment(data)) return this.#die("it sent a message that is not in the table");
    if (data.type === "ready") return this.#markReady();
    const run = this.#runs.get(data.id);
    if (run === undefined) return this.#die("it spoke of a run that it was not given");
    switch (data.type) {
      case "output":
        if (!run.kept[data.stream].append(data.bytes)) {
          return this.#die("it sent more output than it was to keep");
        }
        run.onOutput?.(data.stream, data.bytes);
        break;
      case "ended":
        this.#finish(run, { status: "ended", ending: data.ending, output: outputOf(run) });
        break;
      case "not_started":
        this.#finish(run, { status: "not_started", reason: data.reason });
        break;
    }
  }

  #finish(run: RunInside, execution: Execution): void {
    this.#runs.delete(run.order.id);
    run.cancelOverdueTimer();
    run.resolve(execution);
  }

  #die(reason: string): void {
    if (this.#death !== null) return;
    this.#death = `the tool's compartment is gone: ${reason}`;
    this.#worker.terminate();
    this.#markFailed(new Error(this.#death));
    for (const run of [...this.#runs.values()]) {
      const durationMs = this.#clock.now() - run.startedMs;
      this.#finish(run, { status: "lost", reason: this.#death, output: outputOf(run), durationMs });
    }
  }
}

function outputOf(run: RunInside): Record<StreamName, Uint8Array> {
  return { stdout: run.kept.stdout.bytes(), stderr: run.kept.stderr.bytes() };
}
