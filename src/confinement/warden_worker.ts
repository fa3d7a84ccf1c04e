/**
 * The warden: the one worker that holds the permission to run every tool's program and to call native code, and so
 * the one piece of code to be reviewed with care. It makes compartments, lets a program go on only when its limits
 * have landed, and ends what is to end. It is told neither arguments nor targets, and no output passes it.
 *
 * Everything that it does on behalf of others begins in one of three functions: `takeOrder` here (the server's
 * messages), and in `warden_compartment.ts` `#hear` (a compartment's messages) and `#judge` (a program about to start).
 *
 * To review all of it, read in this order: `warden_protocol.ts` (what it may be told), this file,
 * `warden_compartment.ts` (how a program's start is met), `landing.ts` (what is put on it), `warden_runs.ts` (how a
 * run ends) with `linux/processes.ts` (how its processes are found), then `linux/confine_thread.ts` with
 * `linux/seccomp_filter.ts` and `linux/landlock.ts` (what the compartment does to itself), and `linux/kernel.ts`, the
 * only file that calls native code.
 *
 * @module
 */
import "./quiet_thread.ts";
import { CAPABILITIES, type CapabilityName, holdsCapability } from "./linux/capabilities.ts";
import { openCgroups } from "./linux/cgroup.ts";
import { errnoName, openKernel } from "./linux/kernel.ts";
import { Listeners } from "./listeners.ts";
import { landlockAbi } from "./linux/landlock.ts";
import { unknownNotifications } from "./linux/seccomp.ts";
import type { Tier } from "./tier.ts";
import { SpacedWork } from "./spaced_work.ts";
import { type CompartmentTerms, type FromWarden, isToWarden, type ToWarden } from "./warden_protocol.ts";
import { type KernelTier, WardenCompartment } from "./warden_compartment.ts";
import { type RunEnd, WardenRuns } from "./warden_runs.ts";
import type { ToUndertaker } from "./undertaker_worker.ts";
import { UNDERTAKER_URL, undertakerPermissions } from "./workers.ts";

/** The part of the worker's global scope that is used; the page's types are the only ones known here. */
const server = globalThis as unknown as {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: FromWarden): void;
};

/** prctl(2): whether other processes of the same user may look into this one's memory and environment. */
const PR_SET_DUMPABLE = 4;

/**
 * Making compartments. Each stops this thread until the new one is up, which takes hundreds of milliseconds where
 * processors are short: whoever waits for an answer meanwhile would take this thread for dead.
 */
const making = new SpacedWork();

/** How many compartments have been made: a new one is not mistaken for the one before it. */
let made = 0;

let tier: Tier | null = null;
let kernelTier: KernelTier | null = null;
const compartments = new Map<string, WardenCompartment>();
/** Those that were dropped and have not come to their end yet. */
const leaving = new Set<Promise<void>>();

// An error that nobody has caught ends this worker and its compartments; first it ends what they have started.
for (const failure of ["error", "unhandledrejection"]) {
  globalThis.addEventListener(failure, () => kernelTier?.runs.killEverything());
}

server.onmessage = ({ data }) => {
  // A server that says what is not in the table is not the one that was reviewed; nothing more is done for it.
  if (!isToWarden(data)) throw new Error("a message that is not in the table");
  void takeOrder(data);
};

async function takeOrder(order: ToWarden): Promise<void> {
  switch (order.type) {
    case "open":
      return server.postMessage(open(order.tier, order.nonce, order.undertaker));
    case "make":
      drop(order.terms.compartment);
      return making.add(order.terms.compartment, () => make(order.terms, order.port));
    case "drop":
      return drop(order.compartment);
    case "begin":
      kernelTier?.runs.begin(order.terms);
      return compartments.get(order.terms.compartment)?.settle();
    case "end": {
      const { run } = order;
      const tell = (end: RunEnd) => server.postMessage({ type: "gone", run, ...end });
      return tell(await kernelTier?.runs.end(run, tell) ?? { killed: 0, survivors: 0, note: null });
    }
    case "reap":
      for (const nonce of order.nonces) {
        const { killed, survivors } = await kernelTier?.runs.reap(nonce) ?? { killed: 0, survivors: 0 };
        server.postMessage({ type: "reaped", nonce, killed, survivors });
      }
      return;
    case "close":
      await Promise.all(leaving);
      // What lingers gets its last kill.
      kernelTier?.runs.killEverything();
      kernelTier?.runs.close();
      return server.postMessage({ type: "closed" });
    case "ping":
      return server.postMessage({ type: "pong", count: order.count });
  }
}

function make(terms: CompartmentTerms, port: MessagePort): void {
  const { compartment } = terms;
  const tell = (message: FromWarden) => {
    // It is gone: its name is free, for the next one or for good.
    if (message.type === "died" || message.type === "not_made") compartments.delete(compartment);
    server.postMessage(message);
  };
  compartments.set(compartment, new WardenCompartment(terms, port, kernelTier, ++made, tell));
}

function drop(compartment: string): void {
  making.remove(compartment);
  const left = compartments.get(compartment)?.drop();
  compartments.delete(compartment);
  if (left === undefined) return;
  leaving.add(left);
  void left.then(() => leaving.delete(left));
}

/** Finds out what the kernel gives. */
function open(wanted: Tier, nonce: string, undertaker: MessagePort): FromWarden {
  // Once more only for less: nothing that has been confined becomes unconfined.
  if (tier !== null && (tier === "basic" || wanted !== "basic")) throw new Error("opened twice");
  tier = wanted;
  making.clear();
  for (const compartment of compartments.keys()) drop(compartment);
  kernelTier?.runs.close();
  kernelTier = null;
  if (wanted === "basic") return { type: "opened", kernel: null };
  const no = (reason: string): FromWarden => ({ type: "not_opened", reason });
  const kernel = openKernel();
  if ("reason" in kernel) return no(kernel.reason);
  const unknown = unknownNotifications(kernel);
  if (unknown !== null) return no(unknown);
  const dumpable = kernel.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (dumpable < 0) return no(`PR_SET_DUMPABLE: ${errnoName(-dumpable)}`);
  const cgroups = openCgroups(kernel, nonce);
  const cgroupReason = "reason" in cgroups ? cgroups.reason : null;
  try {
    const runs = new WardenRuns(kernel, nonce, "reason" in cgroups ? null : cgroups);
    kernelTier = { kernel, runs, listeners: new Listeners(kernel) };
  } catch (error) {
    return no((error as Error).message);
  }
  const permissions = undertakerPermissions(kernel.path);
  const worker = new Worker(UNDERTAKER_URL, { type: "module", name: "undertaker", deno: { permissions } });
  worker.postMessage({ nonce, port: undertaker } satisfies ToUndertaker, [undertaker]);
  const names = Object.keys(CAPABILITIES) as CapabilityName[];
  return {
    type: "opened",
    kernel: {
      libc: kernel.path,
      architecture: kernel.architecture,
      landlockAbi: landlockAbi(kernel),
      capabilities: names.filter((name) => holdsCapability(kernel, name)),
      cgroup: "reason" in cgroups ? [] : [...cgroups.enforces],
      cgroupReason,
    },
  };
}
