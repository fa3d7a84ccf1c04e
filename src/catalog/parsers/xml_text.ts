/**
 * The inside of single tags and texts of an XML document, read by the XML library. Given one at a time, none is large
 * enough to hold the thread for long, and one that is malformed hides no other.
 *
 * @module
 */
import { parseXml } from "@rgrove/parse-xml";

/**
 * The longest piece that is given to the library, in bytes. Character references all through are what takes it
 * longest: about 10 ms for this much.
 */
export const MAX_PIECE_BYTES = 32_768;

/** A tag's attributes by name, references replaced. */
export type XmlAttributes = Readonly<Record<string, string | undefined>>;

// A mark at the beginning would otherwise be taken for the encoding's and dropped.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** @returns the text with every character and character reference that XML 1.0 forbids replaced by U+FFFD. */
function withoutForbiddenCharacters(text: string): string {
  // Nearly every tag is plain, and this one look at it is enough.
  if (!/[^\t\n -~]|&#/.test(text)) return text;
  // One control character that a scanned service slipped into its banner must not hide the rest of it.
  const clean = text
    .replace(/\r\n?/g, "\n")
    .replace(/(?![\t\n])[\p{Cc}\u{fffe}\u{ffff}]/gu, "\u{fffd}");
  return clean.replace(
    /&#(?:[xX]([0-9a-fA-F]{1,6})|([0-9]{1,7}));/g,
    (reference, hex: string | undefined, decimal) => {
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      const allowed = code === 9 || code === 10 || code === 13 || (code >= 0x20 && code < 0xd800) ||
        (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
      return allowed ? reference : "\u{fffd}";
    },
  );
}

/** Reads the attributes of a start tag; null when it is malformed. */
export function readAttributes(tag: Uint8Array): XmlAttributes | null {
  const source = withoutForbiddenCharacters(decoder.decode(tag));
  try {
    return parseXml(source.endsWith("/>") ? source : `${source.slice(0, -1)}/>`).root?.attributes ?? null;
  } catch {
    // The library says by throwing that a tag is malformed or has an entity that nothing defines.
    return null;
  }
}

/**
 * Reads the text between two tags, of a long one the beginning; null when it holds a malformed reference.
 *
 * @param literal whether it is the inside of a CDATA section, which holds no references
 */
export function readText(bytes: Uint8Array, literal: boolean): string | null {
  const cut = decoder.decode(bytes.subarray(0, MAX_PIECE_BYTES));
  // A reference that the cut went through is none.
  const whole = bytes.length > MAX_PIECE_BYTES && !literal ? cut.replace(/&[^;]{0,10}$/, "") : cut;
  const source = withoutForbiddenCharacters(whole);
  if (literal || !source.includes("&")) return source;
  try {
    return parseXml(`<t>${source}</t>`).root?.text ?? null;
  } catch {
    // As in readAttributes().
    return null;
  }
}
