/**
 * The tags and texts of an XML document, found one after the other in its bytes. A document of any size is gone
 * through in small steps, and one that has lost its end gives everything before the cut.
 *
 * @module
 */

/** How many bytes one step goes through at most: some 100 microseconds. */
const STEP_BYTES = 65_536;
/** The longest name that is read, in bytes; a longer one is cut, and is the name of nothing then. */
const MAX_NAME_BYTES = 64;

/** One thing in a document, from its first byte to the one after its last. */
export type XmlEvent =
  | { readonly kind: "start"; readonly name: string; readonly empty: boolean } & Range
  | { readonly kind: "end"; readonly name: string } & Range
  /** What is between two tags; `literal` when it is the inside of a CDATA section, which holds no references. */
  | { readonly kind: "text"; readonly literal: boolean } & Range
  /** `<!DOCTYPE ...>` up to its first `>` outside quotation marks, or another declaration. */
  | { readonly kind: "declaration" } & Range
  /** Nothing whole was found yet. */
  | { readonly kind: "step"; readonly to: number };

interface Range {
  readonly from: number;
  readonly to: number;
}

type Search = Generator<XmlEvent, number, void>;

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Markup that holds no elements, by how it begins and ends. */
const OPAQUE = [["<!--", "-->"], ["<![CDATA[", "]]>"], ["<?", "?>"]].map(([opening, ending]) => ({
  opening: bytesOf(opening!),
  ending: bytesOf(ending!),
  literal: opening === "<![CDATA[",
}));
const OPENING = bytesOf("<");
const [TAG_END, SLASH, BANG, DOUBLE_QUOTE, QUOTE, SPACE] = bytesOf(">/!\"' ") as unknown as number[];

function matchesAt(bytes: Uint8Array, wanted: Uint8Array, position: number): boolean {
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[position + index] !== wanted[index]) return false;
  }
  return true;
}

/** @returns where the wanted bytes begin, at `from` or later, or -1. */
function* find(bytes: Uint8Array, wanted: Uint8Array, from: number): Search {
  for (let position = from; position < bytes.length;) {
    const end = Math.min(bytes.length, position + STEP_BYTES);
    for (; position < end; position++) {
      if (bytes[position] === wanted[0] && matchesAt(bytes, wanted, position)) return position;
    }
    yield { kind: "step", to: position };
  }
  return -1;
}

/** @returns the position of the `>` that ends the tag at `from`, or -1; a `>` inside quotation marks ends no tag. */
function* findTagEnd(bytes: Uint8Array, from: number): Search {
  let quote: number | null = null;
  for (let position = from; position < bytes.length;) {
    const end = Math.min(bytes.length, position + STEP_BYTES);
    for (; position < end; position++) {
      const byte = bytes[position]!;
      if (quote !== null) {
        if (byte === quote) quote = null;
      } else if (byte === DOUBLE_QUOTE || byte === QUOTE) quote = byte;
      else if (byte === TAG_END) return position;
    }
    yield { kind: "step", to: position };
  }
  return -1;
}

function nameAt(bytes: Uint8Array, from: number): string {
  let end = from;
  while (end < from + MAX_NAME_BYTES) {
    const byte = bytes[end]!;
    if (byte <= SPACE! || byte === SLASH || byte === TAG_END) break;
    end++;
  }
  return String.fromCharCode(...bytes.subarray(from, end));
}

/**
 * Goes through a document. Whether tags match and what is inside them is not looked at; names that are not ASCII come
 * out garbled.
 */
export function* xmlEvents(bytes: Uint8Array): Generator<XmlEvent, void, void> {
  let position = 0;
  for (;;) {
    const from = yield* find(bytes, OPENING, position);
    if (from === -1) return;
    if (from > position) yield { kind: "text", literal: false, from: position, to: from };
    const opaque = OPAQUE.find(({ opening }) => matchesAt(bytes, opening, from));
    if (opaque !== undefined) {
      const inside = from + opaque.opening.length;
      const to = yield* find(bytes, opaque.ending, inside);
      if (to === -1) return;
      position = to + opaque.ending.length;
      if (opaque.literal) yield { kind: "text", literal: true, from: inside, to };
      else yield { kind: "step", to: position };
      continue;
    }
    const last = yield* findTagEnd(bytes, from);
    if (last === -1) return;
    position = last + 1;
    const second = bytes[from + 1];
    if (second === BANG) yield { kind: "declaration", from, to: position };
    else if (second === SLASH) yield { kind: "end", name: nameAt(bytes, from + 2), from, to: position };
    else {
      const empty = bytes[last - 1] === SLASH;
      yield { kind: "start", name: nameAt(bytes, from + 1), empty, from, to: position };
    }
  }
}
