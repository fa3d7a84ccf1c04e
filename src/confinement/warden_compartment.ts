/**
 * A compartment, from the warden's side: makes the worker, judges its self-test, lets its programs go on when their
 * limits have landed, and ends it with everything that runs in it.
 *
 * How a program starts. Three words about it come in any order, and meet in `settle`:
 *
 *     server -> warden        begin RUN       its ceilings
 *     compartment -> warden   spawning RUN    the next process that I start is this run's
 *     compartment             posix_spawn(3): makes the process, and waits for its execve(2)
 *     process -> kernel       execve(2): stopped by the filter, which notifies the listener
 *     kernel -> warden        notification    of this process; `#judge`
 *     warden -> process       setpgid, ceilings, mark; `land`
 *     warden -> kernel        continue, or EPERM
 *     compartment -> warden   spawned RUN     it goes on; or not_spawned RUN, and why is asked
 *
 * `#spawning` and `#waiting` hold what has come of the second and the third. A compartment starts one program at a time,
 * as its thread waits in posix_spawn, so one of each is enough.
 *
 * @module
 */
import { again, ERRNO, errnoName, type LiveKernel } from "./linux/kernel.ts";
import { type Notification, NOTIFICATION_IOCTL, responseBytes } from "./linux/seccomp.ts";
import type { Listeners } from "./listeners.ts";
import {
  type CompartmentTerms,
  type CompartmentToWarden,
  type FromWarden,
  isCompartmentToWarden,
  type WardenToCompartment,
} from "./warden_protocol.ts";
import type { WardenRuns } from "./warden_runs.ts";
import { COMPARTMENT_URL, compartmentPermissions } from "./workers.ts";

/**
 * How long a program's start may wait for word from the server and from its compartment, in milliseconds. Words take
 * longer while compartments are made, and on a machine with too few processors; nobody waits but this one.
 */
const RENDEZVOUS_MS = 10_000;

/** What tier kernel works with. */
export interface KernelTier {
  readonly kernel: LiveKernel;
  readonly runs: WardenRuns;
  readonly listeners: Listeners;
}

/** One compartment, from the warden's side. */
export class WardenCompartment {
  readonly #name: string;
  /** The run that it tries itself out with. */
  readonly #selfTest: string;
  readonly #worker: Worker;
  /** What it was made with; null in tier basic. */
  readonly #tier: KernelTier | null;
  readonly #tell: (message: FromWarden) => void;
  #listener: number | null = null;
  /** The run whose program the compartment has said to start next. */
  #spawning: string | null = null;
  /** The process that waits to become it. */
  #waiting: Notification | null = null;
  /** Why the last start was refused, for the compartment to ask. */
  #refusal: string | null = null;
  /** Whether its self-test is over. */
  #isTried = false;
  #gone = false;
  readonly #left = Promise.withResolvers<void>();

  /**
   * Makes the worker.
   *
   * @param port leads from the compartment to the server, past the warden
   * @param sequence tells it from those that had its name before
   * @param tell takes what the server is to hear
   */
  constructor(
    { compartment, program, rules }: CompartmentTerms,
    port: MessagePort,
    tier: KernelTier | null,
    sequence: number,
    tell: (message: FromWarden) => void,
  ) {
    this.#name = compartment;
    this.#tier = tier;
    this.#tell = tell;
    this.#selfTest = `self-test ${sequence}`;
    if (tier !== null) {
      this.#spawning = this.#selfTest;
      tier.runs.begin({
        run: this.#spawning,
        compartment,
        // Small and odd, so that they are not what was there before.
        ceilings: { memoryBytes: 268_435_456, cpuSec: 7, openFiles: 13, fileBytes: 4096 },
        tree: { memoryBytes: null, processes: null },
        killGraceMs: 0,
      });
    }
    const libc = tier?.kernel.path ?? null;
    this.#worker = new Worker(COMPARTMENT_URL, {
      type: "module",
      name: compartment,
      deno: { permissions: compartmentPermissions(program, libc) },
    });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(`it failed: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#die("it sent a message that cannot be read");
    this.#worker.onmessage = ({ data }) => {
      if (this.#gone) this.#hearLate(data);
      else if (isCompartmentToWarden(data)) this.#hear(data);
      else this.#die("it sent a message that is not in the table");
    };
    this.#send({ type: "open", program, rules: tier === null ? null : rules, port }, [port]);
  }

  /**
   * Ends the compartment and everything that runs in it.
   *
   * One that is still trying itself out is let come to the end of that: it waits for answers of the warden's, and a
   * thread that waits in the kernel is not ended by anything.
   *
   * @returns settles when its thread has nothing to wait for any more
   */
  drop(): Promise<void> {
    if (!this.#gone) {
      this.#leave();
      if (this.#tier === null || this.#isTried) this.#terminate();
    }
    return this.#left.promise;
  }

  #end(): void {
    this.#leave();
    this.#terminate();
  }

  #terminate(): void {
    this.#worker.terminate();
    this.#left.resolve();
  }

  #leave(): void {
    this.#gone = true;
    if (this.#waiting !== null) this.#answer(this.#waiting, "the compartment is gone");
    this.#tier?.runs.killCompartment(this.#name);
    // If it is not over yet, it will not be judged any more.
    void this.#tier?.runs.end(this.#selfTest);
  }

  /** What one says that was dropped: where its self-test is to be refused, and that this is over. */
  #hearLate(message: unknown): void {
    const isConfined = isCompartmentToWarden(message) && message.type === "confined";
    if (!isConfined || this.#tier === null || this.#listener !== null) return this.#terminate();
    this.#listen(this.#tier, message.listener);
  }

  #listen({ listeners }: KernelTier, listener: number): void {
    this.#listener = listener;
    listeners.add(listener, (notification) => this.#judge(notification));
  }

  #die(reason: string): void {
    if (this.#gone) return this.#terminate();
    this.#end();
    this.#tell({ type: "died", compartment: this.#name, reason: reason.slice(0, 1000) });
  }

  #notMade(reason: string, machine: boolean): void {
    this.#end();
    this.#tell({ type: "not_made", compartment: this.#name, reason: reason.slice(0, 1000), machine });
  }

  #send(message: WardenToCompartment, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** A message of the compartment. It may speak only of runs that the server has given to it. */
  #hear(message: CompartmentToWarden): void {
    if (message.type === "ready") {
      if (this.#tier !== null && this.#listener === null) return this.#die("it is not confined");
      return this.#tell({ type: "made", compartment: this.#name });
    }
    if (this.#tier === null) return this.#die("it spoke of what there is not in tier basic");
    const { runs } = this.#tier;
    switch (message.type) {
      case "not_confined":
        return this.#notMade(message.reason, message.machine);
      case "confined":
        if (this.#listener !== null) return this.#die("it was confined twice");
        return this.#listen(this.#tier, message.listener);
      case "self_tested":
        return this.#judgeSelfTest(runs, message.errno);
      case "spawning":
        // The server's own word about the run may still be on its way.
        this.#spawning = message.run;
        return this.settle();
      case "spawned":
        if (!runs.belongsTo(message.run, this.#name) || !runs.hasLanded(message.run)) {
          this.#die("a program started without its limits");
        }
        return;
      case "not_spawned":
        this.#spawning = null;
        return this.#send({
          type: "refusal",
          run: message.run,
          reason: runs.refusalOf(message.run) ?? this.#refusal,
        });
      case "stop":
      case "exited":
        if (!runs.belongsTo(message.run, this.#name)) return;
        return message.type === "stop" ? runs.stop(message.run) : runs.exited(message.run);
    }
  }

  #judgeSelfTest(runs: WardenRuns, errno: number): void {
    const name = this.#selfTest;
    const landed = runs.hasLanded(name);
    const refusal = runs.refusalOf(name);
    void runs.end(name);
    this.#isTried = true;
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
    if (this.#gone || this.#tier === null) return this.#answer(notification, "the compartment is gone");
    const { runs } = this.#tier;
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
    if (this.#tier === null || run === null || notification === null) return;
    const { runs } = this.#tier;
    if (!runs.belongsTo(run, this.#name)) return;
    let refusal = runs.land(run, notification.pid);
    if (refusal === null && run === this.#selfTest && !runs.limitsHold(run, notification.pid)) {
      refusal = "the limits do not hold";
    }
    // The next program's start may be noticed before the word that this one is done.
    this.#spawning = null;
    this.#answer(notification, refusal);
  }

  #stillWaits({ id }: Notification): boolean {
    if (this.#tier === null || this.#listener === null) return false;
    const bytes = new Uint8Array(new BigUint64Array([id]).buffer);
    return again(this.#tier.kernel, "ioctl", this.#listener, NOTIFICATION_IOCTL.isValid, bytes) === 0;
  }

  #answer(notification: Notification, refusal: string | null): void {
    if (this.#waiting === notification) {
      this.#waiting = null;
      this.#refusal = refusal;
    }
    if (this.#tier === null || this.#listener === null) return;
    const response = responseBytes(notification.id, refusal === null ? "continue" : { errno: ERRNO.EPERM });
    // Fails when the process was killed meanwhile; then there is nobody to answer.
    again(this.#tier.kernel, "ioctl", this.#listener, NOTIFICATION_IOCTL.send, response);
  }
}
