/**
 * Reads what gobuster 3 found in one of its modes dir, dns and vhost, run with `gobuster MODE -z --no-color ...` and,
 * for dns, with `-i`. Without `-q`, which would hide the requests that failed and that the word list was finished.
 *
 * Results stand on standard output between a line that names the mode and a line that says "Finished"; each begins
 * with the control sequence that clears a line of progress. A server chooses the Location of a redirect, which is
 * the last thing on its line and cannot hold a line feed, so the first marks on a line are gobuster's own. Errors
 * stand on standard error.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { cutText, decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

/** How many findings are kept. */
const MAX_FOUND = 10_000;
/** How much of a name or of a Location is kept, in characters. */
const MAX_TEXT_LENGTH = 2048;
/** How many addresses of one name are kept. */
const MAX_ADDRESSES = 64;
/** How many different errors are kept, and how much of each. */
const MAX_ERRORS = 10;
const MAX_ERROR_LENGTH = 300;

const FindingSchema = z.strictObject({
  name: z.string().describe("The path in mode dir, the host name in modes dns and vhost."),
  status: z.int().min(100).max(999).nullable().describe("Status code; null in mode dns."),
  body_bytes: z.int().min(0).nullable().describe("Size of the body; null in mode dns."),
  location: z.string().nullable().describe("Where the response redirects to; it was not followed."),
  addresses: z.array(z.string()).describe("What the name resolves to, in mode dns."),
});

const GobusterReportSchema = z.strictObject({
  mode: z.enum(["dir", "dns", "vhost"]).nullable().describe("Null when the search did not begin."),
  found: z.array(FindingSchema),
  failed_requests: z.int().min(0).describe(
    "Words that are not known because their request failed; gobuster does not say it in mode dns.",
  ),
  errors: z.array(z.string()).describe("Some of gobuster's messages about what failed."),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** What one search with a word list found. A fact that is not known is null. */
export type GobusterReport = z.infer<typeof GobusterReportSchema>;
type Finding = z.infer<typeof FindingSchema>;
type Mode = NonNullable<GobusterReport["mode"]>;

const MODES: Readonly<Record<string, Mode>> = { "directory": "dir", "DNS": "dns", "VHOST": "vhost" };
const TIME = "[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}";
const STARTING = new RegExp(`^${TIME} Starting gobuster in ([A-Za-z]{1,20}) enumeration mode$`);
const FINISHED = new RegExp(`^${TIME} Finished$`);
const REQUEST_ERROR = new RegExp(`^\\[ERROR\\] ${TIME} \\[!\\] (.+)$`, "s");
const OTHER_ERROR = new RegExp(`^(?:Error: |(?:\\[[A-Z]{1,10}\\] )?${TIME} \\[[-!]\\] )(.+)$`, "s");
/** What gobuster writes, also into a file, to clear a line of progress. */
// deno-lint-ignore no-control-regex -- a control sequence is what it is
const CLEAR_LINE = /^\r\x1b\[2K/;
/** The sizes and the Location that follow a status. */
const RESPONSE = /^([0-9]{3})\)? \[Size: ([0-9]{1,15})\](?: \[--> (.*)\])?$/s;

/** @returns the lines; what stands behind the last line feed is a line that was cut, or nothing, and left out. */
function wholeLines(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

/** Reads "NAME MARK STATUS [Size: N] [--> LOCATION]". */
function readResponse(line: string, mark: string): Finding | null {
  const start = line.indexOf(mark);
  const match = start < 1 ? null : RESPONSE.exec(line.slice(start + mark.length));
  if (match === null) return null;
  const [, status, size, location] = match;
  if (Number(status) < 100) return null;
  return {
    name: line.slice(0, start).trimEnd(),
    status: Number(status),
    body_bytes: Number(size),
    location: location ?? null,
    addresses: [],
  };
}

/** Reads "NAME" or "NAME [ADDRESS,ADDRESS]". */
function readName(line: string): Finding | null {
  const [, name, addresses] = /^([^\s[\]]+)(?: \[([0-9A-Fa-f:.,%]*)\])?$/.exec(line) ?? [];
  if (name === undefined) return null;
  return {
    name,
    status: null,
    body_bytes: null,
    location: null,
    addresses: addresses === undefined || addresses === "" ? [] : addresses.split(","),
  };
}

/** @returns what one line of standard output says was found, or null. */
function readFinding(line: string, mode: Mode): Finding | null {
  const text = line.replace(CLEAR_LINE, "");
  if (mode === "dir") return readResponse(text, " (Status: ");
  if (!text.startsWith("Found: ")) return null;
  const rest = text.slice("Found: ".length);
  return mode === "vhost" ? readResponse(rest, " Status: ") : readName(rest);
}

function readResults(stdout: string, losses: string[]): Pick<GobusterReport, "mode" | "found"> {
  const found: Finding[] = [];
  let mode: Mode | null = null;
  let finished = false;
  let surplus = 0;
  let cut = 0;
  for (const line of wholeLines(stdout)) {
    if (mode === null) {
      const name = STARTING.exec(line)?.[1];
      mode = name !== undefined && Object.hasOwn(MODES, name) ? MODES[name]! : null;
      continue;
    }
    if (FINISHED.test(line)) {
      finished = true;
      break;
    }
    const finding = readFinding(line, mode);
    if (finding === null) continue;
    if (found.length === MAX_FOUND) {
      surplus++;
      continue;
    }
    const { name, location, addresses } = finding;
    if (
      Math.max(name.length, location?.length ?? 0) > MAX_TEXT_LENGTH || addresses.length > MAX_ADDRESSES
    ) cut++;
    found.push({
      ...finding,
      name: cutText(name, MAX_TEXT_LENGTH),
      location: location === null ? null : cutText(location, MAX_TEXT_LENGTH),
      addresses: addresses.slice(0, MAX_ADDRESSES),
    });
  }
  if (mode !== null && !finished) losses.push("output ended before the word list was finished");
  if (surplus > 0) losses.push(`${plural(surplus, "more finding")} left out`);
  if (cut > 0) losses.push(`${plural(cut, "long finding")} cut`);
  return { mode, found };
}

function readErrors(stderr: string): Pick<GobusterReport, "failed_requests" | "errors"> {
  const errors = new Set<string>();
  let failed = 0;
  for (const line of wholeLines(stderr)) {
    const request = REQUEST_ERROR.exec(line)?.[1];
    if (request !== undefined) failed++;
    const error = request ?? OTHER_ERROR.exec(line)?.[1];
    if (error !== undefined && errors.size < MAX_ERRORS) errors.add(cutText(error, MAX_ERROR_LENGTH));
  }
  return { failed_requests: failed, errors: [...errors] };
}

function parse({ stdout, stderr, partial }: ProgramOutput): GobusterReport | null {
  const losses: string[] = [];
  const { mode, found } = readResults(decodeText(stdout), losses);
  const { failed_requests, errors } = readErrors(decodeText(stderr));
  if (mode === null && errors.length === 0) return null;
  if (mode === null && partial) losses.push("output ended before the search began");
  return { mode, found, failed_requests, errors, incomplete: joinLosses(losses) };
}

function findingLine({ name, status, body_bytes, location, addresses }: Finding): string {
  const parts = [onePiece(name)];
  if (status !== null) parts.push(`${status}, ${plural(body_bytes ?? 0, "byte")}`);
  if (location !== null) parts.push(`to ${onePiece(location)} (not followed)`);
  if (addresses.length > 0) parts.push(onePiece(addresses.join(", ")));
  return parts.join("; ");
}

function summarize(report: GobusterReport): string {
  const { mode, found, failed_requests: failed } = report;
  const lines = [mode === null ? "The search did not begin" : `Mode ${mode}: ${found.length} found`];
  if (failed > 0) lines.push(`Failed requests: ${failed}`);
  lines.push(...report.errors.map((error) => `Error: ${onePiece(error)}`));
  if (report.incomplete !== null) lines.push(`Incomplete: ${report.incomplete}`);
  return joinSummary([...lines, ...found.map(findingLine)]);
}

/** The parser `gobuster`: one search with a word list. */
export const gobuster: OutputParser<GobusterReport> = { schema: GobusterReportSchema, parse, summarize };
