/**
 * Header sections of HTTP responses, as `curl --include` writes them in front of the body.
 *
 * @module
 */
import { cutText, decodeText } from "./plain_text.ts";

/** How many header fields of one response are kept. */
const MAX_HEADERS = 200;
/** How many UTF-16 code units of one field value are kept: 8 Ki. */
const MAX_VALUE_LENGTH = 8192;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** One header field; the name is in lower case, as names are compared. */
export interface HeaderField {
  name: string;
  value: string;
}

/** One response's status line and header fields. */
export interface HeaderBlock {
  /** The version in the status line, such as "1.1" or "2". */
  readonly version: string;
  readonly status: number;
  /** The reason phrase; null where there is none, as in HTTP/2. */
  readonly reason: string | null;
  readonly headers: HeaderField[];
  /** How many fields were left out because there were too many. */
  readonly droppedHeaders: number;
  /** How many values were cut because they were too long. */
  readonly cutValues: number;
  /** The offset of what follows the block. */
  readonly end: number;
  /** Whether the empty line that ends a block is there. */
  readonly whole: boolean;
}

/** @returns where the block that begins at `start` ends, and whether an empty line ends it. */
function findEnd(bytes: Uint8Array, start: number): { end: number; whole: boolean } {
  let lineStart = start;
  for (;;) {
    const lineEnd = bytes.indexOf(LINE_FEED, lineStart);
    if (lineEnd === -1) return { end: lineStart, whole: false };
    const length = lineEnd - lineStart;
    if (length === 0 || (length === 1 && bytes[lineStart] === CARRIAGE_RETURN)) {
      return { end: lineEnd + 1, whole: true };
    }
    lineStart = lineEnd + 1;
  }
}

/** Gathers fields from lines, within the limits. */
class FieldList {
  readonly headers: HeaderField[] = [];
  dropped = 0;
  cut = 0;
  #current: HeaderField | null = null;
  #currentIsCut = false;

  add(line: string): void {
    // A line that begins with white space continues the value before it (obsolete folding, RFC 9112, section 5.2).
    if (/^[ \t]/.test(line)) {
      if (this.#current !== null) this.#setValue(`${this.#current.value} ${line.trim()}`);
      return;
    }
    this.#current = null;
    const colon = line.indexOf(":");
    if (colon < 1) return;
    if (this.headers.length === MAX_HEADERS) {
      this.dropped++;
      return;
    }
    this.#current = { name: line.slice(0, colon).trim().toLowerCase(), value: "" };
    this.#currentIsCut = false;
    this.headers.push(this.#current);
    this.#setValue(line.slice(colon + 1).trim());
  }

  #setValue(value: string): void {
    if (this.#current === null || this.#currentIsCut) return;
    this.#current.value = cutText(value, MAX_VALUE_LENGTH);
    if (value.length <= MAX_VALUE_LENGTH) return;
    this.#currentIsCut = true;
    this.cut++;
  }
}

/** @returns the header block that begins at `start`, or null when there is no whole status line. */
export function readHeaderBlock(bytes: Uint8Array, start: number): HeaderBlock | null {
  const statusEnd = bytes.indexOf(LINE_FEED, start);
  if (statusEnd === -1) return null;
  const statusLine = decodeText(bytes.subarray(start, statusEnd)).replace(/\r$/, "");
  const match = /^HTTP\/([0-9](?:\.[0-9])?) ([1-9][0-9]{2})(?: ([^]*))?$/.exec(statusLine);
  if (match === null) return null;
  const { end, whole } = findEnd(bytes, statusEnd + 1);
  const fields = new FieldList();
  for (const line of decodeText(bytes.subarray(statusEnd + 1, end)).split("\n")) {
    fields.add(line.replace(/\r$/, ""));
  }
  return {
    version: match[1] ?? "",
    status: Number(match[2]),
    reason: cutText(match[3]?.trim() ?? "", MAX_VALUE_LENGTH) || null,
    headers: fields.headers,
    droppedHeaders: fields.dropped,
    cutValues: fields.cut,
    end,
    whole,
  };
}
