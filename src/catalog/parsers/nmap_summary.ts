/**
 * The readable account of an nmap scan.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import type { NmapHost, NmapPort, NmapScan } from "./nmap_xml.ts";
import { joinSummary, onePiece } from "./plain_text.ts";

function heading({ hosts, hosts_up, hosts_total, elapsed_sec }: NmapScan): string {
  const time = elapsed_sec === null ? "" : ` in ${elapsed_sec} s`;
  if (hosts_up === null) return `${plural(hosts.length, "host")} reported${time}`;
  const scanned = hosts_total === null ? "" : ` of ${hosts_total} scanned`;
  return `${plural(hosts_up, "host")} up${scanned}${time}`;
}

function countsByState(host: NmapHost): string {
  const counts = new Map<string, number>();
  const add = (state: string, count: number) => counts.set(state, (counts.get(state) ?? 0) + count);
  for (const { state } of host.ports) add(state, 1);
  for (const { state, count } of host.extra_ports) add(state, count);
  return [...counts]
    .sort(([a], [b]) => Number(b === "open") - Number(a === "open"))
    .map(([state, count]) => `${count} ${onePiece(state)}`)
    .join(", ");
}

function openPortLine({ port, protocol, service }: NmapPort): string {
  const parts = [`${port}/${protocol}`, "open"];
  if (service !== null) {
    parts.push(service.tunnel === null ? service.name : `${service.tunnel}/${service.name}`);
    if (service.product !== null) parts.push(service.product);
    if (service.version !== null) parts.push(service.version);
    if (service.extra_info !== null) parts.push(`(${service.extra_info})`);
  }
  return `  ${parts.map(onePiece).join(" ")}`;
}

function hostLines(host: NmapHost): string[] {
  const names = [host.address, ...host.hostnames].map(onePiece).join(" ");
  const counts = countsByState(host);
  const lines = [`${names} (${onePiece(host.state)})${counts === "" ? "" : `: ${counts}`}`];
  lines.push(...host.ports.filter(({ state }) => state === "open").map(openPortLine));
  const [os] = host.os;
  if (os !== undefined) {
    lines.push(`  OS: ${onePiece(os.name)}${os.accuracy === null ? "" : ` (${os.accuracy} %)`}`);
  }
  return lines;
}

/** @returns the scan in lines: the totals, then each host with its open ports; ports in other states are counted. */
export function summarizeScan(scan: NmapScan): string {
  const lines = [heading(scan)];
  // Before the hosts: the end of a very long summary is left off.
  if (scan.error !== null) lines.push(`nmap failed: ${onePiece(scan.error)}`);
  for (const warning of scan.warnings) lines.push(`nmap warns: ${onePiece(warning)}`);
  if (scan.incomplete !== null) lines.push(`Incomplete: ${scan.incomplete}`);
  return joinSummary([...lines, ...scan.hosts.flatMap(hostLines)]);
}
