/**
 * Headers that every answer carries, whatever it is: none is a page, and none is meant for another site.
 *
 * @module
 */

/** By name. Sources: Fetch for nosniff and CORP, RFC 9111 for no-store, CSP level 3, Referrer Policy, RFC 7034. */
export const SECURITY_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["x-content-type-options", "nosniff"],
  ["cache-control", "no-store"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
  ["x-frame-options", "DENY"],
];

/** Puts them into an answer, which is changed, and returns it. */
export function secured(response: Response): Response {
  for (const [name, value] of SECURITY_HEADERS) response.headers.set(name, value);
  return response;
}
