/**
 * What a target is and whether it may be aimed at, said a second time: by cutting text at single characters, and with
 * {@link module:addresses} for what is arithmetic.
 *
 * @module
 */
import type { TargetKind } from "../../../src/policy/target.ts";
import { canonicalAddress, mayReach, numberOfAddress, type Span, spanOf, spelled } from "./addresses.ts";

/** All that a decision may depend on. */
export interface World {
  readonly allowed: readonly string[];
  readonly denied: readonly string[];
  /** The addresses of each name that has any, canonical, in the resolver's order. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly own: { readonly address: string; readonly port: number } | null;
}

/** A target that may be aimed at. */
export interface Aim {
  readonly text: string;
  /** The target with the checked address in the place of its name. */
  readonly pinned: string;
  /** The host as it stands in front of a port, by name and by address. */
  readonly host: string;
  readonly pinnedHost: string;
  readonly port: string;
  readonly address: string;
  readonly named: boolean;
}

const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  RFC1918: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  ULA: ["fc00::/7"],
  loopback: ["127.0.0.0/8", "::1"],
  localhost: ["127.0.0.1", "::1"],
};

const spansOf = (entries: readonly string[]): Span[] =>
  entries.flatMap((entry) => (KEYWORDS[entry] ?? [entry]).flatMap((text) => spanOf(text) ?? []));

function matches(entry: string, name: string): boolean {
  if (entry === "loopback" || entry === "localhost") return name === "localhost";
  const folded = entry.toLowerCase();
  return folded.startsWith(".") ? name.endsWith(folded) && name !== folded : name === folded;
}

const within = (text: string, characters: string) => [...text].every((one) => characters.includes(one));
const DIGITS = "0123456789";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const ALPHANUMERIC = DIGITS + LETTERS + LETTERS.toUpperCase();

/** The canonical name, or null: RFC 1123 labels, the last of which no program reads as a number. */
function canonicalName(text: string): string | null {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name === "" || name.length > 253) return null;
  const labels = name.split(".");
  for (const label of labels) {
    if (label === "" || label.length > 63 || !within(label, `${ALPHANUMERIC}-`)) return null;
    if (label.startsWith("-") || label.endsWith("-")) return null;
  }
  const last = labels.at(-1)!.toLowerCase();
  if (within(last, `${DIGITS}-`) || (last.startsWith("0x") && within(last.slice(2), `${DIGITS}abcdef`))) {
    return null;
  }
  return name.toLowerCase();
}

/** A port as it is written plainly, or null. */
function portOf(text: string): number | null {
  const port = Number(text);
  return within(text, DIGITS) && String(port) === text && port >= 1 && port <= 65535 ? port : null;
}

/** Host and port of `host:port` or `[address]:port`; the port is null where there is none. */
function hostAndPort(text: string): { readonly host: string; readonly port: string | null } | null {
  if (text.startsWith("[")) {
    const end = text.indexOf("]");
    if (end < 0) return null;
    const [host, rest] = [text.slice(1, end), text.slice(end + 1)];
    // Only what holds colons stands in brackets.
    if (!host.includes(":") || (rest !== "" && !rest.startsWith(":"))) return null;
    return { host, port: rest === "" ? null : rest.slice(1) };
  }
  const [host, port, ...more] = text.split(":") as [string, string?, ...string[]];
  if (more.length > 0 || text.includes("]") || text.includes("[")) return null;
  return { host, port: port ?? null };
}

const PATH = `${ALPHANUMERIC}-._~!$&'()*+,;=:@/?`;

function isPath(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "%") {
      if (text.length < at + 3 || !within(text.slice(at + 1, at + 3).toLowerCase(), `${DIGITS}abcdef`)) {
        return false;
      }
      at += 2;
    } else if (!PATH.includes(text[at]!)) return false;
  }
  return true;
}

interface Read {
  readonly kind: TargetKind;
  readonly host: string;
  readonly port: number | null;
  readonly whole: (host: string) => string;
}

const bracketed = (host: string) => host.includes(":") ? `[${host}]` : host;

function readUrl(text: string): Read | null {
  const colon = text.indexOf("://");
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme !== "http" && scheme !== "https") return null;
  const rest = text.slice(colon + 3);
  const ends = ["/", "?", "#"].map((one) => rest.indexOf(one)).filter((at) => at >= 0);
  const end = Math.min(rest.length, ...ends);
  const [authority, tail] = [rest.slice(0, end), rest.slice(end)];
  if (!isPath(tail)) return null;
  const parts = hostAndPort(authority);
  if (parts === null || authority.includes("@")) return null;
  const usual = scheme === "http" ? 80 : 443;
  const port = parts.port === null ? usual : portOf(parts.port);
  if (port === null) return null;
  const shown = port === usual ? "" : `:${port}`;
  const path = tail.startsWith("/") ? tail : `/${tail}`;
  return {
    kind: "url",
    host: parts.host,
    port,
    whole: (host) => `${scheme}://${bracketed(host)}${shown}${path}`,
  };
}

function read(text: string, kinds: readonly TargetKind[]): Read | null {
  if (text.includes("://")) return readUrl(text);
  if (text.includes("/")) return { kind: "cidr", host: text, port: null, whole: (host) => host };
  if (canonicalAddress(text) !== null) return { kind: "host", host: text, port: null, whole: (host) => host };
  if (text.includes(":")) {
    const parts = hostAndPort(text);
    const port = portOf(parts?.port ?? "");
    if (parts === null || port === null) return null;
    return { kind: "host_port", host: parts.host, port, whole: (host) => `${bracketed(host)}:${port}` };
  }
  const kind = kinds.includes("domain") && !kinds.includes("host") ? "domain" : "host";
  return { kind, host: text, port: null, whole: (host) => host };
}

/** What may be aimed at, or null. */
export function aimAt(
  text: string,
  kinds: readonly TargetKind[],
  maxAddresses: number,
  world: World,
): Aim | null {
  if (text === "" || text.length > 2048 || text.startsWith("-")) return null;
  if ([...text].some((one) => one <= " " || one > "~")) return null;
  const target = read(text, kinds);
  if (target === null || !kinds.includes(target.kind)) return null;
  const allowed = spansOf(world.allowed);
  const denied = spansOf(world.denied);
  if (target.kind === "cidr") {
    const span = spanOf(target.host);
    if (span === null || span.last - span.first + 1n > BigInt(maxAddresses)) return null;
    if (!mayReach(span, allowed, denied)) return null;
    const prefix = target.host.slice(target.host.indexOf("/"));
    return aimOf({ ...target, host: `${spelled(span.family, span.first)}${prefix}` }, null, false);
  }
  const address = canonicalAddress(target.host);
  const name = address === null ? canonicalName(target.host) : null;
  if (address === null && name === null) return null;
  if (name !== null) {
    if (world.denied.some((entry) => matches(entry, name))) return null;
    if (!world.allowed.some((entry) => matches(entry, name))) return null;
    if (target.kind === "domain") return aimOf({ ...target, host: name }, null, true);
  }
  const addresses = address !== null
    ? [address]
    : name === "localhost"
    ? ["127.0.0.1"]
    : world.names.get(name!) ?? [];
  if (addresses.length === 0) return null;
  for (const one of addresses) {
    if (!mayReach(spanOf(one)!, allowed, denied)) return null;
    if (world.own !== null && world.own.port === target.port) {
      const [own, other] = [canonicalAddress(world.own.address)!, one];
      if (own.includes(":") === other.includes(":") && numberOfAddress(own) === numberOfAddress(other)) {
        return null;
      }
    }
  }
  const used = addresses.find((one) => !one.includes(":")) ?? addresses[0]!;
  return aimOf({ ...target, host: name ?? address! }, used, name !== null);
}

function aimOf({ host, port, whole }: Read, used: string | null, named: boolean): Aim {
  const shown = (one: string) => port === null ? one : bracketed(one);
  return {
    text: whole(host),
    pinned: whole(used ?? host),
    host: shown(host),
    pinnedHost: shown(used ?? host),
    port: port === null ? "" : String(port),
    address: used ?? host,
    named,
  };
}
