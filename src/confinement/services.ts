/**
 * The services of `health.dependencies`, as the prober is told of them.
 *
 * @module
 */
import { LOCALHOST } from "../policy/hostname.ts";
import { parseTarget, type Target } from "../policy/target.ts";
import type { Service } from "./prober_protocol.ts";

/** Where a dependency is: one of the two, as the configuration's schema has checked. */
export interface Dependency {
  /** `HOST:PORT`. */
  readonly tcp?: string | undefined;
  /** A URL of http or https. */
  readonly http?: string | undefined;
}

/** The service behind a dependency. `localhost` is 127.0.0.1, here as everywhere. */
export function serviceOf({ tcp, http }: Dependency): Service {
  const target = tcp === undefined ? parseTarget(http ?? "", ["url"]) : parseTarget(tcp, ["host_port"]);
  if (typeof target === "string" || target.port === null) throw new Error(`it was not checked: ${target}`);
  const { port, url } = target;
  const host = target.host === LOCALHOST.name ? LOCALHOST.address : target.host;
  if (url === null) return { host, port, http: null };
  const tlsName = url.scheme === "https" ? target.host : null;
  return { host, port, http: { tlsName, host: authority(target, url), path: url.rest } };
}

/** What stands in a URL between `//` and the path; its text is normalised, and so without a port that goes without saying. */
function authority({ text }: Target, { scheme, rest }: NonNullable<Target["url"]>): string {
  return text.slice(`${scheme}://`.length, text.length - rest.length);
}
