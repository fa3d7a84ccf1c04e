/**
 * Targets: what a tool is aimed at. Parsing reads one spelling only and keeps the parts; every later step (the check,
 * the argument, the report) uses the one normalised value that comes out of here (D8).
 *
 * @module
 */
import { quote } from "../core/text.ts";
import {
  firstAddress,
  formatAddress,
  formatNetwork,
  type Network,
  networkSize,
  parseAddress,
  parseNetwork,
  singleton,
} from "./address.ts";
import { LOCALHOST, parseHostname } from "./hostname.ts";

/** The kinds of targets that a manifest may ask for. */
export const TARGET_KINDS = ["host", "cidr", "domain", "url", "host_port", "none"] as const;

/** One of {@link TARGET_KINDS}. */
export type TargetKind = (typeof TARGET_KINDS)[number];

/** A target that was read and normalised; whether it is allowed is another question. */
export interface Target {
  readonly kind: Exclude<TargetKind, "none">;
  /** The normalised text. */
  readonly text: string;
  /** The host: an address or a name, without brackets; for a CIDR the network. */
  readonly host: string;
  /** The addresses meant, or null for a name that is yet to be resolved. */
  readonly network: Network | null;
  /** Whether `host` is a name. */
  readonly named: boolean;
  readonly port: number | null;
  /** For a URL: what stands before and after the host and port. */
  readonly url: { readonly scheme: string; readonly rest: string } | null;
}

/** The longest target that is looked at, in characters. */
export const MAX_TARGET_LENGTH = 2048;

const EXAMPLES: Readonly<Record<Target["kind"], string>> = {
  host: "a host such as 10.0.0.5",
  cidr: "a network such as 10.0.0.0/24",
  domain: "a domain such as www.lab.internal",
  url: "a URL such as http://10.0.0.5:8080/",
  host_port: "a host and port such as 10.0.0.5:443",
};

/** "a host such as 10.0.0.5 or a network such as 10.0.0.0/24", for messages and descriptions. */
export function describeKinds(kinds: readonly TargetKind[]): string {
  return kinds.filter((kind) => kind !== "none").map((kind) => EXAMPLES[kind]).join(" or ");
}

/**
 * Reads a target as one of `kinds`.
 *
 * @returns the target, or a message that says why it cannot be read.
 */
export function parseTarget(text: string, kinds: readonly TargetKind[]): Target | string {
  const cannot = (why: string) => `Cannot parse target ${quote(text)}: ${why}`;
  if (text.length === 0) return cannot(`it is empty; expected ${describeKinds(kinds)}`);
  if (text.length > MAX_TARGET_LENGTH) return cannot(`longer than ${MAX_TARGET_LENGTH} characters`);
  if (text.startsWith("-")) return cannot("a target never starts with '-'");
  if (!/^[\x21-\x7e]+$/.test(text)) {
    return cannot(
      "only printable ASCII without spaces can be a target; write other names in their xn-- form",
    );
  }
  const kind = shapeOf(text, kinds);
  if (kind === null || !kinds.includes(kind)) return cannot(`expected ${describeKinds(kinds)}`);
  const target = READERS[kind](text);
  return typeof target === "string" ? cannot(target) : target;
}

/** How a place in the argument list is filled: the parts that a manifest's template may name. */
export interface TargetParts {
  /** The whole target. */
  readonly target: string;
  /** The host; an IPv6 address stands in brackets when a port follows. */
  readonly host: string;
  readonly port: string;
  /** The address behind the host, as plain text. */
  readonly address: string;
}

/**
 * The parts of `target` for templates.
 *
 * @param pinned whether the checked address stands in the place of a host name everywhere
 */
export function targetParts(target: Target, pinned: boolean): TargetParts {
  const address = target.network === null || target.kind === "cidr"
    ? target.host
    : formatAddress(firstAddress(target.network));
  const host = pinned ? address : target.host;
  return {
    target: compose(target, host),
    host: target.port === null ? host : bracketed(host),
    port: target.port === null ? "" : String(target.port),
    address,
  };
}

/** The kind that the text has the shape of, whichever kinds are wanted; where two share a shape, the wanted one. */
function shapeOf(text: string, kinds: readonly TargetKind[]): Target["kind"] | null {
  if (text.includes("://")) return "url";
  if (text.includes("/")) return "cidr";
  if (parseAddress(text) !== null) return kinds.includes("host") ? "host" : null;
  if (/:[^:\]]*$/.test(text)) return "host_port";
  return kinds.includes("domain") && !kinds.includes("host") ? "domain" : "host";
}

const READERS: Readonly<Record<Target["kind"], (text: string) => Target | string>> = {
  host: (text) => fromHost("host", text, null),
  domain: (text) => fromHost("domain", text, null),
  cidr: (text) => {
    const network = parseNetwork(text);
    if (network === null) {
      return "not a network such as 10.0.0.0/24 (four plain decimal octets, then /0 to /32)";
    }
    const shown = formatNetwork(network);
    return { kind: "cidr", text: shown, host: shown, network, named: false, port: null, url: null };
  },
  host_port: (text) => {
    const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]*)$/.exec(text);
    if (parts === null) return "not host:port; an IPv6 address stands in brackets, as in [fd00::5]:443";
    const port = parsePort(parts[3]!);
    if (port === null) return "the port must be a number from 1 to 65535";
    return fromHost("host_port", parts[1] ?? parts[2]!, port, parts[1] !== undefined);
  },
  url: readUrl,
};

/** Default ports of the schemes that are read (RFC 9110 section 4.2). */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

/**
 * Reads a URL by RFC 3986's grammar rather than by a browser's: programs disagree about what a browser forgives
 * (backslashes, credentials, tabs, octal hosts), and each disagreement is a way past the check.
 */
function readUrl(text: string): Target | string {
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)(#.*)?$/.exec(text);
  if (parts === null) return "not a URL such as http://10.0.0.5:8080/";
  const scheme = parts[1]!.toLowerCase();
  const authority = parts[2]!;
  const tail = parts[3]!;
  const defaultPort = Object.hasOwn(DEFAULT_PORTS, scheme) ? DEFAULT_PORTS[scheme]! : null;
  if (defaultPort === null) return `the scheme must be http or https, not ${quote(scheme)}`;
  if (authority.includes("@")) return "a URL with credentials (user@host) is refused";
  if (parts[4] !== undefined) return "a URL with a fragment (#...) is refused: it is never sent";
  const hostPort = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]+))?$/.exec(authority);
  if (hostPort === null) return "the part after // must be host or host:port";
  const port = hostPort[3] === undefined ? defaultPort : parsePort(hostPort[3]);
  if (port === null) return "the port must be a number from 1 to 65535";
  if (!/^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/.test(tail)) {
    return "the path holds a character that a URL must write as %XX";
  }
  const host = fromHost("url", hostPort[1] ?? hostPort[2]!, port, hostPort[1] !== undefined);
  if (typeof host === "string") return host;
  const url = { scheme, rest: tail.startsWith("/") ? tail : `/${tail}` };
  const target = { ...host, url };
  return { ...target, text: compose(target, target.host) };
}

function fromHost(
  kind: Target["kind"],
  text: string,
  port: number | null,
  inBrackets = false,
): Target | string {
  const address = parseAddress(text);
  if (address !== null) {
    if (inBrackets !== text.includes(":") && port !== null) return "only an IPv6 address stands in brackets";
    const host = formatAddress(address);
    const target = { kind, text: host, host, network: singleton(address), named: false, port, url: null };
    return { ...target, text: compose(target, host) };
  }
  const name = inBrackets ? null : parseHostname(text);
  if (name === null) {
    return `${
      quote(text)
    } is neither an address (four plain decimal octets, or IPv6 without a zone) nor a host name`;
  }
  const known = name === LOCALHOST.name ? parseAddress(LOCALHOST.address) : null;
  const network = known === null ? null : singleton(known);
  const target = { kind, text: name, host: name, network, named: true, port, url: null };
  return { ...target, text: compose(target, name) };
}

/** The whole text of a target, with `host` in the place of its host. */
function compose(target: Target, host: string): string {
  if (target.url !== null) {
    const { scheme, rest } = target.url;
    const port = target.port === DEFAULT_PORTS[scheme] ? "" : `:${target.port}`;
    return `${scheme}://${bracketed(host)}${port}${rest}`;
  }
  return target.port === null ? host : `${bracketed(host)}:${target.port}`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function parsePort(text: string): number | null {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 ? port : null;
}

/** How many addresses a target stands for. */
export function targetSize(target: Target): bigint {
  return target.network === null ? 1n : networkSize(target.network);
}
