/**
 * The outline of an XML document that may have lost its end: the root's start tag and the root's whole children.
 *
 * @module
 */

/** What a document holds, as source text that is still to be parsed. */
export interface XmlOutline {
  /** The root's start tag, from `<` to `>`. */
  readonly rootTag: string;
  /** The source of each child element of the root that has its end, in order. */
  readonly children: readonly string[];
  /** Whether the root has its end tag. */
  readonly closed: boolean;
}

/** @returns the index of the `>` that ends the tag at `start`, or -1; a `>` inside quotes does not end a tag. */
function endOfTag(xml: string, start: number): number {
  const marks = /["'>]/g;
  marks.lastIndex = start;
  for (let mark = marks.exec(xml); mark !== null; mark = marks.exec(xml)) {
    if (mark[0] === ">") return mark.index;
    const closing = xml.indexOf(mark[0], mark.index + 1);
    if (closing === -1) return -1;
    marks.lastIndex = closing + 1;
  }
  return -1;
}

/** Markup that holds no elements, by how it begins and ends. */
const OPAQUE_MARKUP = [["<!--", "-->"], ["<![CDATA[", "]]>"], ["<?", "?>"]] as const;

/**
 * @returns the index just past the comment, CDATA section or processing instruction at `start`; `start` itself when
 * there is none; -1 when it does not end.
 */
function skipOpaque(xml: string, start: number): number {
  for (const [opening, ending] of OPAQUE_MARKUP) {
    if (!xml.startsWith(opening, start)) continue;
    const end = xml.indexOf(ending, start + opening.length);
    return end === -1 ? -1 : end + ending.length;
  }
  return start;
}

/**
 * Outlines a document in one pass, so that a cut document loses only the child that was cut.
 *
 * A child's source is not known to be well-formed: it has balanced tags, and the caller parses it. A document type
 * with an internal subset is refused, since that is where entities are defined.
 *
 * @returns the outline, or null when there is no whole start tag of a root.
 */
export function outlineXml(xml: string): XmlOutline | null {
  let rootTag: string | null = null;
  const children: string[] = [];
  let depth = 0;
  let childStart = 0;
  let position = 0;
  for (;;) {
    const start = xml.indexOf("<", position);
    if (start === -1) break;
    const past = skipOpaque(xml, start);
    if (past === -1) break;
    if (past > start) {
      position = past;
      continue;
    }
    const end = endOfTag(xml, start);
    if (end === -1) break;
    position = end + 1;
    const second = xml[start + 1];
    if (second === "!") {
      if (rootTag !== null || xml.slice(start, end).includes("[")) break;
      continue;
    }
    if (second === "/") {
      depth--;
    } else {
      if (depth === 0) rootTag = xml.slice(start, position);
      if (depth === 1) childStart = start;
      if (xml[end - 1] !== "/") {
        depth++;
        continue;
      }
    }
    if (depth === 1) children.push(xml.slice(childStart, position));
    if (depth <= 0) return rootTag === null ? null : { rootTag, children, closed: true };
  }
  return rootTag === null ? null : { rootTag, children, closed: false };
}
