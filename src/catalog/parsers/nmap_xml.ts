/**
 * Reads the XML report of nmap (`nmap -n -oX - ...`); its elements are those of nmap's own `nmap.dtd`.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import { parseXml, XmlElement } from "@rgrove/parse-xml";
import * as z from "zod";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { summarizeScan } from "./nmap_summary.ts";
import { decodeText, joinLosses, onePiece } from "./plain_text.ts";
import { outlineXml } from "./xml_outline.ts";

const Count = z.int().min(0);

const Script = z.strictObject({ id: z.string(), output: z.string() }).describe("One NSE script's answer.");

const Service = z.strictObject({
  name: z.string(),
  product: z.string().nullable(),
  version: z.string().nullable(),
  extra_info: z.string().nullable(),
  tunnel: z.string().nullable().describe('"ssl" when the service answers inside TLS.'),
  method: z.string().nullable().describe(
    '"table": guessed from the port number; "probed": the service answered.',
  ),
  confidence: z.int().min(0).max(10).nullable().describe("0 to 10, as nmap rates its own answer."),
});

const Port = z.strictObject({
  port: z.int().min(0).max(65535),
  protocol: z.string().describe("tcp, udp, sctp, or ip (then the port is an IP protocol number)."),
  state: z.string().describe("open, closed, filtered, unfiltered, open|filtered or closed|filtered."),
  reason: z.string().nullable().describe("Why nmap says so, such as syn-ack."),
  service: Service.nullable(),
  scripts: z.array(Script),
});

const Host = z.strictObject({
  address: z.string(),
  address_family: z.enum(["ipv4", "ipv6"]),
  mac: z.string().nullable(),
  hostnames: z.array(z.string()),
  state: z.string().describe("up, down, unknown or skipped."),
  reason: z.string().nullable().describe("Why nmap says so, such as echo-reply."),
  ports: z.array(Port),
  extra_ports: z.array(z.strictObject({ state: z.string(), count: Count }))
    .describe("Ports that nmap counted by state instead of listing."),
  scripts: z.array(Script).describe("Scripts that looked at the host, not at one port."),
  os: z.array(z.strictObject({ name: z.string(), accuracy: z.int().min(0).max(100).nullable() }))
    .describe("Guesses at the operating system, best first, with their accuracy in percent."),
});

const NmapScanSchema = z.strictObject({
  hosts: z.array(Host),
  hosts_up: Count.nullable(),
  hosts_down: Count.nullable(),
  hosts_total: Count.nullable(),
  elapsed_sec: z.number().min(0).nullable(),
  nmap_version: z.string().nullable(),
  arguments: z.string().nullable().describe("The command line, as nmap repeats it."),
  exit: z.enum(["success", "error"]).nullable(),
  error: z.string().nullable().describe("nmap's own message when it gave up."),
  warnings: z.array(z.string()).describe("The lines that nmap wrote to standard error, at most 20."),
  incomplete: z.string().nullable().describe("What is missing from the report, or null when it is whole."),
});

/** One scan, as nmap reported it. A fact that nmap did not give is null. */
export type NmapScan = z.infer<typeof NmapScanSchema>;
/** One scanned host. */
export type NmapHost = z.infer<typeof Host>;
/** One port of a host. */
export type NmapPort = z.infer<typeof Port>;

type Attributes = Readonly<Record<string, string | undefined>>;

/** What the hosts did not tell, counted while they are read. */
interface Tally {
  unreadableHosts: number;
  unreadablePorts: number;
  timedOutHosts: number;
}

function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((node): node is XmlElement =>
    node instanceof XmlElement && node.name === name
  );
}

function attributesOf(element: XmlElement, childName: string): Attributes {
  return childrenOf(element, childName)[0]?.attributes ?? {};
}

function integer(text: string | undefined, max = Number.MAX_SAFE_INTEGER): number | null {
  if (text === undefined || !/^[0-9]{1,15}$/.test(text)) return null;
  const value = Number(text);
  return value <= max ? value : null;
}

function seconds(text: string | undefined): number | null {
  return text !== undefined && /^[0-9]{1,12}(\.[0-9]{1,9})?$/.test(text) ? Number(text) : null;
}

function scriptsOf(element: XmlElement): z.infer<typeof Script>[] {
  return childrenOf(element, "script").map(({ attributes }) => ({
    id: attributes.id ?? "",
    output: attributes.output ?? "",
  }));
}

function serviceOf(port: XmlElement): z.infer<typeof Service> | null {
  const service = attributesOf(port, "service");
  if (service.name === undefined) return null;
  return {
    name: service.name,
    product: service.product ?? null,
    version: service.version ?? null,
    extra_info: service.extrainfo ?? null,
    tunnel: service.tunnel ?? null,
    method: service.method ?? null,
    confidence: integer(service.conf, 10),
  };
}

function portOf(element: XmlElement): NmapPort | null {
  const port = integer(element.attributes.portid, 65535);
  const { protocol } = element.attributes;
  const { state, reason } = attributesOf(element, "state");
  if (port === null || protocol === undefined || state === undefined) return null;
  return {
    port,
    protocol,
    state,
    reason: reason ?? null,
    service: serviceOf(element),
    scripts: scriptsOf(element),
  };
}

function hostOf(element: XmlElement, tally: Tally): NmapHost | null {
  const addresses = childrenOf(element, "address").map(({ attributes }) => ({
    address: attributes.addr ?? "",
    // The DTD's default, which a parser that does not read the DTD has to know.
    type: attributes.addrtype ?? "ipv4",
  }));
  const ip = addresses.find(({ type }) => type === "ipv4" || type === "ipv6");
  if (ip === undefined) return null;
  if (element.attributes.timedout === "true") tally.timedOutHosts++;
  const status = attributesOf(element, "status");
  const lists = childrenOf(element, "ports");
  const portElements = lists.flatMap((list) => childrenOf(list, "port"));
  const ports = portElements.map(portOf).filter((port) => port !== null);
  tally.unreadablePorts += portElements.length - ports.length;
  return {
    address: ip.address,
    address_family: ip.type === "ipv6" ? "ipv6" : "ipv4",
    mac: addresses.find(({ type }) => type === "mac")?.address ?? null,
    hostnames: childrenOf(element, "hostnames")
      .flatMap((names) => childrenOf(names, "hostname"))
      .flatMap(({ attributes }) => attributes.name ?? []),
    state: status.state ?? "unknown",
    reason: status.reason ?? null,
    ports,
    extra_ports: lists.flatMap((list) => childrenOf(list, "extraports"))
      .map(({ attributes }) => ({
        state: attributes.state ?? "unknown",
        count: integer(attributes.count) ?? 0,
      })),
    scripts: childrenOf(element, "hostscript").flatMap(scriptsOf),
    os: childrenOf(element, "os").flatMap((os) => childrenOf(os, "osmatch"))
      .map(({ attributes }) => ({
        name: attributes.name ?? "",
        accuracy: integer(attributes.accuracy, 100),
      })),
  };
}

/** @returns the text with every character and character reference that XML 1.0 forbids replaced by U+FFFD. */
function withoutForbiddenCharacters(text: string): string {
  // One control character that a scanned service slipped into its banner must not hide every other host.
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/(?![\t\n])[\p{Cc}\u{fffe}\u{ffff}]/gu, "\u{fffd}")
    .replace(/&#(?:[xX]([0-9a-fA-F]{1,6})|([0-9]{1,7}));/g, (reference, hex: string | undefined, decimal) => {
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      const allowed = code === 9 || code === 10 || code === 13 || (code >= 0x20 && code < 0xd800) ||
        (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
      return allowed ? reference : "\u{fffd}";
    });
}

/** @returns the one element that the source is, or null when it is not well-formed. */
function elementOf(source: string): XmlElement | null {
  try {
    return parseXml(source).root;
  } catch {
    // The library says by throwing that a source is malformed or nested too deeply.
    return null;
  }
}

function lossesOf(tally: Tally, closed: boolean, finished: boolean, wholeHosts: number): string | null {
  const losses: string[] = [];
  if (!closed && finished) losses.push("output ended before its closing tag; no host is missing");
  else if (!closed && wholeHosts === 0) losses.push("output ended before any whole host");
  else if (!closed) {
    losses.push(`output ended after ${plural(wholeHosts, "whole host")}; later hosts are missing`);
  }
  if (tally.unreadableHosts > 0) losses.push(`${plural(tally.unreadableHosts, "host")} could not be read`);
  if (tally.unreadablePorts > 0) losses.push(`${plural(tally.unreadablePorts, "port")} could not be read`);
  if (tally.timedOutHosts > 0) {
    losses.push(`nmap gave up on ${plural(tally.timedOutHosts, "host")} at its host timeout`);
  }
  return joinLosses(losses);
}

/** How many warnings are kept, and how much of each. */
const MAX_WARNINGS = 20;

/** nmap ends with exit code 0 although it could not read a target; only standard error says so. */
function warningsOf(stderr: Uint8Array): string[] {
  return decodeText(stderr).split("\n").map(onePiece).filter((line) => line !== "").slice(0, MAX_WARNINGS);
}

function parse({ stdout, stderr }: ProgramOutput): NmapScan | null {
  const outline = outlineXml(withoutForbiddenCharacters(decodeText(stdout)));
  const root = outline && elementOf(outline.rootTag.replace(/\/?>$/, "/>"));
  if (!root || root.name !== "nmaprun") return null;
  const tally: Tally = { unreadableHosts: 0, unreadablePorts: 0, timedOutHosts: 0 };
  const hosts: NmapHost[] = [];
  let runstats: XmlElement | null = null;
  for (const source of outline.children) {
    if (/^<runstats[\s/>]/.test(source)) runstats = elementOf(source);
    if (!/^<host[\s/>]/.test(source)) continue;
    const element = elementOf(source);
    const host = element && hostOf(element, tally);
    if (host) hosts.push(host);
    else tally.unreadableHosts++;
  }
  const finished: Attributes = runstats ? attributesOf(runstats, "finished") : {};
  const counts: Attributes = runstats ? attributesOf(runstats, "hosts") : {};
  const { exit } = finished;
  return {
    hosts,
    hosts_up: integer(counts.up),
    hosts_down: integer(counts.down),
    hosts_total: integer(counts.total),
    elapsed_sec: seconds(finished.elapsed),
    nmap_version: root.attributes.version ?? null,
    arguments: root.attributes.args ?? null,
    exit: exit === "success" || exit === "error" ? exit : null,
    error: finished.errormsg ?? null,
    warnings: warningsOf(stderr),
    incomplete: lossesOf(tally, outline.closed, runstats !== null, hosts.length + tally.unreadableHosts),
  };
}

/** The parser `nmap_xml`: standard output is nmap's XML report. */
export const nmapXml: OutputParser<NmapScan> = { schema: NmapScanSchema, parse, summarize: summarizeScan };
