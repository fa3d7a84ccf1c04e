/**
 * Tokens of callers over HTTP: the file that declares them, and finding the one that a request carries. Of a token only
 * its SHA-256 digest is kept. That is enough, without salt or stretching, because a token is as random as a key.
 *
 * @module
 */
import { byPosition, type Diagnostic } from "../documents/diagnostics.ts";
import { nearest } from "../documents/nearest.ts";
import { indexPositions } from "../documents/text_positions.ts";

/** What a token may be good for. None includes another. */
export const SCOPES = ["read", "execute", "admin"] as const;

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];

/** The largest file of tokens, in bytes. */
export const MAX_TOKENS_FILE_BYTES = 262_144;

/** How many tokens a file may declare. */
export const MAX_TOKENS = 256;

/** A token's length, in characters of {@link TOKEN_PATTERN}: 32 of hexadecimal hold 128 bits. */
export const TOKEN_CHARACTERS = { least: 32, most: 256 } as const;

/** The unreserved characters of RFC 3986, all of which a Bearer token may have (RFC 6750, section 2.1). */
const TOKEN_PATTERN = /^[A-Za-z0-9._~-]+$/;

/** A random text of 32 characters or more has more different ones; `xxxx...` and the like have not. */
const LEAST_DIFFERENT_CHARACTERS = 8;

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const DIGEST_BYTES = 32;

const MAKE_ONE = "make one with: openssl rand -hex 32";

/** Whom a token stands for. */
export interface Token {
  /** 1 to 64 of `[A-Za-z0-9._-]`: it goes into logs and names the caller. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** A token with its SHA-256 digest. */
interface Digested {
  readonly token: Token;
  readonly digest: Uint8Array;
}

/** The tokens that are good. */
export class Tokens {
  readonly #tokens: readonly Token[];
  /** One behind the other. */
  readonly #digests: Uint8Array;

  constructor(entries: readonly Digested[]) {
    this.#tokens = entries.map(({ token }) => token);
    this.#digests = new Uint8Array(entries.length * DIGEST_BYTES);
    for (const [index, { digest }] of entries.entries()) this.#digests.set(digest, index * DIGEST_BYTES);
  }

  /** How many there are. */
  get size(): number {
    return this.#tokens.length;
  }

  /**
   * Finds the token whose secret text is `secret`, or null. How long it takes depends on the number of tokens and on
   * the text's length, and not on how much of which token the text has right.
   */
  async find(secret: string): Promise<Token | null> {
    return this.#tokens[this.#indexOf(await digestOf(secret))] ?? null;
  }

  /** Whether both declare the same tokens, by the same names, for the same scopes and in the same order. */
  sameAs(other: Tokens): boolean {
    return this.#text() === other.#text();
  }

  #text(): string {
    const tokens = this.#tokens.map(({ name, scopes }) => [name, [...scopes].sort()]);
    return JSON.stringify([tokens, [...this.#digests]]);
  }

  /** The token of that name, or null. It says nothing about who sends it. */
  named(name: string): Token | null {
    return this.#tokens.find((token) => token.name === name) ?? null;
  }

  /** The index of a digest, or -1; every byte of every digest is looked at. */
  #indexOf(wanted: Uint8Array): number {
    let place = 0;
    for (let index = 0; index < this.#tokens.length; index++) {
      let difference = 0;
      for (let byte = 0; byte < DIGEST_BYTES; byte++) {
        difference |= wanted[byte]! ^ this.#digests[index * DIGEST_BYTES + byte]!;
      }
      // All ones where there is no difference, all zeros otherwise: no branch tells them apart.
      place |= (index + 1) & ((difference - 1) >> 31);
    }
    return place - 1;
  }
}

/** The tokens, or everything that is wrong with the file. */
export type TokensParse =
  | { readonly ok: true; readonly tokens: Tokens }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** A line that is right as far as it can be seen alone. */
interface Line {
  readonly token: Token;
  readonly secret: string;
  readonly line: number;
  /** Where the secret stands. */
  readonly column: number;
}

/**
 * Reads the file: lines `NAME SCOPE[,SCOPE] TOKEN`, separated by spaces or tabs; empty lines and lines that begin with
 * `#` say nothing. Strict UTF-8, with or without a byte order mark; lines may end with CRLF. A file without a token is
 * one by which nobody is let in.
 *
 * No diagnostic quotes anything of the file: what stands in a wrong place may be a token.
 *
 * @param file the name to use in diagnostics
 */
export async function parseTokens(bytes: Uint8Array, file: string): Promise<TokensParse> {
  const diagnostics: Diagnostic[] = [];
  const report = (line: number | null, column: number | null, message: string) =>
    void diagnostics.push({ file, line, column, path: "", message });
  const lines: Line[] = [];
  const text = decode(bytes, report);
  if (text !== null) readLines(text, lines, report);
  const digested: (Digested & { readonly line: number })[] = [];
  const lineOf = new Map<string, number>();
  for (const { token, secret, line, column } of lines) {
    const digest = await digestOf(secret);
    const key = digest.join();
    const earlier = lineOf.get(key);
    if (earlier !== undefined) {
      report(line, column, `the token stands in line ${earlier} already; ${MAKE_ONE}`);
    } else lineOf.set(key, line);
    digested.push({ token, digest, line });
  }
  if (diagnostics.length === 0) return { ok: true, tokens: new Tokens(digested) };
  return { ok: false, diagnostics: diagnostics.sort(byPosition) };
}

/** Takes a mistake; the column counts characters from 1. */
type Report = (line: number | null, column: number | null, message: string) => void;

function decode(bytes: Uint8Array, report: Report): string | null {
  if (bytes.length > MAX_TOKENS_FILE_BYTES) {
    report(null, null, `the file is larger than ${MAX_TOKENS_FILE_BYTES} bytes`);
    return null;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const shown = new TextDecoder().decode(bytes);
    const { line, column } = indexPositions(shown)(shown.indexOf("\uFFFD"));
    report(line, column, "not valid UTF-8");
    return null;
  }
}

function readLines(text: string, lines: Line[], report: Report): void {
  const lineOfName = new Map<string, number>();
  let count = 0;
  for (const [index, content] of text.split(/\r\n?|\n/).entries()) {
    const fields = Array.from(content.matchAll(/[^ \t]+/g), ({ 0: text, index: start }) => ({
      text,
      column: [...content.slice(0, start)].length + 1,
    }));
    const [name, scopes, secret] = fields;
    if (name === undefined || name.text.startsWith("#")) continue;
    const line = index + 1;
    if (++count > MAX_TOKENS) return report(line, name.column, `more than ${MAX_TOKENS} tokens`);
    if (scopes === undefined || secret === undefined || fields.length > 3) {
      report(
        line,
        fields[3]?.column ?? name.column,
        `expected three words, NAME SCOPE[,SCOPE] TOKEN, got ${fields.length}; a remark has a line of its own`,
      );
      continue;
    }
    const problems = [
      at(name.column, nameProblem(name.text, lineOfName.get(name.text))),
      ...scopeProblems(scopes.text, scopes.column),
      at(secret.column, secretProblem(secret.text)),
    ].filter((problem) => problem !== null);
    for (const { column, message } of problems) report(line, column, message);
    if (!lineOfName.has(name.text)) lineOfName.set(name.text, line);
    if (problems.length > 0) continue;
    const token = { name: name.text, scopes: new Set(scopes.text.split(",") as Scope[]) };
    lines.push({ token, secret: secret.text, line, column: secret.column });
  }
}

interface Problem {
  readonly column: number;
  readonly message: string;
}

function at(column: number, message: string | null): Problem | null {
  return message === null ? null : { column, message };
}

function nameProblem(name: string, earlier: number | undefined): string | null {
  if (!NAME_PATTERN.test(name)) {
    return "expected a name: 1 to 64 letters, digits, dots, underscores and hyphens, first a letter or digit";
  }
  return earlier === undefined ? null : `the name stands in line ${earlier} already`;
}

function scopeProblems(text: string, column: number): Problem[] {
  const seen = new Set<string>();
  let next = column;
  return text.split(",").flatMap((scope): Problem[] => {
    const place = next;
    next += [...scope].length + 1;
    const twice = seen.has(scope);
    seen.add(scope);
    if (twice) return [{ column: place, message: "the scope is given twice" }];
    if ((SCOPES as readonly string[]).includes(scope)) return [];
    const near = nearest(scope, SCOPES);
    const hint = near === null ? "" : `; did you mean ${near}?`;
    return [{ column: place, message: `expected a scope: ${SCOPES.join(", ")}${hint}` }];
  });
}

function secretProblem(secret: string): string | null {
  const { least, most } = TOKEN_CHARACTERS;
  if (!TOKEN_PATTERN.test(secret)) {
    return `expected a token of letters, digits, dots, underscores, tildes and hyphens; ${MAKE_ONE}`;
  }
  if (secret.length < least) return `the token is shorter than ${least} characters; ${MAKE_ONE}`;
  if (secret.length > most) return `the token is longer than ${most} characters; ${MAKE_ONE}`;
  return new Set(secret).size < LEAST_DIFFERENT_CHARACTERS ? `the token is not random; ${MAKE_ONE}` : null;
}

async function digestOf(secret: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
}
