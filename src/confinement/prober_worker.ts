/**
 * The inside of the prober: a worker that may connect to the services that it is asked about, and nothing else. It is
 * told of them once; from then on it hears only which of them to ask.
 *
 * @module
 */
import "./quiet_thread.ts";
import { type FromProber, isToProber, type Service } from "./prober_protocol.ts";
import { askService } from "./service_probe.ts";

/** The part of the worker's global scope that is used; the page's types are the only ones known here. */
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: FromProber): void;
};

/** Null until it is told of them. */
let services: readonly Service[] | null = null;
let isDeaf = false;

/** The services that are being asked, each with what gives that up. */
const going = new Map<number, AbortController>();

scope.onmessage = ({ data }) => {
  if (isDeaf) return;
  if (!isToProber(data)) return giveUp("it was given an order that is not in the table");
  if (data.type === "open") {
    if (services !== null) return giveUp("it was told to open twice");
    services = data.services;
    return scope.postMessage({ type: "opened" });
  }
  const service = services?.[data.service];
  if (service === undefined) return giveUp("it was told of a service that it does not know");
  if (data.type === "cancel") return going.get(data.service)?.abort();
  if (going.has(data.service)) return giveUp("it was told to ask a service that it is asking");
  void ask(data.service, service);
};

/**
 * Whatever happens is said in a message: Deno writes what a worker throws on standard error, in lines of its own. Whoever
 * hears this ends the worker.
 */
function giveUp(reason: string): void {
  isDeaf = true;
  scope.postMessage({ type: "broken", reason });
}

async function ask(number: number, service: Service): Promise<void> {
  const controller = new AbortController();
  going.set(number, controller);
  const startedMs = performance.now();
  let answer: FromProber;
  try {
    const status = await askService(service, controller.signal);
    answer = { type: "answered", service: number, durationMs: performance.now() - startedMs, status };
  } catch (error) {
    answer = { type: "failed", service: number, reason: (error as Error).message };
  }
  going.delete(number);
  scope.postMessage(answer);
}
