/**
 * Certificates in the textual encoding of RFC 7468 ("PEM").
 *
 * @module
 */

/** The line before a certificate. */
export const PEM_BEGIN = "-----BEGIN CERTIFICATE-----";
const PEM_END = "-----END CERTIFICATE-----";

/** What the lines of a text hold in certificate blocks. */
export interface PemBlocks {
  /** The base64 text of each whole block, in order. */
  readonly blocks: readonly string[];
  /** Whether the last block lacks its end. */
  readonly cut: boolean;
}

/** @returns the certificate blocks among the lines; other lines are passed over. */
export function findPemBlocks(lines: readonly string[]): PemBlocks {
  const blocks: string[] = [];
  let current: string[] | null = null;
  for (const line of lines) {
    if (line === PEM_BEGIN) {
      current = [];
    } else if (line === PEM_END) {
      if (current !== null) blocks.push(current.join(""));
      current = null;
    } else {
      current?.push(line);
    }
  }
  return { blocks, cut: current !== null };
}

/** @returns the bytes of a block, or null when its text is not base64. */
export function pemBytes(block: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(block), (character) => character.charCodeAt(0));
  } catch {
    // atob says by throwing that the text is not base64.
    return null;
  }
}
