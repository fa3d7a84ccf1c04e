/**
 * Which connections there may be, and which of them go first when there are too many: the rules and nothing else. No
 * socket is known here, and the clock is given.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import { AWAKE_STEP_MS, AwakeTime, type CloseReason, KeptConnection, TIMES } from "./kept_connection.ts";

/** When the process is out of files: the share of the waiting connections that is closed, and how many are kept at least. */
const SHARE_TO_CLOSE = 1 / 8;
const LEAST_KEPT = 16;

/** Told of what the keeper does. */
export interface ConnectionEvents {
  closed(reason: CloseReason): void;
  /** A connection was not taken: all are in use. */
  refused(): void;
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
