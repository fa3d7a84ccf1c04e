/**
 * The warden: the one worker that holds the permission to run every tool's program and to call native code, and so
 * the one piece of code to be reviewed with care. It makes compartments, lets a program go on only when its limits
 * have landed, and ends what is to end. It is told neither arguments nor targets, and no output passes it.
 *
 * Everything that it does on behalf of others begins in one of three functions here: `takeOrder` (the server's
 * messages), `hear` (a compartment's messages) and `Compartment.judge` (a program about to start).
 *
 * @module
 */
import { CAPABILITIES, type CapabilityName, holdsCapability } from "./linux/capabilities.ts";
import { openCgroups } from "./linux/cgroup.ts";
import { ERRNO, errnoName, type LiveKernel, openKernel } from "./linux/kernel.ts";
import { Listeners } from "./listeners.ts";
import { landlockAbi } from "./linux/landlock.ts";
import {
  type Notification,
  NOTIFICATION_BYTES,
  NOTIFICATION_IOCTL,
  RESPONSE_BYTES,
  responseBytes,
  SECCOMP,
} from "./linux/seccomp.ts";
import type { Tier } from "./tier.ts";
import {
  type CompartmentTerms,
  type CompartmentToWarden,
  type FromWarden,
  isCompartmentToWarden,
  isToWarden,
  type ToWarden,
  type WardenToCompartment,
} from "./warden_protocol.ts";
import { WardenRuns } from "./warden_runs.ts";
import type { ToUndertaker } from "./undertaker_worker.ts";
import { COMPARTMENT_URL, compartmentPermissions, UNDERTAKER_URL, undertakerPermissions } from "./workers.ts";

/** The part of the worker's global scope that is used; the page's types are the only ones known here. */
const server = globalThis as unknown as {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: FromWarden): void;
};

/** prctl(2): whether other processes of the same user may look into this one's memory and environment. */
const PR_SET_DUMPABLE = 4;

/** How long a program's start may wait for word from the server and from its compartment, in milliseconds. */
const RENDEZVOUS_MS = 1000;

/** How many compartments have been made: a new one is not mistaken for the one before it. */
let made = 0;

/** What tier kernel works with. */
interface KernelTier {
  readonly kernel: LiveKernel;
  readonly runs: WardenRuns;
  readonly listeners: Listeners;
}

let tier: Tier | null = null;
let kernelTier: KernelTier | null = null;
const compartments = new Map<string, Compartment>();

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
      compartments.get(order.terms.tool)?.drop();
      compartments.set(order.terms.tool, new Compartment(order.terms, order.port));
      return;
    case "drop":
      return compartments.get(order.tool)?.drop();
    case "begin":
      kernelTier?.runs.begin(order.terms);
      return compartments.get(order.terms.tool)?.settle();
    case "end": {
      const end = await kernelTier?.runs.end(order.run) ?? { killed: 0, survivors: 0, note: null };
      return server.postMessage({ type: "gone", run: order.run, ...end });
    }
    case "reap":
      for (const nonce of order.nonces) {
        const { killed, survivors } = await kernelTier?.runs.reap(nonce) ?? { killed: 0, survivors: 0 };
        server.postMessage({ type: "reaped", nonce, killed, survivors });
      }
      return;
    case "close":
      kernelTier?.runs.close();
      return server.postMessage({ type: "closed" });
    case "ping":
      return server.postMessage({ type: "pong", count: order.count });
  }
}

/** Finds out what the kernel gives. */
function open(wanted: Tier, nonce: string, undertaker: MessagePort): FromWarden {
  // Once more only for less: nothing that has been confined becomes unconfined.
  if (tier !== null && (tier === "basic" || wanted !== "basic")) throw new Error("opened twice");
  tier = wanted;
  for (const compartment of compartments.values()) compartment.drop();
  kernelTier = null;
  if (wanted === "basic") return { type: "opened", kernel: null };
  const no = (reason: string): FromWarden => ({ type: "not_opened", reason });
  const kernel = openKernel();
  if ("reason" in kernel) return no(kernel.reason);
  const sizes = new Uint8Array(6);
  const sized = kernel.call("seccomp", SECCOMP.getNotificationSizes, 0, sizes);
  if (sized < 0) return no(`the kernel has no seccomp notifications: ${errnoName(-sized)}`);
  const [notification, response] = new Uint16Array(sizes.buffer);
  if (notification !== NOTIFICATION_BYTES || response !== RESPONSE_BYTES) {
    return no(
      `the kernel's seccomp notifications have ${notification} and ${response} bytes, which is not known`,
    );
  }
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

/** One compartment, from the warden's side. */
class Compartment {
  readonly #tool: string;
  /** The run that it tries itself out with. */
  readonly #selfTest = `self-test ${++made}`;
  readonly #worker: Worker;
  /** The kernel with which it was made; null in tier basic. */
  readonly #kernel = kernelTier?.kernel ?? null;
  #listener: number | null = null;
  /** The run whose program the compartment has said to start next. */
  #spawning: string | null = null;
  /** The process that waits to become it. */
  #waiting: Notification | null = null;
  #gone = false;

  constructor({ tool, program, rules }: CompartmentTerms, port: MessagePort) {
    this.#tool = tool;
    if (kernelTier !== null) {
      this.#spawning = this.#selfTest;
      kernelTier.runs.begin({
        run: this.#spawning,
        tool,
        // Small and odd, so that they are not what was there before.
        ceilings: { memoryBytes: 268_435_456, cpuSec: 7, openFiles: 13, fileBytes: 4096 },
        tree: { memoryBytes: null, processes: null },
        killGraceMs: 0,
      });
    }
    const libc = kernelTier?.kernel.path ?? null;
    this.#worker = new Worker(COMPARTMENT_URL, {
      type: "module",
      name: tool,
      deno: { permissions: compartmentPermissions(program, libc) },
    });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(`it failed: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#die("it sent a message that cannot be read");
    this.#worker.onmessage = ({ data }) => {
      if (this.#gone) return;
      if (isCompartmentToWarden(data)) this.#hear(data);
      else this.#die("it sent a message that is not in the table");
    };
    this.#send({ type: "open", program, rules: kernelTier === null ? null : rules, port }, [port]);
  }

  /** Ends the compartment and everything that runs in it. */
  drop(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#waiting !== null) this.#answer(this.#waiting, "the compartment is gone");
    this.#worker.terminate();
    kernelTier?.runs.killTool(this.#tool);
    if (compartments.get(this.#tool) === this) compartments.delete(this.#tool);
  }

  #die(reason: string): void {
    if (this.#gone) return;
    this.drop();
    server.postMessage({ type: "died", tool: this.#tool, reason: reason.slice(0, 1000) });
  }

  #notMade(reason: string, machine: boolean): void {
    this.drop();
    server.postMessage({ type: "not_made", tool: this.#tool, reason: reason.slice(0, 1000), machine });
  }

  #send(message: WardenToCompartment, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** A message of the compartment. It may speak only of runs that the server has given to this tool. */
  #hear(message: CompartmentToWarden): void {
    if (message.type === "ready") {
      if (kernelTier !== null && this.#listener === null) return this.#die("it is not confined");
      return server.postMessage({ type: "made", tool: this.#tool });
    }
    if (kernelTier === null) return this.#die("it spoke of what there is not in tier basic");
    const { runs } = kernelTier;
    switch (message.type) {
      case "not_confined":
        return this.#notMade(message.reason, message.machine);
      case "confined":
        if (this.#listener !== null) return this.#die("it was confined twice");
        this.#listener = message.listener;
        return kernelTier.listeners.add(message.listener, (notification) => this.#judge(notification));
      case "self_tested":
        return this.#judgeSelfTest(runs, message.errno);
      case "spawning":
        // The server's own word about the run may still be on its way.
        this.#spawning = message.run;
        return this.settle();
      case "spawned":
        if (!runs.belongsTo(message.run, this.#tool) || !runs.hasLanded(message.run)) {
          this.#die("a program started without its limits");
        }
        return;
      case "not_spawned":
        this.#spawning = null;
        return this.#send({ type: "refusal", run: message.run, reason: runs.refusalOf(message.run) });
      case "stop":
      case "exited":
        if (!runs.belongsTo(message.run, this.#tool)) return;
        return message.type === "stop" ? runs.stop(message.run) : runs.exited(message.run);
    }
  }

  #judgeSelfTest(runs: WardenRuns, errno: number): void {
    const name = this.#selfTest;
    const landed = runs.hasLanded(name);
    const refusal = runs.refusalOf(name);
    void runs.end(name);
    this.#spawning = null;
    // What does not exist was allowed to be executed, and was not found.
    if (landed && (errno === ERRNO.ENOENT || errno === ERRNO.ENOTDIR)) return;
    this.#notMade(
      `the self-test failed: ${refusal ?? `executing nothing ended with ${errnoName(errno)}`}`,
      false,
    );
  }

  /** A process wants to execute a program, or to reach another: let it go on, or let the attempt fail. */
  #judge(notification: Notification): void {
    // Whoever raised it waits, and the compartment's thread may with it.
    if (this.#gone || kernelTier === null) return this.#answer(notification, "the compartment is gone");
    const { runs } = kernelTier;
    const { pid, wants } = notification;
    if (wants !== "execute") {
      const refusal = runs.isOfOneRun(pid, wants.reach) ? null : "somebody else's process";
      return this.#answer(notification, refusal);
    }
    // A process of a run that goes on: it has all its limits by inheritance.
    if (runs.isMarked(pid)) return this.#answer(notification, null);
    // If the process is gone, its number may be another's by now, and what was just read was not about it.
    if (!this.#stillWaits(notification)) return;
    if (this.#waiting !== null && this.#stillWaits(this.#waiting)) {
      return this.#answer(notification, "two programs at once");
    }
    this.#waiting = notification;
    this.settle();
    if (this.#waiting !== notification) return;
    setTimeout(() => {
      if (this.#waiting === notification) this.#answer(notification, "nobody has announced it");
    }, RENDEZVOUS_MS);
  }

  /** Lands the limits once three have come together: the server's word, the compartment's, and the process. */
  settle(): void {
    const run = this.#spawning;
    const notification = this.#waiting;
    if (kernelTier === null || run === null || notification === null) return;
    const { runs } = kernelTier;
    if (!runs.belongsTo(run, this.#tool)) return;
    let refusal = runs.land(run, notification.pid);
    if (refusal === null && run === this.#selfTest && !runs.limitsHold(run, notification.pid)) {
      refusal = "the limits do not hold";
    }
    // The next program's start may be noticed before the word that this one is done.
    this.#spawning = null;
    this.#answer(notification, refusal);
  }

  #stillWaits({ id }: Notification): boolean {
    if (this.#kernel === null || this.#listener === null) return false;
    const bytes = new Uint8Array(new BigUint64Array([id]).buffer);
    return this.#kernel.call("ioctl", this.#listener, NOTIFICATION_IOCTL.isValid, bytes) === 0;
  }

  #answer(notification: Notification, refusal: string | null): void {
    if (this.#waiting === notification) this.#waiting = null;
    if (this.#kernel === null || this.#listener === null) return;
    const response = responseBytes(notification.id, refusal === null ? "continue" : { errno: ERRNO.EPERM });
    // Fails when the process was killed meanwhile; then there is nobody to answer.
    this.#kernel.call("ioctl", this.#listener, NOTIFICATION_IOCTL.send, response);
  }
}
