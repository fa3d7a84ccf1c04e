/**
 * Reads the XML report of nmap (`nmap -n -oX - ...`), which may be very long.
 *
 * The report is walked through tag by tag, and whoever shares the thread gets a turn every 5 ms, so neither many hosts
 * nor one huge host holds it for long. What is kept is bounded by `KEPT` of
 * `nmap_schema.ts`.
 *
 * @module
 */
import { type Clock, systemClock } from "../../core/clock.ts";
import { plural } from "../../core/text.ts";
import { ScanDraft } from "./nmap_draft.ts";
import { integer, nmapReport } from "./nmap_rules.ts";
import { type NmapScan, NmapScanSchema } from "./nmap_schema.ts";
import { summarizeScan } from "./nmap_summary.ts";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { decodeText, joinLosses, onePiece } from "./plain_text.ts";
import { Slices } from "./slices.ts";
import { walkXml } from "./xml_walk.ts";

/** How many warnings are kept. */
const MAX_WARNINGS = 20;
/** How much of standard error is read, in bytes: more than enough for the warnings that are kept. */
const MAX_STDERR_BYTES = 65_536;

function seconds(text: string | undefined): number | null {
  return text !== undefined && /^[0-9]{1,12}(\.[0-9]{1,9})?$/.test(text) ? Number(text) : null;
}

function lossesOf(draft: ScanDraft, closed: boolean): string | null {
  const losses: string[] = [];
  if (!closed && draft.hasStatistics) losses.push("output ended before its closing tag; no host is missing");
  else if (!closed && draft.wholeHosts === 0) losses.push("output ended before any whole host");
  else if (!closed) {
    losses.push(`output ended after ${plural(draft.wholeHosts, "whole host")}; later hosts are missing`);
  }
  for (
    const [count, noun] of [
      [draft.unreadableHosts, "host"],
      [draft.unreadablePorts, "port"],
      [draft.unreadable, "other element"],
    ] as const
  ) {
    if (count > 0) losses.push(`${plural(count, noun)} could not be read`);
  }
  if (draft.timedOutHosts > 0) {
    losses.push(`nmap gave up on ${plural(draft.timedOutHosts, "host")} at its host timeout`);
  }
  return joinLosses([...losses, ...draft.leftOut()]);
}

/** nmap ends with exit code 0 although it could not read a target; only standard error says so. */
function warningsOf(stderr: Uint8Array): string[] {
  const lines = decodeText(stderr.subarray(0, MAX_STDERR_BYTES)).split("\n");
  return lines.map(onePiece).filter((line) => line !== "").slice(0, MAX_WARNINGS);
}

/**
 * Reads a report.
 *
 * @param clock says when the thread has been held for long enough, and makes the pauses
 */
export async function readNmapXml({ stdout, stderr }: ProgramOutput, clock: Clock): Promise<NmapScan | null> {
  const draft = new ScanDraft();
  const end = await walkXml(stdout, nmapReport, draft, new Slices(clock));
  if (end === "no such document") return null;
  const { root, finished: { elapsed, exit, errormsg }, counts } = draft;
  return {
    hosts: draft.hosts,
    scripts: draft.scripts,
    hosts_up: integer(counts.up),
    hosts_down: integer(counts.down),
    hosts_total: integer(counts.total),
    elapsed_sec: seconds(elapsed),
    nmap_version: draft.keepOptional(root.version),
    // It can be no longer than what we gave nmap, so it is not cut.
    arguments: root.args ?? null,
    exit: exit === "success" || exit === "error" ? exit : null,
    error: draft.keepOptional(errormsg),
    warnings: warningsOf(stderr),
    incomplete: lossesOf(draft, end === "whole"),
  };
}

/** The parser `nmap_xml`: standard output is nmap's XML report. */
export const nmapXml: OutputParser<NmapScan> = {
  schema: NmapScanSchema,
  parse: (output) => readNmapXml(output, systemClock),
  summarize: summarizeScan,
};
