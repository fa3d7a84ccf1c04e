/**
 * Host and Origin: a page in a browser must not reach a server on this machine, neither by a cross-site request nor
 * by a name that it rebinds to the loopback address (D21).
 *
 * @module
 */

/** Which Host and Origin headers are accepted. */
export interface OriginRules {
  readonly hosts: ReadonlySet<string>;
  readonly origins: ReadonlySet<string>;
  /** Of the origins those that are another's, and whose pages may read answers. */
  readonly shared: ReadonlySet<string>;
}

/**
 * The rules for a listener: its own names, and what the configuration adds.
 *
 * @param host the address that is listened on
 * @param port the port that was bound
 */
export function originRules(
  host: string,
  port: number,
  allowedHosts: readonly string[],
  allowedOrigins: readonly string[],
): OriginRules {
  const shown = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const own = [shown, "localhost", "127.0.0.1", "[::1]"].map((name) => `${name}:${port}`);
  // A client leaves the default port out of both headers.
  const names = port === 80 ? [...own, ...own.map((name) => name.slice(0, -3))] : own;
  const hosts = [...names, ...allowedHosts].map((name) => name.toLowerCase());
  const ownOrigins = new Set(names.map((name) => `http://${name}`.toLowerCase()));
  const others = allowedOrigins.map((origin) => origin.toLowerCase());
  const shared = new Set(others.filter((origin) => !ownOrigins.has(origin)));
  return { hosts: new Set(hosts), origins: new Set([...ownOrigins, ...shared]), shared };
}

/** Why a request is refused, or null. A request without an Origin does not come from a page. */
export function checkOrigin(request: Request, rules: OriginRules): string | null {
  const host = request.headers.get("host")?.toLowerCase() ?? "";
  if (!rules.hosts.has(host)) return "the Host header names another server";
  const origin = request.headers.get("origin")?.toLowerCase();
  if (origin !== undefined && !rules.origins.has(origin)) return "the Origin is not allowed";
  return null;
}
