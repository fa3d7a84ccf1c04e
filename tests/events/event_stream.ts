/**
 * A reader of event streams, made from the standard and not from what writes them.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation}
 * @module
 */

/** An event as a client is handed it. */
export interface StreamEvent {
  /** The last id that the stream has named by then. */
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Interprets text piece by piece. */
export class EventStreamParser {
  /** The last id that the stream has named: what a client comes back with. */
  lastId = "";
  /** Every comment so far. */
  readonly comments: string[] = [];
  #rest = "";
  #event = "";
  #data: string[] = [];

  /** The events that are whole by now. */
  push(text: string): StreamEvent[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    return lines.flatMap((line) => this.#take(line));
  }

  #take(line: string): StreamEvent[] {
    if (line === "") {
      const event = { id: this.lastId, event: this.#event, data: this.#data.join("\n") };
      const isEvent = this.#data.length > 0;
      this.#event = "";
      this.#data = [];
      return isEvent ? [event] : [];
    }
    const colon = line.indexOf(":");
    if (colon === 0) {
      this.comments.push(line.slice(1));
      return [];
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") this.lastId = value;
    else if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field !== "retry") throw new Error(`an unknown field: ${line}`);
    return [];
  }
}

/** The events of a whole text. */
export function parseEventStream(text: string): StreamEvent[] {
  return new EventStreamParser().push(text);
}
