/**
 * Reads the answer to one query of dig(1) of BIND 9, run with
 * `dig -r +nocmd -q NAME -t TYPE -p PORT @SERVER` and without options that change how records are shown.
 *
 * The plain form is read rather than `+yaml`: it says why there was no answer, where `+yaml` only says that there was
 * none. dig writes each record on one line of its own and escapes every byte of it that is not printable, and a name
 * never begins with ";", so that nothing a server sends can pass for a line of dig's own. A line without its end may
 * have lost a part and is not read.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { cutText, decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

/** How many records of a section are kept; a message over TCP has room for about 4000 of the smallest. */
const MAX_RECORDS = 4096;
/** How much of a record's data is kept, in characters. */
const MAX_DATA_LENGTH = 8192;
/** How many of dig's own remarks are kept, and how much of each. */
const MAX_REMARKS = 20;
const MAX_REMARK_LENGTH = 300;

const RecordSchema = z.strictObject({
  name: z.string().describe("As in a zone file: with a dot at its end, odd bytes as \\DDD."),
  ttl_sec: z.int().min(0),
  class: z.string(),
  type: z.string(),
  data: z.string().describe("As in a zone file: odd bytes as \\DDD, texts in quotation marks."),
});

const DigReportSchema = z.strictObject({
  status: z.string().nullable().describe(
    'Response code, such as "NOERROR", "NXDOMAIN" or "SERVFAIL"; null without an answer.',
  ),
  flags: z.array(z.string()).describe(
    "Of the answer's header: aa authoritative, tc truncated, ra recursion available, ad authentic.",
  ),
  question: z.strictObject({ name: z.string(), class: z.string(), type: z.string() }).nullable(),
  answer: z.array(RecordSchema),
  authority: z.array(RecordSchema),
  additional: z.array(RecordSchema),
  server_address: z.string().nullable().describe("Who answered."),
  server_port: z.int().min(0).max(65535).nullable(),
  transport: z.string().nullable().describe('Such as "UDP" or "TCP".'),
  query_time_ms: z.int().min(0).nullable(),
  message_bytes: z.int().min(0).nullable(),
  remarks: z.array(z.string()).describe(
    "What dig noted: time-outs, warnings, extended errors of the server.",
  ),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** One question and what came of it. A fact that is not known is null. */
export type DigReport = z.infer<typeof DigReportSchema>;
type DnsRecord = z.infer<typeof RecordSchema>;

const SECTIONS = ["answer", "authority", "additional"] as const;
type Section = (typeof SECTIONS)[number];

/** What the reading of the lines has come to. */
interface Reading {
  readonly report: DigReport;
  /** How many records the header promises. */
  readonly promised: Partial<Record<Section, number>>;
  /** How many records each section has, the ones left out too. */
  readonly seen: Record<Section, number>;
  section: Section | "question" | "opt" | null;
  cutData: number;
  surplusRemarks: number;
  unreadable: number;
  /** Whether a line says that nothing follows. */
  ended: boolean;
}

const HEADER = /^;; ->>HEADER<<- opcode: [^,]{1,20}, status: ([A-Z0-9]{1,20}), id: [0-9]{1,5}$/;
const COUNTS =
  /^;; flags:([a-z0-9 ]{0,60}); QUERY: [0-9]{1,5}, ANSWER: ([0-9]{1,5}), AUTHORITY: ([0-9]{1,5}), ADDITIONAL: ([0-9]{1,5})$/;
const SECTION = /^;; (QUESTION|ANSWER|AUTHORITY|ADDITIONAL|OPT PSEUDO) ?SECTION:$/;
const RECORD = /^([^\t ]+)[\t ]+([0-9]{1,10})[\t ]+([^\t ]+)[\t ]+([^\t ]+)[\t ]*(.*)$/s;
const QUESTION = /^;([^\t ]+)[\t ]+([^\t ]+)[\t ]+([^\t ]+)$/;
const SERVER = /^;; SERVER: ([0-9A-Fa-f.:%a-z]{1,64})#([0-9]{1,5})\([^ ]*\)(?: \(([A-Z]{1,10})\))?$/;
/** Lines that say how a query ended without an answer that could be shown. */
const HOPELESS = /^;; (?:(?:connection timed out; )?no servers could be reached|ERROR: |Got bad packet: )/;

function readRecord(reading: Reading, section: Section, line: string): void {
  const [, name, ttl, recordClass, type, data = ""] = RECORD.exec(line) ?? [];
  if (name === undefined || recordClass === undefined || type === undefined) {
    reading.unreadable++;
    return;
  }
  reading.seen[section]++;
  const records: DnsRecord[] = reading.report[section];
  if (records.length === MAX_RECORDS) return;
  if (data.length > MAX_DATA_LENGTH) reading.cutData++;
  records.push({
    name: cutText(name, MAX_DATA_LENGTH),
    ttl_sec: Number(ttl),
    class: cutText(recordClass, MAX_REMARK_LENGTH),
    type: cutText(type, MAX_REMARK_LENGTH),
    data: cutText(data, MAX_DATA_LENGTH),
  });
}

function readRemark(reading: Reading, text: string): void {
  const { remarks } = reading.report;
  const remark = cutText(text, MAX_REMARK_LENGTH);
  // Each try that fails is noted in the same words.
  if (remark === "" || remarks.includes(remark)) return;
  if (remarks.length < MAX_REMARKS) remarks.push(remark);
  else reading.surplusRemarks++;
}

/** Reads a line that begins with ";;": dig's own. */
function readOwnLine(reading: Reading, line: string): void {
  const { report, promised } = reading;
  const header = HEADER.exec(line);
  const counts = COUNTS.exec(line);
  const section = SECTION.exec(line)?.[1];
  const server = SERVER.exec(line);
  const time = /^;; Query time: ([0-9]{1,10}) msec$/.exec(line)?.[1];
  const size = /^;; MSG SIZE {2}rcvd: ([0-9]{1,10})$/.exec(line)?.[1];
  if (header !== null) {
    report.status = header[1] ?? null;
  } else if (counts !== null) {
    report.flags = (counts[1] ?? "").split(" ").filter((flag) => flag !== "");
    SECTIONS.forEach((name, index) => promised[name] = Number(counts[index + 2]));
  } else if (section !== undefined) {
    reading.section = section === "OPT PSEUDO" ? "opt" : section.toLowerCase() as Section | "question";
    // The record of EDNS is counted with the additional ones, but shown in a section of its own.
    if (reading.section === "opt" && promised.additional !== undefined) promised.additional--;
  } else if (time !== undefined) {
    report.query_time_ms = Number(time);
  } else if (server !== null) {
    report.server_address = server[1] ?? null;
    report.server_port = Number(server[2]) <= 65535 ? Number(server[2]) : null;
    report.transport = server[3] ?? null;
  } else if (size !== undefined) {
    report.message_bytes = Number(size);
    reading.ended = true;
  } else if (!/^;; (?:Got answer:|WHEN: |global options: )/.test(line)) {
    readRemark(reading, line.slice(2).trim());
    if (HOPELESS.test(line)) reading.ended = true;
  }
}

function readLine(reading: Reading, line: string): void {
  const { section } = reading;
  if (line === "") {
    reading.section = null;
  } else if (line.startsWith(";;")) {
    readOwnLine(reading, line);
  } else if (line.startsWith(";")) {
    const [, name, questionClass, type] = section === "question" ? QUESTION.exec(line) ?? [] : [];
    if (name !== undefined && questionClass !== undefined && type !== undefined) {
      reading.report.question = { name, class: questionClass, type };
    } else if (section === "opt" && !line.startsWith("; EDNS:") && !line.startsWith("; COOKIE:")) {
      readRemark(reading, line.slice(1).trim());
    }
  } else if (section !== null && section !== "question" && section !== "opt") {
    readRecord(reading, section, line);
  }
}

function lossesOf(reading: Reading): string[] {
  const { report, promised, seen } = reading;
  const losses: string[] = [];
  if (!reading.ended) losses.push("output ended before the end of the report");
  for (const section of SECTIONS) {
    const missing = (promised[section] ?? 0) - seen[section];
    if (missing > 0) losses.push(`${plural(missing, "record")} of section ${section} missing`);
    const surplus = seen[section] - report[section].length;
    if (surplus > 0) losses.push(`${plural(surplus, "record")} of section ${section} left out`);
  }
  if (reading.unreadable > 0) losses.push(`${plural(reading.unreadable, "line")} could not be read`);
  if (reading.cutData > 0) losses.push(`data of ${plural(reading.cutData, "long record")} cut`);
  if (reading.surplusRemarks > 0) losses.push(`${plural(reading.surplusRemarks, "remark")} left out`);
  return losses;
}

function parse({ stdout, stderr, partial }: ProgramOutput): DigReport | null {
  const report: DigReport = {
    status: null,
    flags: [],
    question: null,
    answer: [],
    authority: [],
    additional: [],
    server_address: null,
    server_port: null,
    transport: null,
    query_time_ms: null,
    message_bytes: null,
    remarks: [],
    incomplete: null,
  };
  const reading: Reading = {
    report,
    promised: {},
    seen: { answer: 0, authority: 0, additional: 0 },
    section: null,
    cutData: 0,
    surplusRemarks: 0,
    unreadable: 0,
    ended: false,
  };
  // What stands behind the last line feed is a line that was cut, or nothing.
  for (const line of decodeText(stdout).split("\n").slice(0, -1)) {
    readLine(reading, line);
    if (reading.ended) break;
  }
  for (const line of decodeText(stderr).split("\n").slice(0, -1)) {
    // On standard error dig says what it could not even begin with.
    if (line.startsWith("dig: ")) readRemark(reading, line.slice("dig: ".length).trim());
  }
  const begun = report.status !== null || reading.promised.answer !== undefined;
  if (!begun && report.remarks.length === 0) return null;
  // A program that could not begin has written no report that could lack its end.
  if (stdout.length === 0 && !partial) reading.ended = true;
  report.incomplete = joinLosses(lossesOf(reading));
  return report;
}

function recordLine({ name, ttl_sec, class: recordClass, type, data }: DnsRecord): string {
  return `${onePiece(name)} ${ttl_sec} ${onePiece(recordClass)} ${onePiece(type)} ${onePiece(data)}`;
}

function summarize(report: DigReport): string {
  const { status, question, answer, authority, additional } = report;
  const from = report.server_address === null
    ? ""
    : ` from ${onePiece(report.server_address)} port ${report.server_port ?? "?"}`;
  const over = report.transport === null ? "" : ` over ${report.transport}`;
  const time = report.query_time_ms === null ? "" : ` in ${report.query_time_ms} ms`;
  const lines = [
    `${status === null ? "no answer" : `${status}: ${plural(answer.length, "answer")}`}${from}${over}${time}`,
  ];
  if (question !== null) {
    lines.push(`Question: ${[question.name, question.class, question.type].map(onePiece).join(" ")}`);
  }
  if (report.flags.length > 0) lines.push(`Flags: ${report.flags.join(" ")}`);
  lines.push(...report.remarks.map((remark) => `dig: ${onePiece(remark)}`));
  if (report.incomplete !== null) lines.push(`Incomplete: ${report.incomplete}`);
  return joinSummary([
    ...lines,
    ...answer.map((record) => `Answer: ${recordLine(record)}`),
    ...authority.map((record) => `Authority: ${recordLine(record)}`),
    ...additional.map((record) => `Additional: ${recordLine(record)}`),
  ]);
}

/** The parser `dig`: one DNS query. */
export const dig: OutputParser<DigReport> = { schema: DigReportSchema, parse, summarize };
