/**
 * One reader of the feed of events: a place in the history that all readers share.
 *
 * @module
 */
import type { EventType, Message } from "./event.ts";

/** What a reader wants. */
export interface Subscription {
  /** The id that it has seen last, by its own account, or null when it begins anew. */
  readonly after: string | null;
  /** The types that it wants, or null for all. */
  readonly types: ReadonlySet<EventType> | null;
  /** Called when there may be something to {@link EventReader.take}, or when the reader is over. */
  readonly onNews: () => void;
}

/** An event in the history. */
export interface KeptEvent {
  readonly type: EventType;
  readonly message: Message;
}

/** A reader's hold on its feed. */
export interface Hold {
  /** The event of that number, if it is kept. */
  eventAt(sequence: number): KeptEvent | undefined;
  /** The number of the latest event. */
  last(): number;
  idOf(sequence: number): string;
  left(reader: EventReader): void;
  dropped(): void;
}

/** One reader: a place in the history. Made by `EventFeed.subscribe`. */
export class EventReader {
  readonly #subscription: Subscription;
  readonly #hold: Hold;
  #greeting: Message | null;
  #next: number;
  /** `finishing`: what is there may still be taken, and nothing comes after it. */
  #state: "open" | "finishing" | "dropped" | "closed" = "open";

  constructor(subscription: Subscription, greeting: Message | null, next: number, hold: Hold) {
    this.#subscription = subscription;
    this.#greeting = greeting;
    this.#next = next;
    this.#hold = hold;
  }

  /** The next message, or null when there is none now. */
  take(): Message | null {
    if (this.#state === "dropped" || this.#state === "closed") return null;
    const greeting = this.#greeting;
    this.#greeting = null;
    if (greeting !== null) return greeting;
    for (; this.#next <= this.#hold.last(); this.#next++) {
      const { type, message } = this.#hold.eventAt(this.#next)!;
      if (!this.#wants(type)) continue;
      this.#next++;
      return message;
    }
    if (this.#state === "finishing") this.close();
    return null;
  }

  /** Whether there is nothing to take, and never will be. */
  get isOver(): boolean {
    return this.#state === "dropped" || this.#state === "closed";
  }

  /** Whether it was too slow. */
  get wasDropped(): boolean {
    return this.#state === "dropped";
  }

  /** The id to go on from after all that was taken. */
  get position(): string {
    return this.#hold.idOf(this.#next - 1);
  }

  /** Takes nothing any more. */
  close(): void {
    if (!this.isOver) this.#leave("closed");
  }

  /** Ends it because it does not take what there is. */
  drop(): void {
    if (this.isOver) return;
    this.#leave("dropped");
    this.#hold.dropped();
  }

  /** For the feed: nothing will be published any more. */
  finish(): void {
    if (this.#state === "open") this.#state = "finishing";
  }

  /** For the feed: an event is not kept any more. Drops this reader, and says so, when it should still have taken it. */
  loses(sequence: number, type: EventType): boolean {
    if (sequence < this.#next) return false;
    this.#next = sequence + 1;
    if (this.#wants(type)) this.drop();
    return this.wasDropped;
  }

  /** For the feed: there is news. */
  tell(): void {
    this.#subscription.onNews();
  }

  #wants(type: EventType): boolean {
    return this.#subscription.types?.has(type) ?? true;
  }

  #leave(state: "closed" | "dropped"): void {
    this.#state = state;
    this.#greeting = null;
    this.#hold.left(this);
  }
}
