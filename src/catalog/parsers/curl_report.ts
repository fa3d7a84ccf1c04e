/**
 * Reads what curl says about one HTTP exchange that was run with
 * `curl -q --silent --show-error --globoff --noproxy '*' --include --write-out '%{stderr}%{json}\n' ...`.
 *
 * Standard output is then the header block of each response and the body; the last line of standard error is curl's
 * own report, whose fields are the write-out variables of curl(1). The server chooses every byte of the body and
 * of the header fields, so the facts come from curl's report wherever it has them.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import { type HeaderBlock, readHeaderBlock } from "./http_header_block.ts";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

const Seconds = z.number().min(0).nullable();

const CurlReportSchema = z.strictObject({
  url: z.string().nullable().describe("The address that was asked for."),
  status: z.int().min(100).max(999).nullable().describe(
    "Status code of the final response; null without one.",
  ),
  http_version: z.string().nullable(),
  reason: z.string().nullable().describe("Reason phrase; HTTP/2 and HTTP/3 have none."),
  headers: z.array(z.strictObject({ name: z.string().describe("In lower case."), value: z.string() }))
    .describe("Header fields of the final response, in order."),
  content_type: z.string().nullable(),
  body_bytes: z.int().min(0).nullable().describe("Bytes of body that curl received."),
  redirect_url: z.string().nullable().describe("Where the response points; it was not followed."),
  remote_address: z.string().nullable(),
  remote_port: z.int().min(0).max(65535).nullable(),
  timings: z.strictObject({
    name_lookup_sec: Seconds.describe("Until the name was resolved."),
    connect_sec: Seconds.describe("Until the TCP connection stood."),
    tls_sec: Seconds.describe("Until the TLS handshake was done."),
    first_byte_sec: Seconds.describe("Until the first byte of the response came."),
    total_sec: Seconds,
  }).describe("Seconds since the start; null for a step that was not reached."),
  tls_verified: z.boolean().nullable()
    .describe(
      "Whether curl's check of the certificate chain passed; null without TLS. Insecure mode skips names.",
    ),
  error: z.string().nullable().describe("curl's own message."),
  curl_exit_code: z.int().min(0).nullable().describe(
    "As in the section EXIT CODES of curl(1); 0 is success.",
  ),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** One HTTP exchange, as curl reported it. A fact that is not known is null. */
export type CurlReport = z.infer<typeof CurlReportSchema>;

/** curl's own report: the object that `%{json}` stands for, its values not yet checked. */
type Variables = Readonly<Record<string, unknown>>;

/** Exit code 60: "The remote peer's SSL certificate or SSH fingerprint was deemed not OK." */
const PEER_FAILED_VERIFICATION = 60;

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function integer(value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max ? value : null;
}

function positive(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}

function variablesIn(line: string): Variables | null {
  if (!line.startsWith("{") || !line.endsWith("}")) return null;
  try {
    const value: Record<string, unknown> = JSON.parse(line);
    return "http_code" in value && "exitcode" in value ? value : null;
  } catch {
    return null;
  }
}

/** @returns the last line of standard error that is a whole report, or null. */
function lastReport(lines: readonly string[]): Variables | null {
  for (const line of lines.toReversed()) {
    const variables = variablesIn(line.trim());
    if (variables !== null) return variables;
  }
  return null;
}

/** @returns the exit code and the message that `--show-error` wrote, for when there is no report. */
function shownError(lines: readonly string[]): { exitcode: number; errormsg: string } | null {
  for (const line of lines) {
    const match = /^curl: \(([0-9]{1,3})\) (.+)$/.exec(line);
    if (match !== null) return { exitcode: Number(match[1]), errormsg: match[2] ?? "" };
  }
  return null;
}

/**
 * @param status The status that curl reported, or null when its report is missing.
 * @returns the block of the final response. Interim responses (1xx) come before it and have no body, so a block
 * follows directly; whatever follows the final one is body, even when it looks like a header block.
 */
function finalBlock(stdout: Uint8Array, status: number | null): HeaderBlock | null {
  let block = readHeaderBlock(stdout, 0);
  while (block !== null) {
    // 101 is interim only when curl itself went on to another protocol, which only its report can tell.
    const final = status === null ? block.status >= 200 || block.status === 101 : block.status === status;
    if (final || !block.whole) break;
    const next = readHeaderBlock(stdout, block.end);
    if (next === null && status === null) break;
    block = next;
  }
  return status === null || block?.status === status ? block : null;
}

function versionOf(value: unknown): string | null {
  const version = text(value);
  // curl prints 0 when there was no response, and drops the ".0" of HTTP/1.0.
  if (version === "0") return null;
  return version === "1" ? "1.0" : version;
}

function tlsVerified(variables: Variables): boolean | null {
  if (text(variables.scheme)?.toLowerCase() !== "https") return null;
  const result = integer(variables.ssl_verify_result, Number.MIN_SAFE_INTEGER);
  if (variables.exitcode === PEER_FAILED_VERIFICATION || (result !== null && result !== 0)) return false;
  // The result is also 0 when the handshake was never finished.
  return result === 0 && positive(variables.time_appconnect) !== null ? true : null;
}

function lossesOf(
  output: ProgramOutput,
  reported: boolean,
  status: number | null,
  block: HeaderBlock | null,
) {
  const losses: string[] = [];
  if (!reported) losses.push("curl's own report is missing, so addresses, times and TLS are not known");
  if (output.partial) losses.push("standard output is only the beginning");
  if (status !== null && block === null) losses.push("the header fields of the final response are missing");
  if (block !== null && !block.whole) losses.push("output ended inside the header fields");
  if (block !== null && block.droppedHeaders > 0) {
    losses.push(`${plural(block.droppedHeaders, "header field")} left out`);
  }
  if (block !== null && block.cutValues > 0) {
    losses.push(`${plural(block.cutValues, "long header value")} cut`);
  }
  return joinLosses(losses);
}

function parse(output: ProgramOutput): CurlReport | null {
  const errorLines = decodeText(output.stderr).split("\n");
  const report = lastReport(errorLines);
  const variables: Variables = report ?? shownError(errorLines) ?? {};
  const reportedStatus = integer(variables.http_code, 100, 999);
  // curl reports no status when it got no response: then nothing on standard output is a header block.
  const block = report !== null && reportedStatus === null ? null : finalBlock(output.stdout, reportedStatus);
  if (block === null && variables.exitcode === undefined) return null;
  const status = reportedStatus ?? block?.status ?? null;
  const headerValue = (name: string) => block?.headers.find((field) => field.name === name)?.value;
  const keptBody = block?.whole ? output.stdout.length - block.end : null;
  return {
    url: text(variables.url_effective) ?? text(variables.url),
    status,
    http_version: versionOf(variables.http_version ?? block?.version),
    reason: block?.reason ?? null,
    headers: block?.headers ?? [],
    content_type: text(variables.content_type ?? headerValue("content-type")),
    body_bytes: integer(variables.size_download, 0) ?? keptBody,
    redirect_url: text(variables.redirect_url),
    remote_address: text(variables.remote_ip),
    remote_port: integer(variables.remote_port, 1, 65535),
    timings: {
      name_lookup_sec: positive(variables.time_namelookup),
      connect_sec: positive(variables.time_connect),
      tls_sec: positive(variables.time_appconnect),
      first_byte_sec: positive(variables.time_starttransfer),
      total_sec: positive(variables.time_total),
    },
    tls_verified: tlsVerified(variables),
    error: text(variables.errormsg),
    curl_exit_code: integer(variables.exitcode, 0),
    incomplete: lossesOf(output, report !== null, status, block),
  };
}

function responseLine({ status, http_version, reason }: CurlReport): string {
  if (status === null) return "no HTTP response";
  return [`HTTP/${http_version ?? "?"}`, String(status), reason ?? ""].map(onePiece).join(" ").trim();
}

function summarize(report: CurlReport): string {
  const { remote_address: address, remote_port: port, timings } = report;
  const peer = address === null ? "" : ` from ${onePiece(address)}${port === null ? "" : ` port ${port}`}`;
  const time = timings.total_sec === null ? "" : ` in ${timings.total_sec} s`;
  const lines = [`${responseLine(report)}${peer}${time}`];
  if (report.url !== null) lines.push(`URL: ${onePiece(report.url)}`);
  if (report.body_bytes !== null) {
    const type = report.content_type === null ? "" : ` of ${onePiece(report.content_type)}`;
    lines.push(`Body: ${plural(report.body_bytes, "byte")}${type}`);
  }
  if (report.redirect_url !== null) {
    lines.push(`Redirects to ${onePiece(report.redirect_url)} (not followed)`);
  }
  if (report.tls_verified !== null) lines.push(`Certificate verified: ${report.tls_verified ? "yes" : "no"}`);
  if (report.error !== null) lines.push(`Error (${report.curl_exit_code ?? "?"}): ${onePiece(report.error)}`);
  if (report.incomplete !== null) lines.push(`Incomplete: ${report.incomplete}`);
  return joinSummary(lines);
}

/** The parser `curl_report`: one HTTP exchange of curl. */
export const curlReport: OutputParser<CurlReport> = { schema: CurlReportSchema, parse, summarize };
