/**
 * The server's side of the warden: has compartments made, announces runs, and watches that the warden lives. Without
 * it nothing may run.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import { Compartment, type CompartmentWarden } from "./compartment.ts";
import type { Tier } from "./tier.ts";
import {
  type CompartmentTerms,
  type FromWarden,
  isFromWarden,
  type KernelReport,
  type RunTerms,
  type ToWarden,
} from "./warden_protocol.ts";
import { WARDEN_URL } from "./workers.ts";

/**
 * The warden is asked whether it lives, and its answer looked for after each of these, in milliseconds; then it counts as
 * dead. The last is short: when the whole process was stopped meanwhile, the answer waits to be read, and is read
 * between the last two.
 */
const LOOK_AFTER_MS = [1000, 8000, 1000] as const;
const SILENCE_MS = LOOK_AFTER_MS.reduce((sum, ms) => sum + ms, 0);

/** How long the end may wait for the last processes: as long as the warden insists, and a little. */
const CLOSE_MS = 6000;

/**
 * How long the undertaker may take. A warden that failed has ended everything as its last act, and the undertaker may
 * have gone down with it.
 */
const BURY_MS = 6000;
const LAST_ACT_MS = 500;

/** What is known of the warden's life. */
export interface Heartbeat {
  /** Why there is no warden any more, or null. */
  readonly death: string | null;
  /** How long it has owed an answer by now, in milliseconds; 0 when it owes none. */
  readonly silentMs: number;
  /** How long its last answer took, in milliseconds; null before the first. */
  readonly answeredAfterMs: number | null;
}

/** Called when a run's last process is gone, or could not be killed. */
export type GoneListener = (gone: Extract<FromWarden, { type: "gone" }>) => void;

/** What became of what a dead server left behind. */
export type Reaped = Extract<FromWarden, { type: "reaped" }>;

/** The warden. */
export class Warden implements CompartmentWarden {
  /** Resolves with the reason when the warden is no more, or cannot be trusted any more. */
  readonly lost: Promise<string>;
  readonly #markLost: (reason: string) => void;
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #compartments = new Map<string, Compartment>();
  #opened = Promise.withResolvers<KernelReport | null>();
  readonly #answered = Promise.withResolvers<void>();
  readonly #onGone: GoneListener;
  readonly #reaped = new Map<string, (reaped: Reaped) => void>();
  /** Runs that are over, and whose last processes are being looked for. */
  readonly #ending = new Set<string>();
  readonly #idle = Promise.withResolvers<void>();
  #isClosing = false;
  #closesWhenIdle = false;
  #undertaker: MessagePort | null = null;
  #closed = false;
  #pings = 0;
  #pongs = 0;
  #pingedMs = 0;
  #answeredAfterMs: number | null = null;
  #death: string | null = null;
  #cancelHeartbeat = () => {};

  /**
   * Makes the worker. The calling thread must hold at this moment what `permissions` name.
   *
   * @param onGone told of each run's last process
   */
  constructor(permissions: Deno.PermissionOptionsObject, clock: Clock, onGone: GoneListener) {
    const lost = Promise.withResolvers<string>();
    this.lost = lost.promise;
    this.#markLost = lost.resolve;
    this.#clock = clock;
    this.#onGone = onGone;
    this.#worker = new Worker(WARDEN_URL, { type: "module", name: "warden", deno: { permissions } });
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#lose(`the warden failed: ${event.message}`, LAST_ACT_MS);
    };
    this.#worker.onmessageerror = () => this.#lose("the warden sent a message that cannot be read");
    this.#worker.onmessage = ({ data }) => {
      if (this.#closed) return;
      this.#answered.resolve();
      if (isFromWarden(data)) this.#receive(data);
      else this.#lose("the warden sent a message that is not in the table");
    };
  }

  /** Why there is no warden any more, or null: told before {@link lost}, while what runs is still being ended. */
  get death(): string | null {
    return this.#death;
  }

  /** How it is doing: it is asked whether it lives about once a second. */
  get heartbeat(): Heartbeat {
    return {
      death: this.#death,
      silentMs: this.#pongs < this.#pings ? this.#clock.now() - this.#pingedMs : 0,
      answeredAfterMs: this.#answeredAfterMs,
    };
  }

  /** Resolves with the warden's first answer: it is up, and needs nothing of the thread that made it any more. */
  get answered(): Promise<void> {
    return this.#answered.promise;
  }

  /**
   * Has the warden prepare a tier, before everything else; a second time only to be content with tier basic.
   *
   * @returns what the kernel gives; null in tier basic
   * @throws {Error} when the tier is not to be had here
   */
  open(tier: Tier, nonce: string): Promise<KernelReport | null> {
    this.#opened = Promise.withResolvers();
    this.#opened.promise.catch(() => {});
    if (this.#closed) this.#opened.reject(new Error("there is no warden any more"));
    const { port1, port2 } = new MessageChannel();
    this.#undertaker = tier === "kernel" ? port1 : null;
    if (tier === "basic") port1.close();
    this.#send({ type: "open", tier, nonce, undertaker: port2 }, [port2]);
    return this.#opened.promise;
  }

  /** Has a compartment made. */
  compartment(terms: CompartmentTerms): Compartment {
    // A server that goes on for long makes many.
    for (const [name, { death }] of this.#compartments) if (death !== null) this.#compartments.delete(name);
    const compartment = new Compartment(terms, this, this.#clock);
    this.#compartments.set(terms.compartment, compartment);
    if (this.#isClosing || this.#closed) compartment.close();
    return compartment;
  }

  make(terms: CompartmentTerms, port: MessagePort): void {
    this.#send({ type: "make", terms, port }, [port]);
  }

  drop(compartment: string): void {
    this.#send({ type: "drop", compartment });
  }

  begin(terms: RunTerms): void {
    this.#send({ type: "begin", terms });
  }

  kill(run: string): void {
    // What has not ended when its run is over is killed.
    if (this.#undertaker !== null) this.end(run);
  }

  end(run: string): void {
    this.#ending.add(run);
    this.#send({ type: "end", run });
  }

  /** Kills what servers that are gone have left behind, found by their marks. */
  reap(nonces: readonly string[]): Promise<Reaped[]> {
    const answers = nonces.map((nonce) => new Promise<Reaped>((resolve) => this.#reaped.set(nonce, resolve)));
    if (nonces.length > 0) this.#send({ type: "reap", nonces });
    return Promise.all(answers);
  }

  /** Cancels every run, and kills it at once. */
  killRuns(): void {
    for (const compartment of this.#compartments.values()) compartment.kill();
  }

  /** Ends the compartments, with what runs in them, and, once nothing is left of any run, the warden. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#isClosing = true;
    for (const compartment of this.#compartments.values()) compartment.close();
    const cancel = this.#clock.after(CLOSE_MS, () => this.#idle.resolve());
    if (this.#ending.size === 0) this.#send({ type: "close" });
    else this.#closesWhenIdle = true;
    await this.#idle.promise;
    cancel();
    this.#closed = true;
    this.#answered.resolve();
    this.#cancelHeartbeat();
    this.#undertaker?.close();
    this.#worker.terminate();
  }

  #send(message: ToWarden, transfer: Transferable[] = []): void {
    if (!this.#closed) this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromWarden): void {
    switch (message.type) {
      case "opened":
      case "not_opened":
        // Asked from now on: before, its module may still have been compiled, and its start has a time limit of its own.
        if (this.#pings === 0) this.#beat();
        if (message.type === "opened") this.#opened.resolve(message.kernel);
        else this.#opened.reject(new Error(message.reason));
        return;
      case "made":
        return this.#compartments.get(message.compartment)?.made();
      case "not_made":
        return this.#compartments.get(message.compartment)?.notMade(message.reason, message.machine);
      case "died":
        return this.#compartments.get(message.compartment)?.died(message.reason);
      case "gone":
        if (message.survivors === 0) this.#ending.delete(message.run);
        this.#onGone(message);
        if (this.#closesWhenIdle && this.#ending.size === 0) this.#send({ type: "close" });
        return;
      case "closed":
        return this.#idle.resolve();
      case "reaped":
        this.#reaped.get(message.nonce)?.(message);
        this.#reaped.delete(message.nonce);
        return;
      case "pong":
        if (message.count === this.#pings) this.#answeredAfterMs = this.#clock.now() - this.#pingedMs;
        this.#pongs = message.count;
    }
  }

  /** Asks, and looks for the answer. */
  #beat(): void {
    this.#pingedMs = this.#clock.now();
    this.#send({ type: "ping", count: ++this.#pings });
    this.#lookForAnswer(this.#pings, LOOK_AFTER_MS);
  }

  #lookForAnswer(ping: number, [nextMs, ...laterMs]: readonly number[]): void {
    if (nextMs === undefined) return this.#lose(`the warden has not answered for ${SILENCE_MS / 1000} s`);
    this.#cancelHeartbeat = this.#clock.after(nextMs, () => {
      if (this.#pongs >= ping) this.#beat();
      else this.#lookForAnswer(ping, laterMs);
    });
  }

  #lose(reason: string, undertakerMs = BURY_MS): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#death = reason;
    this.#cancelHeartbeat();
    this.#opened.reject(new Error(reason));
    this.#answered.resolve();
    this.#idle.resolve();
    for (const compartment of this.#compartments.values()) compartment.abandon(reason);
    void this.#bury(undertakerMs).then(() => {
      this.#worker.terminate();
      this.#markLost(reason);
    });
  }

  /** Has the undertaker end what runs. */
  async #bury(withinMs: number): Promise<void> {
    const undertaker = this.#undertaker;
    if (undertaker === null) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(withinMs, resolve);
      undertaker.onmessage = () => {
        cancel();
        resolve();
      };
      undertaker.postMessage(null);
    });
    undertaker.close();
  }
}
