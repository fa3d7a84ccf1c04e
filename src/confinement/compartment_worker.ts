/**
 * The inside of a compartment: a worker whose only permission is to run one program at one absolute path. It reads
 * the program's output, which is untrusted, and can do nothing with it but pass it on.
 *
 * @module
 */
import type { Ending, FromCompartment, Order, StopCause, StreamName, ToCompartment } from "./protocol.ts";

/** The part of the worker's global scope that is used; the page's types are the only ones known here. */
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ToCompartment>) => void) | null;
  postMessage(message: FromCompartment, transfer?: Transferable[]): void;
};

/** How much is read at once: the capacity of a pipe, see pipe(7). */
const CHUNK_BYTES = 65_536;

/**
 * How long the output may stay silent, and yet open, after the program's end before it is given up: some other
 * process holds it. What the program itself wrote is in the pipe by then and is read without waiting.
 */
const SILENCE_MS = 200;

/** And how long at all, for a process that holds the output open and keeps writing to it. */
const DRAIN_MS = { afterExit: 1000, afterStop: 250 } as const;

/** The runs that go on here, and how to stop them. */
const running = new Map<string, (cause: StopCause) => void>();

let program = "";

scope.onmessage = ({ data }) => {
  if (data.type === "open") {
    program = data.program;
    scope.postMessage({ type: "ready" });
  } else if (data.type === "run") {
    void execute(data.order);
  } else {
    running.get(data.id)?.("cancelled");
  }
};

async function execute(order: Order): Promise<void> {
  const { id } = order;
  const startedMs = performance.now();
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args: [...order.args],
      clearEnv: true,
      env: { ...order.env },
      cwd: "/",
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    scope.postMessage({ type: "not_started", id, reason: String(error).slice(0, 4096) });
    return;
  }

  let cause: StopCause | null = null;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const stop = (why: StopCause) => {
    if (cause !== null) return;
    cause = why;
    signal(child, "SIGTERM");
    killTimer = setTimeout(() => signal(child, "SIGKILL"), order.killGraceMs);
  };
  running.set(id, stop);
  const deadlineTimer = setTimeout(() => stop("timeout"), order.deadlineMs);

  const pumps = [
    new Pump(order, "stdout", child.stdout, stop),
    new Pump(order, "stderr", child.stderr, stop),
  ];
  const drained = Promise.all(pumps.map((pump) => pump.finished));
  const status = await child.status;
  clearTimeout(deadlineTimer);
  clearTimeout(killTimer);
  const drainMs = cause === null ? DRAIN_MS.afterExit : DRAIN_MS.afterStop;
  const heldOpen = !await drainedOrGivenUp(drained, pumps, drainMs);
  running.delete(id);

  const ending: Ending = {
    code: status.signal === null ? status.code : null,
    signal: status.signal,
    cause,
    bytes: { stdout: pumps[0]!.totalBytes, stderr: pumps[1]!.totalBytes },
    durationMs: performance.now() - startedMs,
    heldOpen,
  };
  scope.postMessage({ type: "ended", id, ending });
}

/** Reads one stream to its end, passes on what fits under the cap and counts the rest. */
class Pump {
  totalBytes = 0;
  lastReadMs = performance.now();
  readonly finished: Promise<void>;
  readonly #reader: ReadableStreamBYOBReader;

  constructor(
    order: Order,
    stream: StreamName,
    source: ReadableStream<Uint8Array>,
    stop: (cause: StopCause) => void,
  ) {
    this.#reader = source.getReader({ mode: "byob" });
    this.finished = this.#pump(order, stream, stop);
  }

  /** Stops reading; whoever holds the other end gets SIGPIPE when it writes. */
  abandon(): void {
    this.#reader.cancel().catch(() => {});
  }

  async #pump(order: Order, stream: StreamName, stop: (cause: StopCause) => void): Promise<void> {
    const cap = order.maxBytes[stream];
    let buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { value, done } = await this.#reader.read(buffer);
      if (done || value === undefined) return;
      this.lastReadMs = performance.now();
      const room = cap - this.totalBytes;
      this.totalBytes += value.length;
      if (room > 0) {
        // A copy of what is kept: the buffer itself goes back to the reader.
        const bytes = value.slice(0, room);
        scope.postMessage({ type: "output", id: order.id, stream, bytes }, [bytes.buffer]);
      }
      if (this.totalBytes > cap && order.onFlood === "kill") stop("flood");
      buffer = new Uint8Array(value.buffer);
    }
  }
}

/** @returns true when both streams have ended, false when they were given up. */
async function drainedOrGivenUp(
  drained: Promise<unknown>,
  pumps: readonly Pump[],
  drainMs: number,
): Promise<boolean> {
  let ended = false;
  const end = drained.then(() => {
    ended = true;
  });
  const exitedMs = performance.now();
  for (;;) {
    const lastMs = Math.max(exitedMs, ...pumps.map((pump) => pump.lastReadMs));
    const waitMs = Math.min(lastMs + SILENCE_MS, exitedMs + drainMs) - performance.now();
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

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // It has ended in the meantime.
  }
}
