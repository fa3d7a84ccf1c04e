/**
 * Which answers a page of another origin may read: those to the origins that a person has named, and no others (D20).
 * Credentials of the browser's own, such as cookies, are never asked for; a page sends a token itself.
 *
 * @module
 */
import type { OriginRules } from "./origin_check.ts";

/** What a page may send. */
const REQUEST_HEADERS = [
  "authorization",
  "content-type",
  "mcp-session-id",
  "mcp-protocol-version",
  "mcp-method",
  "last-event-id",
  "range",
  "if-range",
  "if-none-match",
].join(", ");

/** What a page may read, beside what it always may. */
const ANSWER_HEADERS = [
  "mcp-session-id",
  "retry-after",
  "www-authenticate",
  "allow",
  "location",
  "accept-ranges",
  "content-range",
  "etag",
  "bulkhead-outcome",
  "bulkhead-total-bytes",
].join(", ");

/** How long a browser may remember the answer to a preflight, in seconds. */
const MAX_AGE_SEC = 600;

/** The origin of a page that may read the answer to this request, as it names itself; null when there is none. */
export function sharedOrigin(request: Request, rules: OriginRules): string | null {
  const origin = request.headers.get("origin");
  return origin !== null && rules.shared.has(origin.toLowerCase()) ? origin : null;
}

/** Lets a page of that origin read the answer, which is changed. */
export function shareWith(origin: string, response: Response): void {
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", ANSWER_HEADERS);
  response.headers.append("vary", "origin");
}

/** Whether a browser asks what a page may send; Fetch, "CORS-preflight request". It carries no token. */
export function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

/** Answers a preflight for a path that takes these methods. */
export function answerPreflight(methods: readonly string[]): Response {
  const headers = {
    "access-control-allow-methods": methods.join(", "),
    "access-control-allow-headers": REQUEST_HEADERS,
    "access-control-max-age": String(MAX_AGE_SEC),
  };
  return new Response(null, { status: 204, headers });
}
