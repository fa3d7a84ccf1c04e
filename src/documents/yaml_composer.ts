/**
 * From the events of the YAML parser to values, with the place of every key and value, under the limits that a
 * configuration file needs: plain text keys, no tags, few aliases.
 *
 * The values are composed here, not by the library's constructor, because the offsets of keys and values are only in
 * the events, and because the constructor turns a key such as `0o17` or `1.0` into the text of a number.
 *
 * @module
 */
import {
  type AliasEvent,
  boolCoreTag,
  type Event,
  EVENT_ID,
  floatCoreTag,
  getScalarValue,
  intCoreTag,
  type MappingEvent,
  NOT_RESOLVED,
  nullCoreTag,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
} from "js-yaml";
import type { DocumentPath } from "./diagnostics.ts";
import { quote } from "../core/text.ts";
import { describeValue } from "./describe_value.ts";
import {
  branch,
  leaf,
  MAX_ALIASES,
  MAX_DEPTH,
  type Problem,
  type SourceNode,
  TOO_DEEP,
} from "./source_node.ts";

/** What a document's events make: its root, and every broken rule, in the order of the text. */
export interface Composition {
  readonly root: SourceNode;
  readonly problems: readonly Problem[];
}

const ABSENT = -1;

// An object with one of these as its own key is a trap for any code that copies or merges it.
const PROTOTYPE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The tags that the YAML 1.2 core schema gives to plain scalars, in its order; any other text is a string. */
const CORE_TAGS = [nullCoreTag, boolCoreTag, intCoreTag, floatCoreTag];

function resolvePlain(text: string): unknown {
  for (const tag of CORE_TAGS) {
    const value = tag.resolve(text, false, tag.tagName);
    if (value !== NOT_RESOLVED) return value;
  }
  return text;
}

/**
 * Composes one document.
 *
 * @param events what the parser gave for `source`, from the document's first event on.
 */
export function composeDocument(source: string, events: readonly Event[]): Composition {
  const composer = new Composer(source, events);
  const root = composer.node([], 0, 0);
  return { root, problems: composer.problems };
}

class Composer {
  readonly problems: Problem[] = [];
  readonly #source: string;
  readonly #events: readonly Event[];
  readonly #anchors = new Map<string, SourceNode>();
  // The event before the root is the one that opens the document.
  #next = 1;
  /** Where the last scalar ends. */
  #consumed = 0;
  #aliases = 0;

  constructor(source: string, events: readonly Event[]) {
    this.#source = source;
    this.#events = events;
  }

  /** @param fallbackOffset the place of a value that has no text of its own, as after `key:`. */
  node(path: DocumentPath, depth: number, fallbackOffset: number): SourceNode {
    const event = this.#take();
    switch (event?.type) {
      case EVENT_ID.ALIAS:
        return this.#alias(event, path, depth);
      case EVENT_ID.SCALAR: {
        const text = this.#scalarText(event, path, fallbackOffset);
        const value = event.style === SCALAR_STYLE.PLAIN ? resolvePlain(text.text) : text.text;
        return this.#anchored(event, leaf(value, text.offset));
      }
      case EVENT_ID.SEQUENCE:
        return this.#collection(event, path, depth, () => this.#sequence(event, path, depth + 1));
      case EVENT_ID.MAPPING:
        return this.#collection(event, path, depth, () => this.#mapping(event, path, depth + 1));
      default:
        return leaf(null, fallbackOffset);
    }
  }

  #take(): Event | undefined {
    return this.#events[this.#next++];
  }

  /** Whether the open collection has ended; takes the event that ends it. */
  #ended(): boolean {
    const event = this.#events[this.#next];
    const ended = event === undefined || event.type === EVENT_ID.POP;
    if (ended) this.#next++;
    return ended;
  }

  #report(offset: number, path: DocumentPath, message: string): void {
    this.problems.push({ offset, path, message });
  }

  #refuseTag(event: ScalarEvent | SequenceEvent | MappingEvent, path: DocumentPath): void {
    if (event.tagStart === ABSENT) return;
    const tag = quote(this.#source.slice(event.tagStart, event.tagEnd));
    this.#report(
      event.tagStart,
      path,
      `tags are not supported, got ${tag}; quote a value to make it a string`,
    );
  }

  #anchored(event: ScalarEvent | SequenceEvent | MappingEvent, node: SourceNode): SourceNode {
    if (event.anchorStart !== ABSENT) {
      this.#anchors.set(this.#source.slice(event.anchorStart, event.anchorEnd), node);
    }
    return node;
  }

  #alias(event: AliasEvent, path: DocumentPath, depth: number): SourceNode {
    const offset = event.anchorStart - 1;
    const name = this.#source.slice(event.anchorStart, event.anchorEnd);
    const target = this.#anchors.get(name);
    this.#aliases++;
    if (this.#aliases === MAX_ALIASES + 1) {
      this.#report(offset, path, `expected at most ${MAX_ALIASES} aliases in a document`);
    }
    if (target === undefined) {
      this.#report(offset, path, `no finished value before this is anchored as ${quote(`&${name}`)}`);
      return leaf(null, offset);
    }
    if (depth + target.height > MAX_DEPTH) this.#report(offset, path, TOO_DEEP);
    return { ...target, offset };
  }

  #collection(
    event: SequenceEvent | MappingEvent,
    path: DocumentPath,
    depth: number,
    compose: () => SourceNode,
  ): SourceNode {
    this.#refuseTag(event, path);
    if (depth === MAX_DEPTH) this.#report(event.start, path, TOO_DEEP);
    // Until it is finished the anchor means nothing: an alias inside would make the value contain itself.
    if (event.anchorStart !== ABSENT) {
      this.#anchors.delete(this.#source.slice(event.anchorStart, event.anchorEnd));
    }
    return this.#anchored(event, compose());
  }

  #sequence(event: SequenceEvent, path: DocumentPath, depth: number): SourceNode {
    const items: unknown[] = [];
    const children = new Map<number, { keyOffset: number; node: SourceNode }>();
    while (!this.#ended()) {
      const index = items.length;
      const node = this.node([...path, index], depth, event.start);
      items.push(node.value);
      children.set(index, { keyOffset: node.offset, node });
    }
    return branch(items, event.start, children);
  }

  #mapping(event: MappingEvent, path: DocumentPath, depth: number): SourceNode {
    const value: Record<string, unknown> = {};
    const children = new Map<string, { keyOffset: number; node: SourceNode }>();
    while (!this.#ended()) {
      const key = this.#key(path, depth, event.start);
      const known = children.get(key.text);
      if (known !== undefined) {
        this.#report(key.offset, [...path, key.text], `duplicate key ${quote(key.text)}`);
      }
      const node = this.node([...path, key.text], depth, key.offset);
      if (known !== undefined || !key.valid) continue;
      value[key.text] = node.value;
      children.set(key.text, { keyOffset: key.offset, node });
    }
    return branch(value, event.start, children);
  }

  #key(
    path: DocumentPath,
    depth: number,
    fallbackOffset: number,
  ): { text: string; offset: number; valid: boolean } {
    const event = this.#events[this.#next];
    if (event?.type !== EVENT_ID.SCALAR) {
      const { offset, value } = this.node(path, depth, fallbackOffset);
      const kind = event?.type === EVENT_ID.ALIAS ? "an alias" : describeValue(value);
      this.#report(offset, path, `expected a key that is a string, got ${kind}`);
      return { text: "", offset, valid: false };
    }
    this.#next++;
    const { text, offset } = this.#scalarText(event, path, fallbackOffset);
    this.#anchored(event, leaf(text, offset));
    const refusal = refuseKey(text, event.style === SCALAR_STYLE.PLAIN);
    if (refusal !== null) this.#report(offset, text === "" ? path : [...path, text], refusal);
    return { text, offset, valid: refusal === null };
  }

  #scalarText(
    event: ScalarEvent,
    path: DocumentPath,
    fallbackOffset: number,
  ): { text: string; offset: number } {
    this.#refuseTag(event, path);
    const text = getScalarValue(this.#source, event);
    if (event.valueStart === ABSENT) return { text, offset: fallbackOffset };
    const offset = this.#scalarOffset(event);
    this.#consumed = event.valueEnd;
    return { text, offset };
  }

  #scalarOffset(event: ScalarEvent): number {
    switch (event.style) {
      case SCALAR_STYLE.SINGLE_QUOTED:
      case SCALAR_STYLE.DOUBLE_QUOTED:
        return event.valueStart - 1;
      case SCALAR_STYLE.LITERAL_BLOCK:
      case SCALAR_STYLE.FOLDED_BLOCK: {
        // The event begins with the text; the reader looks for the `|` or `>` that ends the line before it.
        const before = this.#source.slice(this.#consumed, event.valueStart).replace(/\r\n?$|\n$/, "");
        const line = Math.max(before.lastIndexOf("\n"), before.lastIndexOf("\r")) + 1;
        const header = /[|>][-+1-9]*[ \t]*(?:#.*)?$/.exec(before.slice(line));
        return header === null ? event.valueStart : this.#consumed + line + header.index;
      }
      default:
        return event.valueStart;
    }
  }
}

function refuseKey(text: string, plain: boolean): string | null {
  if (plain && text === "") return 'expected a key before ":"';
  if (plain && text === "<<") return "merge keys (<<) are not supported; write the keys out";
  if (PROTOTYPE_KEYS.has(text)) return `the key ${quote(text)} is not allowed`;
  return null;
}
