/**
 * Reads the findings of masscan(8) 1.3 when it is run without an output format.
 *
 * Each finding is then one line, written at once. The formats for machines (`-oJ`, `-oD`, `-oL`, `-oX`) stay in
 * masscan's buffer instead, and are lost when a scan reaches its time-out. Banners are what strangers sent; masscan
 * writes every byte of theirs that is not printable as `\xNN`, so that they cannot begin a line. What was scanned and
 * how far it came stands on standard error, in lines of progress that overwrite each other.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { cutText, decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

/** How many hosts and how many ports of all hosts together are kept: a /16 with one port each. */
const MAX_HOSTS = 65_536;
const MAX_PORTS = 65_536;
/** How many banners of one port are kept, and how much of each, in characters. */
const MAX_BANNERS = 16;
const MAX_BANNER_LENGTH = 1000;
/** How many different errors are kept, and how much of each. */
const MAX_ERRORS = 10;
const MAX_ERROR_LENGTH = 300;

const PortSchema = z.strictObject({
  protocol: z.string().describe('Such as "tcp", "udp" or "sctp".'),
  port: z.int().min(0).max(65535),
  state: z.enum(["open", "closed"]).nullable().describe("Null when only a banner of it is known."),
  banners: z.array(z.strictObject({ service: z.string(), text: z.string() })).describe(
    "What the service sent; odd bytes as \\xNN.",
  ),
});

const MasscanReportSchema = z.strictObject({
  scanned_addresses: z.int().min(0).nullable(),
  ports_per_address: z.int().min(0).nullable().describe("0 when only --ping was asked for."),
  sent_percent: z.number().min(0).max(100).nullable().describe(
    "How much of the scan was sent, by the last line of progress that was kept.",
  ),
  hosts: z.array(z.strictObject({
    address: z.string(),
    mac: z.string().nullable().describe("Its hardware address, known from a scan with --arp only."),
    answers_ping: z.boolean().describe("It answered an echo request; one is sent only with --ping."),
    ports: z.array(PortSchema),
  })).describe("Hosts that answered, IPv4 addresses in order."),
  errors: z.array(z.string()).describe("masscan's own messages."),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** What a scan found. A fact that is not known is null. */
export type MasscanReport = z.infer<typeof MasscanReportSchema>;
type Host = MasscanReport["hosts"][number];
type Port = Host["ports"][number];

const FOUND =
  /^Discovered (open|closed|up) port ([0-9]{1,5})\/([a-z]{1,10}) on ([0-9a-f.:]{2,45})(?: \(([0-9a-f:]{17})\))?$/;
const BANNER = /^Banner on port ([0-9]{1,5})\/([a-z]{1,10}) on ([0-9a-f.:]{2,45}): \[([^\]]{0,50})\] ?(.*)$/s;
const SCANNING = /^Scanning ([0-9]{1,15}) hosts(?: \[([0-9]{1,15}) ports?\/host\])?$/;
const PROGRESS = /^rate: .{1,20}-kpps, {1,3}([0-9]{1,3}\.[0-9]{2})% done/;
const ERROR = /^(?:\[-\] )?(?:FAIL: ?)?(.+)$/;

/** The place of an IPv4 address among all; an IPv6 address stands behind them. */
function orderOf(address: string): number {
  return address.includes(":")
    ? 2 ** 32
    : address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** A host that is being put together; its ports by "NUMBER/PROTOCOL". */
interface FoundHost {
  mac: string | null;
  answersPing: boolean;
  readonly ports: Map<string, Port>;
}

/** The findings of one scan, as they come in. */
class Findings {
  readonly #hosts = new Map<string, FoundHost>();
  #ports = 0;
  #leftOut = 0;
  #cutBanners = 0;

  /** Reads one line of standard output; others than findings are passed over. */
  readLine(line: string): void {
    const [, state, number, protocol, address, mac] = FOUND.exec(line) ?? [];
    if (address !== undefined && protocol !== undefined) {
      const host = this.#host(address);
      if (host === null) return;
      // Echo and ARP replies are shown as port 0 of their protocols, and mean that the host is there.
      if (protocol === "icmp") host.answersPing = true;
      else if (protocol === "arp" || state === "up") host.mac = mac ?? host.mac;
      else {
        const port = this.#port(host.ports, protocol, Number(number));
        if (port !== null) port.state = state as "open" | "closed";
      }
      return;
    }
    const banner = BANNER.exec(line);
    if (banner !== null) this.#readBanner(banner);
  }

  /** @returns the hosts by address, each with its ports in order. */
  hosts(): Host[] {
    return [...this.#hosts]
      .map(([address, host]) => ({ address, host, order: orderOf(address) }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ address, host: { mac, answersPing, ports } }) => ({
        address,
        mac,
        answers_ping: answersPing,
        ports: [...ports.values()].toSorted((a, b) => a.port - b.port),
      }));
  }

  losses(): string[] {
    const losses: string[] = [];
    if (this.#leftOut > 0) losses.push(`${plural(this.#leftOut, "more finding")} left out`);
    if (this.#cutBanners > 0) losses.push(`${plural(this.#cutBanners, "long banner")} cut`);
    return losses;
  }

  #readBanner([, number, protocol = "", address = "", service = "", text = ""]: RegExpExecArray): void {
    const host = this.#host(address);
    const port = host && this.#port(host.ports, protocol, Number(number));
    if (port === null) return;
    const banner = text.trimEnd();
    if (port.banners.length === MAX_BANNERS) {
      this.#leftOut++;
      return;
    }
    if (banner.length > MAX_BANNER_LENGTH) this.#cutBanners++;
    port.banners.push({ service, text: cutText(banner, MAX_BANNER_LENGTH) });
  }

  #host(address: string): FoundHost | null {
    const known = this.#hosts.get(address);
    if (known !== undefined) return known;
    if (this.#hosts.size === MAX_HOSTS) {
      this.#leftOut++;
      return null;
    }
    const host: FoundHost = { mac: null, answersPing: false, ports: new Map() };
    this.#hosts.set(address, host);
    return host;
  }

  #port(ports: Map<string, Port>, protocol: string, number: number): Port | null {
    const key = `${number}/${protocol}`;
    const known = ports.get(key);
    if (known !== undefined) return known;
    if (number > 65535) return null;
    if (this.#ports === MAX_PORTS) {
      this.#leftOut++;
      return null;
    }
    this.#ports++;
    const port: Port = { protocol, port: number, state: null, banners: [] };
    ports.set(key, port);
    return port;
  }
}

/** What standard error says. */
interface Account {
  readonly began: boolean;
  readonly addresses: number | null;
  readonly ports: number | null;
  readonly sentPercent: number | null;
  readonly errors: readonly string[];
}

function readAccount(stderr: string): Account {
  const errors = new Set<string>();
  let began = false;
  let addresses: number | null = null;
  let ports: number | null = null;
  let sentPercent: number | null = null;
  // What stands behind the last line's end is a line that was cut, or nothing.
  for (const line of stderr.split(/[\r\n]/).slice(0, -1)) {
    const text = line.trim();
    const scanning = SCANNING.exec(text);
    const percent = PROGRESS.exec(text)?.[1];
    if (text.startsWith("Starting masscan ")) began = true;
    else if (scanning !== null) {
      addresses = Number(scanning[1]);
      ports = Number(scanning[2] ?? 0);
    } else if (percent !== undefined) sentPercent = Math.min(100, Number(percent));
    else if (
      /^(?:rate: |Initiating |-- forced options: |\[hint\])/.test(text) || errors.size === MAX_ERRORS
    ) {
      continue;
    } else {
      const error = ERROR.exec(text)?.[1];
      if (error !== undefined) errors.add(cutText(error, MAX_ERROR_LENGTH));
    }
  }
  return { began, addresses, ports, sentPercent, errors: [...errors] };
}

function parse({ stdout, stderr, partial }: ProgramOutput): MasscanReport | null {
  const findings = new Findings();
  const lines = decodeText(stdout).split("\n");
  // What stands behind the last line feed is a line that was cut, or nothing.
  const rest = lines.pop();
  for (const line of lines) findings.readLine(line.trimEnd());
  const { began, addresses, ports, sentPercent, errors } = readAccount(decodeText(stderr));
  const hosts = findings.hosts();
  if (!began && hosts.length === 0 && errors.length === 0) return null;
  const losses = findings.losses();
  if (partial || rest !== "") {
    const sent = sentPercent === null ? "" : `, ${sentPercent} % of it sent`;
    losses.unshift(`output is only the beginning of the scan${sent}`);
  }
  return {
    scanned_addresses: addresses,
    ports_per_address: ports,
    sent_percent: sentPercent,
    hosts,
    errors: [...errors],
    incomplete: joinLosses(losses),
  };
}

function hostLines({ address, mac, answers_ping, ports }: Host): string[] {
  const of = (wanted: Port["state"]) =>
    ports.filter(({ state }) => state === wanted).map(({ port, protocol }) => `${port}/${protocol}`);
  const open = of("open");
  const closed = of("closed");
  const parts = [
    ...(open.length > 0 ? [`open ${open.join(", ")}`] : []),
    ...(closed.length > 0 ? [plural(closed.length, "closed port")] : []),
    ...(answers_ping ? ["answers ping"] : []),
    ...(mac === null ? [] : [`hardware address ${mac}`]),
  ];
  return [
    `${address}: ${onePiece(parts.join("; ")) || "up"}`,
    ...ports.flatMap(({ port, protocol, banners }) =>
      banners.map(({ service, text }) => `  ${port}/${protocol} ${onePiece(service)}: ${onePiece(text)}`)
    ),
  ];
}

function summarize(report: MasscanReport): string {
  const { scanned_addresses: addresses, ports_per_address: ports, hosts } = report;
  const of = addresses === null ? "" : ` of ${plural(addresses, "address", "addresses")}`;
  const each = ports === null || ports === 0 ? "" : ` with ${plural(ports, "port")} each`;
  const lines = [`${plural(hosts.length, "host")} answered${of}${each}`];
  lines.push(...report.errors.map((error) => `masscan: ${onePiece(error)}`));
  if (report.incomplete !== null) lines.push(`Incomplete: ${report.incomplete}`);
  return joinSummary([...lines, ...hosts.flatMap(hostLines)]);
}

/** The parser `masscan`: one scan. */
export const masscan: OutputParser<MasscanReport> = { schema: MasscanReportSchema, parse, summarize };
