/**
 * What an event is: a type, an id that grows, and one line of JSON, written as Server-Sent Events are.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream}
 * @module
 */
import { escapeControlsInJson } from "../core/text.ts";

/** What events are about: the server's health, tools, circuit breakers, runs. */
export const EVENT_TYPES = ["health", "tool", "breaker", "run"] as const;

/** One of {@link EVENT_TYPES}. */
export type EventType = typeof EVENT_TYPES[number];

/** Whether `text` names a type. */
export function isEventType(text: string): text is EventType {
  return (EVENT_TYPES as readonly string[]).includes(text);
}

/**
 * What a reader is given: an event, or how its stream begins. `start` comes first where it does not go on from an
 * earlier one; `reset` where it should have, and cannot without a gap.
 */
export interface Message {
  /** `BOOT-N`, as {@link formatEventId} writes it. */
  readonly id: string;
  readonly name: EventType | "start" | "reset";
  /** Its data: an object as one line of JSON, without raw control characters. */
  readonly json: string;
  /** All of it as bytes of an event stream. They are everybody's, and not to be changed. */
  readonly frame: Uint8Array;
}

/** The start of a server, by which the ids of its events are told from those of another: `[0-9a-f]{8}`. */
export type Boot = string;

const ID = /^([0-9a-f]{8})-(0|[1-9][0-9]{0,14})$/;

/** The id of the event that was the `sequence`th since the server has started: an integer of at least 0. */
export function formatEventId(boot: Boot, sequence: number): string {
  return `${boot}-${sequence}`;
}

/** Reads an id; null for what no server of this kind has written. */
export function parseEventId(text: string): { readonly boot: Boot; readonly sequence: number } | null {
  const match = ID.exec(text);
  return match === null ? null : { boot: match[1]!, sequence: Number(match[2]) };
}

const encoder = new TextEncoder();

/** Puts a message together. */
export function messageOf(
  id: string,
  name: Message["name"],
  data: Readonly<Record<string, unknown>>,
): Message {
  const json = escapeControlsInJson(JSON.stringify(data));
  return { id, name, json, frame: encoder.encode(`id: ${id}\nevent: ${name}\ndata: ${json}\n\n`) };
}

/** What a stream begins with: how long a client is to wait before it connects again, in milliseconds. */
export function retryFrame(retryMs: number): Uint8Array {
  return encoder.encode(`retry: ${retryMs}\n\n`);
}

/**
 * A comment, which no client hands on, and the id that a client goes on from: so that one that waits for a rare type of
 * event still comes back with a recent id.
 */
export function heartbeatFrame(id: string): Uint8Array {
  return encoder.encode(`:\nid: ${id}\n\n`);
}
