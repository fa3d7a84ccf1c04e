/**
 * What a decision may depend on and only the machine knows: the addresses of names, the files in allowed folders, where
 * the server itself listens. Decisions stay pure: they are given what is known, and when that is too little they say
 * what they need.
 *
 * @module
 */
import type { Address } from "./address.ts";

/** What asking for a name came to. */
export type NameFact =
  /** In the resolver's order, at least one. */
  | { readonly ok: true; readonly addresses: readonly Address[] }
  | {
    readonly ok: false;
    readonly reason: string;
    readonly remedy: string;
    /** When to ask again, in milliseconds of at least 1, where nobody was asked because too many are being asked for. */
    readonly retryAfterMs?: number;
  };

/** What looking for a file came to. */
export type FileFact =
  | { readonly ok: true; readonly path: string; readonly bytes: number; readonly lines: number }
  | { readonly ok: false; readonly reason: string; readonly remedy: string };

/** An address and port that something listens on. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** What is known. */
export interface Facts {
  /** By canonical name. */
  readonly names: ReadonlyMap<string, NameFact>;
  /** By the name that a caller gave. */
  readonly files: ReadonlyMap<string, FileFact>;
  /** Where the server itself listens; null over stdio. */
  readonly ownListener: Endpoint | null;
}

/** What a decision lacks. Only what may be asked for is ever needed: a name that is not allowed is refused unasked. */
export type Need =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "file"; readonly name: string };

/** Nothing is known yet. */
export const NOTHING_KNOWN: Facts = { names: new Map(), files: new Map(), ownListener: null };

/** `facts`, and the one that was just learned. */
export function withName(facts: Facts, name: string, fact: NameFact): Facts {
  return { ...facts, names: new Map([...facts.names, [name, fact]]) };
}

/** `facts`, and the one that was just learned. */
export function withFile(facts: Facts, name: string, fact: FileFact): Facts {
  return { ...facts, files: new Map([...facts.files, [name, fact]]) };
}
