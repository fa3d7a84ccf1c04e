/**
 * Going through an XML document by a tree of rules: which elements mean something, and what to do with them.
 *
 * @module
 */
import type { Slices } from "./slices.ts";
import { type XmlEvent, xmlEvents } from "./xml_events.ts";
import { MAX_PIECE_BYTES, readAttributes, readText, type XmlAttributes } from "./xml_text.ts";

/** What to do with one element, and with those inside it. Elements without a rule are passed over. */
export interface XmlRule<State> {
  /** At its start tag. */
  readonly start?: (state: State, attributes: XmlAttributes) => void;
  /** At its end tag, with its text as far as that was read; the text of elements inside it is not part of it. */
  readonly text?: (state: State, text: string) => void;
  /** At its end tag; never for an element whose end is missing. */
  readonly end?: (state: State) => void;
  /** The rules of the elements inside it by their names. */
  readonly inside?: XmlRules<State>;
}

/** Rules by the names of elements. */
export type XmlRules<State> = Readonly<{ [name: string]: XmlRule<State> }>;

/** What a walk says of the document's faults. */
export interface XmlFaults {
  /** How many elements with a rule were passed over: malformed, or a tag longer than {@linkcode MAX_PIECE_BYTES}. */
  unreadable: number;
  /** Set when tags do not match; for the rules to reset. */
  mismatched: boolean;
}

/** How far a document could be read. */
export type XmlWalkEnd = "whole" | "cut" | "no such document";

/** An element that is open. */
interface Frame<State> {
  readonly name: string;
  readonly rule: XmlRule<State> | null;
  text: string;
}

/** Elements deeper than this are passed over. No report of a tool is that deep. */
const MAX_DEPTH = 64;
/** The longest declaration that is read: nmap's own has 15 bytes. */
const MAX_DECLARATION_BYTES = 1024;
const INTERNAL_SUBSET = "[".charCodeAt(0);
/** What one event costs beside the bytes that it takes, in bytes. */
const EVENT_UNITS = 64;

/** One walk through the bytes of one document. */
class Walk<State extends XmlFaults> {
  readonly open: Frame<State>[] = [];
  readonly #bytes: Uint8Array;
  readonly #state: State;

  constructor(bytes: Uint8Array, state: State) {
    this.#bytes = bytes;
    this.#state = state;
  }

  /** Goes into an element. A rule is null where the element means nothing. */
  enter(event: XmlEvent & { kind: "start" }, rule: XmlRule<State> | null): void {
    if (this.open.length >= MAX_DEPTH) {
      this.#state.mismatched = true;
      return;
    }
    const readable = rule === null || this.#start(event, rule);
    const frame = { name: event.name, rule: readable ? rule : null, text: "" };
    if (event.empty) this.#end(frame);
    else this.open.push(frame);
  }

  /** The rule for an element of this name here. */
  ruleFor(name: string): XmlRule<State> | null {
    const inside = this.open.at(-1)?.rule?.inside;
    return inside !== undefined && Object.hasOwn(inside, name) ? inside[name]! : null;
  }

  /** Leaves the nearest open element of this name, and with it those inside it that were left open. */
  leave(name: string): void {
    const index = this.open.findLastIndex((frame) => frame.name === name);
    if (index !== this.open.length - 1) this.#state.mismatched = true;
    if (index === -1) return;
    const [frame] = this.open.splice(index);
    this.#end(frame!);
  }

  /** Adds to the text of the element that is open. */
  addText({ from, to, literal }: XmlEvent & { kind: "text" }): void {
    const frame = this.open.at(-1);
    if (frame?.rule?.text === undefined || frame.text.length >= MAX_PIECE_BYTES) return;
    const text = readText(this.#bytes.subarray(from, to), literal);
    if (text === null) this.#state.unreadable++;
    else frame.text += text;
  }

  #start({ from, to }: XmlEvent & { kind: "start" }, { start }: XmlRule<State>): boolean {
    if (start === undefined) return true;
    const attributes = to - from > MAX_PIECE_BYTES ? null : readAttributes(this.#bytes.subarray(from, to));
    if (attributes === null) this.#state.unreadable++;
    else start(this.#state, attributes);
    return attributes !== null;
  }

  #end({ rule, text }: Frame<State>): void {
    rule?.text?.(this.#state, text);
    rule?.end?.(this.#state);
  }
}

/**
 * Walks through a document, a slice at a time.
 *
 * An end tag closes the nearest open element of its name; an element that is closed with another has no end. A document
 * type with an internal subset is refused, since that is where entities are defined.
 *
 * @param root the name of the root and its rule
 */
export async function walkXml<State extends XmlFaults>(
  bytes: Uint8Array,
  root: { readonly name: string; readonly rule: XmlRule<State> },
  state: State,
  slices: Slices,
): Promise<XmlWalkEnd> {
  const walk = new Walk(bytes, state);
  let begun = false;
  let position = 0;
  for (const event of xmlEvents(bytes)) {
    if (slices.spend(event.to - position + EVENT_UNITS)) await slices.pause();
    position = event.to;
    if (event.kind === "text") walk.addText(event);
    else if (event.kind === "declaration") {
      if (begun) return "cut";
      const declaration = bytes.subarray(event.from, event.to);
      if (declaration.length > MAX_DECLARATION_BYTES || declaration.includes(INTERNAL_SUBSET)) break;
    } else if (event.kind === "start") {
      if (!begun && event.name !== root.name) break;
      walk.enter(event, begun ? walk.ruleFor(event.name) : root.rule);
      if (!begun && state.unreadable > 0) break;
      begun = true;
    } else if (event.kind === "end") {
      if (!begun) break;
      walk.leave(event.name);
    }
    if (begun && walk.open.length === 0) return "whole";
  }
  return begun ? "cut" : "no such document";
}
