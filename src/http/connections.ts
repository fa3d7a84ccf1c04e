/**
 * Which connections there may be, for how long, and which of them go first when there are too many.
 *
 * The rules and nothing else: no socket, and the clock is given. A connection is in one of four phases, and each phase
 * is bounded by something: while it is `waiting` by {@link TIMES}; while it is `receiving`, by whoever reads the body;
 * while it is `answering`, by the run; while it is `sending` the last of an answer, by {@link TIMES} again.
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
const AWAKE_STEP_MS = 20;
/** Requests at once on one connection. HTTP/1.1 has one; with HTTP/2 each could bring a body of its own. */
const MAX_REQUESTS_AT_ONCE = 4;
/** When the process is out of files: the share of the waiting connections that is closed, and how many are kept at least. */
const SHARE_TO_CLOSE = 1 / 8;
const LEAST_KEPT = 16;

/** Why a connection was closed from this side before its client was done. */
export type CloseReason =
  | "header_timeout"
  | "body_timeout"
  | "idle_timeout"
  | "send_timeout"
  | "room"
  | "shortage";

/** Told of what the keeper does. */
export interface ConnectionEvents {
  closed(reason: CloseReason): void;
  /** A connection was not taken: all are in use. */
  refused(): void;
}

/** What a connection is doing. */
type Phase = "waiting" | "receiving" | "answering" | "sending";

/** Time in which this process was awake: it stands still while a busy machine lets it wait for a processor. */
class AwakeTime {
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

/** All connections of a listener. */
export class ConnectionKeeper {
  readonly #clock: Clock;
  readonly #awake: AwakeTime;
  readonly #max: () => number;
  readonly #events: ConnectionEvents;
  readonly #connections = new Set<KeptConnection>();
  /** How many connections each address has. */
  readonly #byPeer = new Map<string, number>();
  #shortage: { readonly max: number; readonly untilMs: number } | null = null;
  #isLooking = false;

  /** @param max how many there may be, at least 1; asked for each new one */
  constructor(clock: Clock, max: () => number, events: ConnectionEvents) {
    this.#clock = clock;
    this.#awake = new AwakeTime(clock);
    this.#max = max;
    this.#events = events;
  }

  /** How many there are. */
  get open(): number {
    return this.#connections.size;
  }

  /**
   * How long the next connection should wait before it is taken, in milliseconds: when many come at once, those that have
   * only just come are not closed for it, and a moment later one of them may be. To be asked again every
   * {@link AWAKE_STEP_MS} milliseconds, or it never comes to that.
   *
   * @param peer the address that it comes from
   */
  roomInMs(peer: string): number {
    const awakeMs = this.#awake.now();
    if (this.open < this.#limit()) return 0;
    const crowded = this.#crowdedAddress();
    if (crowded !== null && crowded !== peer) return 0;
    const nowMs = this.#clock.now();
    let least = Infinity;
    for (const connection of this.#connections) {
      least = Math.min(least, connection.expendableInMs(nowMs, awakeMs));
    }
    return least === Infinity ? 0 : Math.min(least, AWAKE_STEP_MS);
  }

  /**
   * Takes a connection, or returns null when all are in use. One that is not needed makes room for it: the address that
   * has the most loses the one that has waited longest, so that nobody who holds many keeps others out. An address that
   * has more than half of all makes room for itself only, and for others also with what it has only just begun to send
   * or is slow to take.
   *
   * @param peer the address that it comes from
   * @param close closes it; called once at most
   */
  take(peer: string, close: () => void): KeptConnection | null {
    while (this.#connections.size >= this.#limit()) {
      const first = this.#mostExpendable(peer);
      if (first === null) {
        this.#events.refused();
        return null;
      }
      this.#close(first, "room");
    }
    const connection = new KeptConnection(
      peer,
      close,
      this.#clock,
      this.#awake,
      (gone) => this.#forget(gone),
    );
    this.#connections.add(connection);
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + 1);
    this.#look();
    return connection;
  }

  /**
   * The process has no files left: closes some of the connections that wait, and takes no more than are left for a while,
   * because runs need files too.
   *
   * @returns how many were closed
   */
  runOutOfFiles(): number {
    const waiting = this.#expendable();
    const closed = waiting.slice(0, Math.max(1, Math.ceil(waiting.length * SHARE_TO_CLOSE)));
    for (const connection of closed) this.#close(connection, "shortage");
    this.#shortage = {
      max: Math.max(LEAST_KEPT, this.open),
      untilMs: this.#clock.now() + TIMES.shortageMs,
    };
    return closed.length;
  }

  #limit(): number {
    if (this.#shortage !== null && this.#clock.now() >= this.#shortage.untilMs) this.#shortage = null;
    return Math.min(this.#max(), this.#shortage?.max ?? Infinity);
  }

  /** The one to go first for a new connection from that address. */
  #mostExpendable(peer: string): KeptConnection | null {
    const expendable = this.#expendable();
    const crowded = this.#crowdedAddress();
    if (crowded === null) return expendable[0] ?? null;
    if (crowded === peer) return expendable.find((one) => one.peer === crowded) ?? null;
    return expendable[0] ?? this.#oldestUnanswered(crowded);
  }

  /** The address that has more than half of the connections that there may be, or null. */
  #crowdedAddress(): string | null {
    const half = this.#limit() / 2;
    for (const [peer, count] of this.#byPeer) if (count > half) return peer;
    return null;
  }

  /** Of an address the connection that has been longest in its phase, of those on which no answer is being made. */
  #oldestUnanswered(peer: string): KeptConnection | null {
    let oldest: KeptConnection | null = null;
    for (const one of this.#connections) {
      if (one.peer !== peer || one.phase === "answering") continue;
      if (oldest === null || one.sinceMs < oldest.sinceMs) oldest = one;
    }
    return oldest;
  }

  /** Those that may be closed to make room, the first to go first. */
  #expendable(): KeptConnection[] {
    const nowMs = this.#clock.now();
    const awakeMs = this.#awake.now();
    const crowd = ({ peer }: KeptConnection) => this.#byPeer.get(peer) ?? 0;
    return [...this.#connections].filter((one) => one.expendableInMs(nowMs, awakeMs) === 0).sort((a, b) =>
      Number(a.phase === "receiving") - Number(b.phase === "receiving") || crowd(b) - crowd(a) ||
      a.sinceMs - b.sinceMs
    );
  }

  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#clock.after(TIMES.lookEveryMs, () => {
      this.#isLooking = false;
      const nowMs = this.#clock.now();
      for (const connection of this.#connections) {
        const reason = connection.overdue(nowMs);
        if (reason !== null) this.#close(connection, reason);
      }
      if (this.#connections.size > 0) this.#look();
    });
  }

  #close(connection: KeptConnection, reason: CloseReason): void {
    this.#events.closed(reason);
    connection.close();
  }

  #forget(connection: KeptConnection): void {
    if (!this.#connections.delete(connection)) return;
    const left = this.#byPeer.get(connection.peer)! - 1;
    if (left === 0) this.#byPeer.delete(connection.peer);
    else this.#byPeer.set(connection.peer, left);
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
