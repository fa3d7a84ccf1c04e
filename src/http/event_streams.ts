/**
 * Open streams of events: each hands what its reader takes from the feed on to one client, as fast as that client reads.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { type EventType, heartbeatFrame, retryFrame } from "../events/event.ts";
import type { EventFeed } from "../events/event_feed.ts";
import type { EventReader } from "../events/event_reader.ts";
import type { FairPlaces, Place } from "../resilience/fair_places.ts";

/** How often every stream is written to, in milliseconds: proxies end silent ones, and writing shows who is gone. */
export const HEARTBEAT_MS = 15_000;

/** How long a client is asked to wait before it connects again, in milliseconds. */
const RETRY_MS = 2000;

/** Bytes that wait for a client in its stream, beside what the system's own buffers hold. */
const WAITING_BYTES = 16_384;

/** A client that has taken nothing for so many heartbeats, though something waits for it, is dropped. */
const STALLED_HEARTBEATS = 4;

/** What streams stand on. */
export interface EventStreamParts {
  readonly feed: EventFeed;
  /** Shared with the other streams that are open for long. */
  readonly places: FairPlaces;
  readonly clock: Clock;
  /** Whether that caller may still read events: asked before each is written. */
  readonly mayRead: (caller: string) => boolean;
}

/** What a client asks for. */
export interface EventRequest {
  /** Who it is, as callers are named. */
  readonly caller: string;
  /** The id that it has seen last, or null. */
  readonly after: string | null;
  /** The types that it wants, or null for all. */
  readonly types: ReadonlySet<EventType> | null;
  /** Aborted when it goes away. */
  readonly signal: AbortSignal;
}

/** All open streams of events. */
export class EventStreams {
  readonly #parts: EventStreamParts;
  readonly #streams = new Set<EventStream>();
  #cancelBeat: (() => void) | null = null;

  constructor(parts: EventStreamParts) {
    this.#parts = parts;
  }

  /** How many are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Opens a stream; null when there is no place for it. */
  open(request: EventRequest): ReadableStream<Uint8Array> | null {
    const { places } = this.#parts;
    const place = places.take(request.caller, () => stream.end("another caller needed its place"));
    if (place === null) return null;
    const stream = new EventStream(this.#parts, request, place, () => this.#left(stream));
    this.#streams.add(stream);
    this.#cancelBeat ??= this.#parts.clock.after(HEARTBEAT_MS, () => this.#beat());
    if (request.signal.aborted) stream.end("the client is gone");
    return stream.body;
  }

  /** Ends the streams of those who may not read any more: tokens have changed. */
  recheck(): void {
    for (const stream of [...this.#streams]) stream.recheck();
  }

  /** Ends every stream behind what was published before. */
  closeAll(): void {
    this.#parts.feed.close();
  }

  #beat(): void {
    this.#cancelBeat = null;
    for (const stream of [...this.#streams]) stream.beat();
    if (this.#streams.size > 0) this.#cancelBeat = this.#parts.clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  #left(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#cancelBeat?.();
    this.#cancelBeat = null;
  }
}

const logger = getLogger(["bulkhead", "events"]);

class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #mayRead: () => boolean;
  readonly #caller: string;
  readonly #reader: EventReader;
  readonly #place: Place;
  readonly #onEnd: () => void;
  readonly #onGone = () => this.end("the client is gone");
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Whether its client has taken something since the last heartbeat. */
  #hasTaken = false;
  #stalledBeats = 0;
  #hasEnded = false;

  constructor(
    { feed, mayRead }: EventStreamParts,
    { caller, after, types, signal }: EventRequest,
    place: Place,
    onEnd: () => void,
  ) {
    this.#mayRead = () => mayRead(caller);
    this.#caller = caller;
    this.#place = place;
    this.#onEnd = onEnd;
    this.#reader = feed.subscribe({ after, types, onNews: () => this.#pump() });
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(retryFrame(RETRY_MS));
      },
      pull: () => {
        this.#hasTaken = true;
        this.#pump();
      },
      cancel: this.#onGone,
    }, { highWaterMark: WAITING_BYTES, size: ({ length }) => length });
    signal.addEventListener("abort", this.#onGone, { once: true });
  }

  /** Ends it behind what it has been given; a client that reads sees an orderly end. */
  end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#reader.close();
    this.#place[Symbol.dispose]();
    this.#onEnd();
    try {
      this.#controller.close();
    } catch {
      // Its client has cancelled it.
    }
    const about = { caller: this.#caller, reason };
    if (this.#reader.wasDropped) logger.warn("a reader of events was dropped", about);
    else logger.debug("a stream of events has ended", about);
  }

  recheck(): void {
    if (!this.#mayRead()) this.end("its caller may not read any more");
  }

  beat(): void {
    this.recheck();
    if (this.#hasEnded) return;
    if (this.#hasRoom) this.#controller.enqueue(heartbeatFrame(this.#reader.position));
    else if (!this.#hasTaken && ++this.#stalledBeats >= STALLED_HEARTBEATS) {
      this.#reader.drop();
      return this.end("it has taken nothing for too long");
    }
    if (this.#hasTaken) this.#stalledBeats = 0;
    this.#hasTaken = false;
  }

  get #hasRoom(): boolean {
    return (this.#controller.desiredSize ?? 0) > 0;
  }

  #pump(): void {
    if (this.#hasEnded) return;
    this.recheck();
    while (!this.#hasEnded && this.#hasRoom) {
      const message = this.#reader.take();
      if (message === null) break;
      this.#controller.enqueue(message.frame);
    }
    if (this.#reader.isOver) {
      this.end(this.#reader.wasDropped ? "it has fallen too far behind" : "the server is stopping");
    }
  }
}
