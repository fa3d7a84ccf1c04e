/**
 * One connection and its requests: what it is doing, since when, and how long it may.
 *
 * A connection is in one of four phases, and each phase is bounded by something: while it is `waiting` by {@link TIMES};
 * while it is `receiving`, by whoever reads the body; while it is `answering`, by the run; while it is `sending` the last
 * of an answer, by {@link TIMES} again.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";

/** How long a client may take, in milliseconds. */
export const TIMES = {
  /** From the start of a connection to the end of its first request's header. */
  firstHeaderMs: 10_000,
  /** From the moment that an answer is handed over to the end of the next request's header; the client reads meanwhile. */
  nextHeaderMs: 75_000,
  /** From the end of a request's header to the end of its body. */
  bodyMs: 30_000,
  /** From the last piece of an answer that was made piece by piece until the client has taken it. */
  sendMs: 75_000,
  /**
   * How long a connection has waited at least when it is closed to make room: a request may be there already, and not be
   * looked at yet. Of a pause of the whole process no more than {@link AWAKE_STEP_MS} counts.
   */
  roomAfterMs: 250,
  /** The same while a body arrives: an honest one is there by then. */
  roomAfterReceivingMs: 5_000,
  /** How long a connection of which no more is wanted may take to be closed by its client. */
  spentMs: 1_000,
  /** How often it is looked who is overdue. */
  lookEveryMs: 1_000,
  /** How long fewer connections are kept after the process has run out of files. */
  shortageMs: 60_000,
} as const;

/** What counts as awake, in milliseconds, of the time between two looks at the clock. */
export const AWAKE_STEP_MS = 20;
/** Requests at once on one connection. HTTP/1.1 has one; with HTTP/2 each could bring a body of its own. */
const MAX_REQUESTS_AT_ONCE = 4;

/** Why a connection was closed from this side before its client was done. */
export type CloseReason =
  | "header_timeout"
  | "body_timeout"
  | "idle_timeout"
  | "send_timeout"
  | "room"
  | "shortage";

/** What a connection is doing. */
type Phase = "waiting" | "receiving" | "answering" | "sending";

/** Time in which this process was awake: it stands still while a busy machine lets it wait for a processor. */
export class AwakeTime {
  readonly #clock: Clock;
  #seenMs: number;
  #awakeMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#seenMs = clock.now();
  }

  /** Milliseconds since its beginning, as far as they were seen to pass: it must be asked often. */
  now(): number {
    const nowMs = this.#clock.now();
    this.#awakeMs += Math.min(nowMs - this.#seenMs, AWAKE_STEP_MS);
    this.#seenMs = nowMs;
    return this.#awakeMs;
  }
}

/** One connection. */
export class KeptConnection {
  /** The address that it comes from. */
  readonly peer: string;
  readonly #close: () => void;
  readonly #clock: Clock;
  readonly #awake: AwakeTime;
  readonly #onGone: (connection: KeptConnection) => void;
  readonly #requests = new Set<KeptRequest>();
  #sinceMs: number;
  #sinceAwakeMs: number;
  #hadRequest = false;
  #isSpent = false;
  #endsItself = false;
  #isGone = false;

  constructor(
    peer: string,
    close: () => void,
    clock: Clock,
    awake: AwakeTime,
    onGone: (connection: KeptConnection) => void,
  ) {
    this.peer = peer;
    this.#close = close;
    this.#clock = clock;
    this.#awake = awake;
    this.#onGone = onGone;
    this.#sinceMs = clock.now();
    this.#sinceAwakeMs = awake.now();
  }

  /** What it is doing; of several requests at once the first counts. */
  get phase(): Phase {
    const [first] = this.#requests;
    return first?.phase ?? "waiting";
  }

  /** Since when. */
  get sinceMs(): number {
    const [first] = this.#requests;
    return first?.sinceMs ?? this.#sinceMs;
  }

  /**
   * A request's header is there.
   *
   * @param hasBody whether a body is to come
   * @returns null when it brings too many at once
   */
  begin(hasBody: boolean): KeptRequest | null {
    if (this.#requests.size >= MAX_REQUESTS_AT_ONCE) return null;
    this.#hadRequest = true;
    const request = new KeptRequest(hasBody, this.#clock, (isSpent) => {
      this.#requests.delete(request);
      if (isSpent) this.#isSpent = true;
      this.#sinceMs = this.#clock.now();
      this.#sinceAwakeMs = this.#awake.now();
    });
    this.#requests.add(request);
    return request;
  }

  /** The answer says that it is the last: the connection ends with it, when the client has taken it. */
  endsItself(): void {
    this.#endsItself = true;
  }

  /** Whether it has been waiting for so long, in milliseconds, and will not end by itself. */
  isQuietFor(quietMs: number): boolean {
    return this.phase === "waiting" && !this.#endsItself && this.#clock.now() - this.sinceMs >= quietMs;
  }

  /** Closes it from this side. */
  close(): void {
    if (this.#isGone) return;
    this.gone();
    this.#close();
  }

  /** It is closed, from whichever side. */
  gone(): void {
    this.#isGone = true;
    this.#onGone(this);
  }

  /**
   * How long from then it may be closed to make room, because nothing is lost that matters: it waits, or its client is
   * slow. Infinity where that is not in sight.
   */
  expendableInMs(nowMs: number, awakeMs: number): number {
    const { phase } = this;
    if (phase === "waiting") return Math.max(0, TIMES.roomAfterMs - (awakeMs - this.#sinceAwakeMs));
    const forMs = nowMs - this.sinceMs;
    return phase === "receiving" && forMs >= TIMES.roomAfterReceivingMs ? 0 : Infinity;
  }

  /** Why it is to be closed at that time, or null. */
  overdue(nowMs: number): CloseReason | null {
    const { phase } = this;
    const forMs = nowMs - this.sinceMs;
    if (phase === "sending") return forMs >= TIMES.sendMs ? "send_timeout" : null;
    if (phase !== "waiting") return null;
    if (this.#isSpent) return forMs >= TIMES.spentMs ? "body_timeout" : null;
    if (this.#hadRequest) return forMs >= TIMES.nextHeaderMs ? "idle_timeout" : null;
    return forMs >= TIMES.firstHeaderMs ? "header_timeout" : null;
  }
}

/** One request on a connection, from the end of its header until its answer is handed over. */
export class KeptRequest {
  readonly #clock: Clock;
  readonly #onEnd: (isSpent: boolean) => void;
  #isSpent = false;
  #phase: Exclude<Phase, "waiting">;
  #sinceMs: number;

  constructor(hasBody: boolean, clock: Clock, onEnd: (isSpent: boolean) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#phase = hasBody ? "receiving" : "answering";
    this.#sinceMs = clock.now();
  }

  /** What is being done about it. */
  get phase(): Exclude<Phase, "waiting"> {
    return this.#phase;
  }

  /** Since when. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Its body is there. */
  received(): void {
    if (this.#phase === "receiving") this.#go("answering");
  }

  /** Its body is not waited for any longer: the rest may come at any time, so the connection is of no more use. */
  late(): void {
    this.#isSpent = true;
  }

  /** Of an answer in pieces, only the client's taking them is waited for. */
  sending(): void {
    this.#go("sending");
  }

  /** Its answer is handed over, or it will not be. */
  ended(): void {
    this.#onEnd(this.#isSpent);
  }

  #go(phase: Exclude<Phase, "waiting">): void {
    this.#phase = phase;
    this.#sinceMs = this.#clock.now();
  }
}
