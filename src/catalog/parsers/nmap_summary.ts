/**
 * The readable account of an nmap scan.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import type { NmapHost, NmapPort, NmapScan, NmapScript } from "./nmap_schema.ts";
import { onePiece } from "./plain_text.ts";

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

/** How many lines a summary may have; the object itself holds everything. */
const MAX_LINES = 200;
/** How many lines of one script's answer are shown. */
const MAX_SCRIPT_LINES = 30;

/** An answer has lines of its own, so each is indented below the script's name. */
function scriptLines({ id, output }: NmapScript, indent: string): string[] {
  const answer = output.trim().split("\n");
  const name = `${indent}${onePiece(id)}:`;
  if (answer.length === 1) return [`${name} ${onePiece(output)}`.trimEnd()];
  const shown = answer.slice(0, MAX_SCRIPT_LINES).map(onePiece).filter((line) => line !== "");
  const left = answer.length - MAX_SCRIPT_LINES;
  if (left > 0) shown.push(`(${plural(left, "more line")})`);
  return [name, ...shown.map((line) => `${indent}  ${line}`)];
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

function* hostLines(host: NmapHost): Generator<string> {
  const names = [host.address, ...host.hostnames].map(onePiece).join(" ");
  const counts = countsByState(host);
  yield `${names} (${onePiece(host.state)})${counts === "" ? "" : `: ${counts}`}`;
  for (const port of host.ports) {
    if (port.state === "open") yield openPortLine(port);
    // A script may have found something at a port that is not open; then the number says where.
    else if (port.scripts.length > 0) yield `  ${port.port}/${onePiece(`${port.protocol} ${port.state}`)}`;
    for (const script of port.scripts) yield* scriptLines(script, "    ");
  }
  for (const script of host.scripts) yield* scriptLines(script, "  ");
  const [os] = host.os;
  if (os !== undefined) {
    yield `  OS: ${onePiece(os.name)}${os.accuracy === null ? "" : ` (${os.accuracy} %)`}`;
  }
}

function* linesOf(scan: NmapScan): Generator<string> {
  yield heading(scan);
  // Before the hosts: the end of a very long summary is left off.
  if (scan.error !== null) yield `nmap failed: ${onePiece(scan.error)}`;
  for (const warning of scan.warnings) yield `nmap warns: ${onePiece(warning)}`;
  if (scan.incomplete !== null) yield `Incomplete: ${scan.incomplete}`;
  for (const script of scan.scripts) yield* scriptLines(script, "");
  for (const host of scan.hosts) yield* hostLines(host);
}

/** @returns the scan in lines: the totals, then each host with its open ports and scripts; other ports are counted. */
export function summarizeScan(scan: NmapScan): string {
  const shown: string[] = [];
  for (const line of linesOf(scan)) {
    // Nothing is made that is not shown, or a huge scan would hold the thread here.
    if (shown.length === MAX_LINES) return [...shown, "(more lines are left out)"].join("\n");
    shown.push(line);
  }
  return shown.join("\n");
}
