/**
 * Who sends a request, and whether it may: Bearer tokens (RFC 6750), or the machine's own callers where there are none.
 *
 * Wrong tokens are counted for each address and, beyond a rate, refused without being logged; a token that is right is
 * looked up before anything is counted, so that nobody's guesses lock its holder out.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { newId } from "../core/ids.ts";
import { wholeSeconds } from "../core/refusal.ts";
import { problem, refusalProblem } from "./problem.ts";
import { type Scope, TOKEN_CHARACTERS, type Tokens } from "./tokens.ts";

/** Who sends a request. */
export interface Caller {
  /** `token:NAME`; without tokens the address that the request comes from. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Whether it may be given leave for intrusive runs at all. */
  readonly mayIntrude: boolean;
}

/** Counts what a key does; says when it is too much, and for how many milliseconds. */
export interface RateLimit {
  take(key: string): { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };
}

/** What decides about callers. */
export interface AuthoriseParts {
  /** The tokens that are good now; null when no file of them is configured. */
  readonly tokens: () => Tokens | null;
  /** The rate of wrong tokens by address. */
  readonly wrongTokens: RateLimit;
}

/** The caller, or the answer to whoever it is. */
export type Authorisation =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly response: Response };

const logger = getLogger(["bulkhead", "http"]);

/** What callers may do where there are no tokens: all of them are on this machine. */
const LOCAL_SCOPES: ReadonlySet<Scope> = new Set(["read", "execute"]);

/** The credentials of RFC 6750, section 2.1; the scheme in any case (RFC 9110, section 11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** The longest Authorization header that is looked at, in characters. */
const MAX_HEADER_CHARACTERS = TOKEN_CHARACTERS.most + 64;

/** How the names of callers begin that carry a token. */
const TOKEN_CALLER = "token:";

const CHALLENGE = 'Bearer realm="bulkhead"';

const SEND_ONE =
  "Send the header Authorization: Bearer TOKEN, with a token of the server's auth.tokens_file.";

/**
 * Decides about a request.
 *
 * @param peer the address that it comes from
 * @param scope what it takes, or null when any caller may
 */
export async function authorise(
  request: Request,
  peer: string,
  scope: Scope | null,
  parts: AuthoriseParts,
): Promise<Authorisation> {
  const tokens = parts.tokens();
  if (tokens === null) {
    const caller: Caller = { name: peer, scopes: LOCAL_SCOPES, mayIntrude: false };
    return allowed(caller, scope) ? { ok: true, caller } : refused(withoutScope(scope!, false));
  }
  const header = request.headers.get("authorization");
  if (header === null) return refused(unauthorised("the request carries no token", CHALLENGE));
  const secret = header.length > MAX_HEADER_CHARACTERS ? undefined : BEARER.exec(header)?.[1];
  const token = secret === undefined ? null : await tokens.find(secret);
  if (token === null) return refused(wrongToken(secret === undefined, peer, parts.wrongTokens));
  const { name, scopes } = token;
  const caller: Caller = { name: `${TOKEN_CALLER}${name}`, scopes, mayIntrude: scopes.has("execute") };
  return allowed(caller, scope) ? { ok: true, caller } : refused(withoutScope(scope!, true));
}

/**
 * Whether a caller may still do what it was let in for: tokens are taken away while requests wait. Callers without a
 * token have nothing that could be.
 *
 * @param caller its name
 * @param tokens those that are good now
 */
export function mayStill(caller: string, scope: Scope, tokens: Tokens | null): boolean {
  if (!caller.startsWith(TOKEN_CALLER)) return true;
  return tokens?.named(caller.slice(TOKEN_CALLER.length))?.scopes.has(scope) ?? false;
}

function allowed(caller: Caller, scope: Scope | null): boolean {
  return scope === null || caller.scopes.has(scope);
}

function refused(response: Response): Authorisation {
  return { ok: false, response };
}

function wrongToken(malformed: boolean, peer: string, limit: RateLimit): Response {
  const counted = limit.take(peer);
  if (!counted.ok) {
    return refusalProblem({
      condition: "rate_limited",
      error: "too many wrong tokens from this address",
      remedy: "Send a token that is right: it is taken at once. Wait before trying another.",
      retryAfterSec: wholeSeconds(counted.retryAfterMs),
    }, newId());
  }
  const correlationId = newId();
  logger.warn("wrong token", { correlation_id: correlationId, peer, malformed });
  return unauthorised(
    malformed ? "the Authorization header is not one Bearer token" : "the token is not one of this server's",
    `${CHALLENGE}, error="invalid_token"`,
    correlationId,
  );
}

function unauthorised(detail: string, challenge: string, correlationId = newId()): Response {
  return problem(
    { status: 401, title: "Unauthorized", detail, errorType: null, remedy: SEND_ONE },
    correlationId,
    { "www-authenticate": challenge },
  );
}

function withoutScope(scope: Scope, hasToken: boolean): Response {
  const who = hasToken ? "the token" : "a caller without a token";
  return problem(
    {
      status: 403,
      title: "Forbidden",
      detail: `${who} does not have the scope ${scope}, which this takes`,
      errorType: null,
      remedy: `A person may give a token that scope in the server's auth.tokens_file.`,
    },
    newId(),
    hasToken ? { "www-authenticate": `${CHALLENGE}, error="insufficient_scope", scope="${scope}"` } : {},
  );
}
