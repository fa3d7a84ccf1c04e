/**
 * The feed of events: what happens is published once, and every reader sees all of it in order, or is told that
 * something is missing.
 *
 * All readers share one history, and each has only a place in it. So a reader costs no memory however slow it is, and one
 * that has fallen behind the history is dropped; nobody waits for it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type Clock, isoTime } from "../core/clock.ts";
import { stackOf } from "../core/failed_request.ts";
import { type Boot, type EventType, formatEventId, type Message, messageOf, parseEventId } from "./event.ts";
import { EventReader, type KeptEvent, type Subscription } from "./event_reader.ts";

/** How much is kept. */
export interface FeedLimits {
  /** A reader that comes back may have missed so many events: an integer of at least 1. */
  readonly resumable: number;
  /** A reader may lag behind by so many events, and by those that it had missed: an integer of at least 1. */
  readonly backlog: number;
  /** Bytes of all events that are kept. The latest one is kept whatever its size. */
  readonly maxBytes: number;
}

/** The limits that are used. */
export const FEED_LIMITS: FeedLimits = { resumable: 1000, backlog: 256, maxBytes: 1_048_576 };

/** Told of what the feed does. */
export interface FeedObserver {
  recordEvent(type: EventType): void;
  recordDropped(): void;
}

/** What a feed is made from. */
export interface FeedOptions {
  readonly clock: Clock;
  readonly boot: Boot;
  readonly observer?: FeedObserver;
  /** How well the server is, for whoever begins to read; null while that is not known. */
  readonly health?: () => string | null;
  /** @default FEED_LIMITS */
  readonly limits?: FeedLimits;
}

const logger = getLogger(["bulkhead", "events"]);

/**
 * Publishes events to readers.
 *
 * @example
 * ```ts
 * import { systemClock } from "../core/clock.ts";
 * import { EventFeed } from "./event_feed.ts";
 *
 * const feed = new EventFeed({ clock: systemClock, boot: "0123abcd" });
 * const reader = feed.subscribe({ after: null, types: null, onNews: () => {} });
 * feed.publish("tool", { tool: "dig", change: "disabled" });
 * console.log(reader.take()?.name, reader.take()?.json);
 * ```
 */
export class EventFeed {
  readonly #clock: Clock;
  readonly #boot: Boot;
  readonly #observer: FeedObserver | undefined;
  readonly #limits: FeedLimits;
  readonly #health: () => string | null;
  readonly #readers = new Set<EventReader>();
  /** The latest events, of which the first has the number {@link #first}. */
  readonly #kept: KeptEvent[] = [];
  #first = 1;
  #bytes = 0;
  #isClosed = false;

  constructor({ clock, boot, observer, health = () => null, limits = FEED_LIMITS }: FeedOptions) {
    this.#clock = clock;
    this.#boot = boot;
    this.#observer = observer;
    this.#limits = limits;
    this.#health = health;
  }

  /** How many readers there are. */
  get readers(): number {
    return this.#readers.size;
  }

  /**
   * Publishes an event. Never throws for what readers do.
   *
   * @param data what JSON can hold; the time is added
   */
  publish(type: EventType, data: Readonly<Record<string, unknown>>): void {
    const sequence = this.#last + 1;
    const message = messageOf(formatEventId(this.#boot, sequence), type, this.#timed(data));
    this.#kept.push({ type, message });
    this.#bytes += message.frame.length;
    this.#observer?.recordEvent(type);
    const { resumable, backlog, maxBytes } = this.#limits;
    while (this.#kept.length > 1 && (this.#kept.length > resumable + backlog || this.#bytes > maxBytes)) {
      this.#forgetFirst();
    }
    for (const reader of [...this.#readers]) this.#tell(reader);
  }

  /** Adds a reader. It is given what it has missed, and then what happens. */
  subscribe(subscription: Subscription): EventReader {
    const { greeting, next } = this.#beginning(subscription.after);
    const reader = new EventReader(subscription, greeting, next, {
      eventAt: (sequence) => this.#kept[sequence - this.#first],
      last: () => this.#last,
      idOf: (sequence) => formatEventId(this.#boot, sequence),
      left: (one) => this.#readers.delete(one),
      dropped: () => this.#observer?.recordDropped(),
    });
    this.#readers.add(reader);
    if (this.#isClosed) reader.finish();
    return reader;
  }

  /** Publishes nothing to readers any more: each is over once it has taken what there was. */
  close(): void {
    this.#isClosed = true;
    for (const reader of [...this.#readers]) {
      reader.finish();
      this.#tell(reader);
    }
  }

  get #last(): number {
    return this.#first + this.#kept.length - 1;
  }

  #timed(data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    return { time: isoTime(this.#clock.wall()), ...data };
  }

  /** Where a reader begins, and what it is told of that: nothing, if it simply goes on. */
  #beginning(after: string | null): { readonly greeting: Message | null; readonly next: number } {
    const last = this.#last;
    if (after === null) {
      const data = this.#timed({ health: this.#health() });
      return { greeting: messageOf(formatEventId(this.#boot, last), "start", data), next: last + 1 };
    }
    const oldest = Math.max(this.#first, last - this.#limits.resumable + 1);
    const seen = parseEventId(after);
    const isOwn = seen?.boot === this.#boot && seen.sequence <= last;
    if (isOwn && seen.sequence >= oldest - 1) return { greeting: null, next: seen.sequence + 1 };
    const reason = isOwn
      ? "too_old"
      : seen !== null && seen.boot !== this.#boot
      ? "other_server"
      : "unknown_id";
    const missed = isOwn ? oldest - 1 - seen.sequence : null;
    const data = this.#timed({ reason, missed, health: this.#health() });
    return { greeting: messageOf(formatEventId(this.#boot, oldest - 1), "reset", data), next: oldest };
  }

  #forgetFirst(): void {
    const { type, message } = this.#kept.shift()!;
    const sequence = this.#first++;
    this.#bytes -= message.frame.length;
    for (const reader of [...this.#readers]) if (reader.loses(sequence, type)) this.#tell(reader);
  }

  #tell(reader: EventReader): void {
    try {
      reader.tell();
    } catch (error) {
      reader.close();
      logger.error("a reader of events failed", { error: stackOf(error) });
    }
  }
}
