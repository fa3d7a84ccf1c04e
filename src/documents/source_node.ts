/**
 * A document as it was composed: its values, their places, and the limits they are under.
 *
 * @module
 */
import type { DocumentPath } from "./diagnostics.ts";

/** How deep lists and mappings may be nested, aliases followed. */
export const MAX_DEPTH = 32;

/** How many aliases (`*name`) a document may hold. */
export const MAX_ALIASES = 16;

/** A composed value and where it is. Offsets are in UTF-16 units. */
export interface SourceNode {
  readonly value: unknown;
  readonly offset: number;
  /** The children by key or index; a list item's `keyOffset` is the item's own offset. */
  readonly children: ReadonlyMap<string | number, { readonly keyOffset: number; readonly node: SourceNode }>;
  /** How many levels of lists and mappings the value has; 0 for a scalar. */
  readonly height: number;
  /** How many values it holds, itself included, aliases expanded. */
  readonly size: number;
}

/** A rule that the document breaks. */
export interface Problem {
  readonly offset: number;
  readonly path: DocumentPath;
  readonly message: string;
}

/** What is said of a value beyond {@link MAX_DEPTH}. */
export const TOO_DEEP = `expected at most ${MAX_DEPTH} levels of lists and mappings`;

const NO_CHILDREN: SourceNode["children"] = new Map();

/** A scalar, or nothing. */
export function leaf(value: unknown, offset: number): SourceNode {
  return { value, offset, children: NO_CHILDREN, height: 0, size: 1 };
}

/** A list or a mapping. */
export function branch(value: unknown, offset: number, children: SourceNode["children"]): SourceNode {
  let height = 0;
  let size = 1;
  for (const { node } of children.values()) {
    height = Math.max(height, node.height);
    size += node.size;
  }
  return { value, offset, children, height: height + 1, size };
}

/** The offset of a key or value; that of the nearest ancestor for a path that is not in the document. */
export function findOffset(root: SourceNode, path: DocumentPath, what: "key" | "value"): number {
  let node = root;
  let keyOffset = root.offset;
  for (const step of path) {
    const child = node.children.get(step);
    if (child === undefined) break;
    ({ node, keyOffset } = child);
  }
  return what === "key" ? keyOffset : node.offset;
}
