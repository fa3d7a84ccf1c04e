/**
 * Reads what ping of iputils, run with `-n`, says about one host (ping(8)).
 *
 * The program prints a head, one line for each answer or error, and at its end the statistics. One that is stopped by
 * a time-out prints no statistics; counts are then not known, because requests leave no line of their own.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import { joinMessages, splitLines } from "./output_lines.ts";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

/** How many answers, and how many errors, are kept; a host that answers twice can send many. */
const MAX_ENTRIES = 1000;
/** How many remarks about one answer are kept. */
const MAX_REMARKS = 5;

const Count = z.int().min(0);
const Milliseconds = z.number().min(0);

const ReplySchema = z.strictObject({
  sequence: Count.describe("Number of the request, from 1."),
  address: z.string(),
  bytes: Count.describe("Bytes of ICMP that came back."),
  ttl: Count.nullable(),
  time_ms: Milliseconds.nullable().describe(
    "Round trip; null when the request was too small to hold a time.",
  ),
  remarks: z.array(z.string()).describe('What was odd about it, such as "DUP!" for a duplicate.'),
});

const PingErrorSchema = z.strictObject({
  address: z.string().describe("The host that reported it."),
  sequence: Count,
  message: z.string(),
});

const PingReportSchema = z.strictObject({
  target: z.string().nullable().describe("The address that was asked."),
  data_bytes: Count.nullable().describe("Bytes of data in each request."),
  transmitted: Count.nullable(),
  received: Count.nullable().describe("Requests that were answered; duplicates do not count."),
  duplicates: Count.nullable(),
  loss_percent: z.number().min(0).max(100).nullable(),
  rtt: z.strictObject({
    min_ms: Milliseconds,
    average_ms: Milliseconds,
    max_ms: Milliseconds,
    deviation_ms: Milliseconds,
  }).nullable().describe("Round-trip times; null when none was measured."),
  replies: z.array(ReplySchema).describe("In the order of their arrival."),
  errors: z.array(PingErrorSchema).describe("ICMP errors from hosts on the way."),
  error: z.string().nullable().describe("ping's own messages."),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** One run of ping. A fact that is not known is null. */
export type PingReport = z.infer<typeof PingReportSchema>;
type Reply = z.infer<typeof ReplySchema>;

/** An address as the program prints it, perhaps with a zone. */
const ADDRESS = String.raw`([0-9A-Fa-f.:]*[0-9A-Fa-f.](?:%[\w.-]+)?|[0-9A-Fa-f:]+::)`;
const HEAD = new RegExp(
  String
    .raw`^PING .* ?\(${ADDRESS}\) (?:from \S+(?: \S+)?: )?(\d{1,6})(?:\(\d{1,6}\) bytes of data\.| data bytes)$`,
);
const REPLY = new RegExp(
  String.raw`^(\d{1,6}) bytes from ${ADDRESS}: icmp_seq=(\d{1,9})(?: ttl=(\d{1,3}))?` +
    String.raw`(?: time=(\d{1,9}(?:\.\d{1,9})?) ms)?((?: \([^()]{1,60}\))*)$`,
);
// Redirects have a colon behind the address.
const ERROR = new RegExp(String.raw`^From ${ADDRESS}:? icmp_seq=(\d{1,9}) (\S.{0,200})$`);
const WRONG_DATA = /^wrong data byte #\d{1,6} should be 0x[0-9a-f]{1,8} but was 0x[0-9a-f]{1,8}$/;
const TIMES = /^rtt min\/avg\/max\/mdev = ([\d.]{1,20})\/([\d.]{1,20})\/([\d.]{1,20})\/([\d.]{1,20}) ms/;

/** The one line of the statistics: what each of its parts counts. */
function readCounts(line: string) {
  const sent = /^(\d{1,9}) packets transmitted, (\d{1,9}) received, (.+)$/.exec(line);
  const loss = /(?:^|, )([\d.]{1,12})% packet loss(?:, |$)/.exec(sent?.[3] ?? "");
  if (sent === null || loss === null) return null;
  const percent = Number(loss[1]);
  return {
    transmitted: Number(sent[1]),
    received: Number(sent[2]),
    duplicates: Number(/\+(\d{1,9}) duplicates/.exec(sent[3] ?? "")?.[1] ?? 0),
    loss_percent: percent >= 0 && percent <= 100 ? percent : null,
  };
}

function readTimes(line: string): PingReport["rtt"] {
  const numbers = TIMES.exec(line)?.slice(1).map(Number) ?? [];
  const [min_ms, average_ms, max_ms, deviation_ms] = numbers as [number, number, number, number];
  return numbers.length === 4 && numbers.every(Number.isFinite)
    ? { min_ms, average_ms, max_ms, deviation_ms }
    : null;
}

function readReply(line: string): Reply | null {
  const match = REPLY.exec(line);
  if (match === null) return null;
  const [, bytes, address, sequence, ttl, time, remarks] = match;
  return {
    sequence: Number(sequence),
    address: address!,
    bytes: Number(bytes),
    ttl: ttl === undefined ? null : Number(ttl),
    time_ms: time === undefined ? null : Number(time),
    remarks: [...remarks!.matchAll(/\(([^()]+)\)/g)].slice(0, MAX_REMARKS).map((remark) => remark[1]!),
  };
}

/** The first answer of `read` that is not null. */
function firstOf<Fact>(lines: readonly string[], read: (line: string) => Fact | null): Fact | null {
  for (const line of lines) {
    const fact = read(line);
    if (fact !== null) return fact;
  }
  return null;
}

/** Answers and errors, as far as they are kept, and how many were left out. */
function readEntries(lines: readonly string[]) {
  const replies: Reply[] = [];
  const errors: PingReport["errors"] = [];
  let surplus = 0;
  const keep = <Entry>(list: Entry[], entry: Entry) =>
    list.length < MAX_ENTRIES ? list.push(entry) : surplus++;
  for (const line of lines) {
    const reply = readReply(line);
    const [, address, sequence, message] = ERROR.exec(line) ?? [];
    if (reply !== null) keep(replies, reply);
    else if (message !== undefined) {
      keep(errors, { address: address!, sequence: Number(sequence), message });
    } else if (WRONG_DATA.test(line) && surplus === 0) {
      const remarks = replies.at(-1)?.remarks;
      if (remarks !== undefined && remarks.length < MAX_REMARKS) remarks.push(line);
    }
  }
  return { replies, errors, surplus };
}

function parse({ stdout, stderr, partial }: ProgramOutput): PingReport | null {
  const { lines, rest, dropped } = splitLines(decodeText(stdout));
  const error = joinMessages(
    splitLines(decodeText(stderr)).lines.flatMap((line) => /^ping: (.+)$/.exec(line)?.[1] ?? []),
  );
  const head = firstOf(lines, (line) => HEAD.exec(line));
  const counts = firstOf(lines, readCounts);
  const { replies, errors, surplus } = readEntries(lines);
  if (head === null && counts === null && replies.length + errors.length === 0 && error === null) return null;

  const losses: string[] = [];
  if (partial || rest !== "") losses.push("standard output is only the beginning");
  // Without a head nothing was sent, as when there is no route; ping's own message says so.
  if (counts === null && (head !== null || error === null)) losses.push("the statistics are missing");
  if (surplus > 0) losses.push(`${plural(surplus, "answer or error", "answers and errors")} left out`);
  if (dropped > 0) losses.push(`${plural(dropped, "long line")} left out`);
  return {
    target: head?.[1] ?? null,
    data_bytes: head === null ? null : Number(head[2]),
    transmitted: counts?.transmitted ?? null,
    received: counts?.received ?? null,
    duplicates: counts?.duplicates ?? null,
    loss_percent: counts?.loss_percent ?? null,
    rtt: firstOf(lines, readTimes),
    replies,
    errors,
    error,
    incomplete: joinLosses(losses),
  };
}

function heading({ target, transmitted, received, loss_percent, duplicates, replies }: PingReport): string {
  const host = onePiece(target ?? "the host");
  if (transmitted === null || received === null) return `${host}: ${plural(replies.length, "answer")} seen`;
  const loss = loss_percent === null ? "" : `, ${loss_percent} % lost`;
  const twice = duplicates ? `, ${plural(duplicates, "duplicate")}` : "";
  return `${host}: ${received} of ${plural(transmitted, "request")} answered${loss}${twice}`;
}

function replyLine({ sequence, address, ttl, time_ms, remarks }: Reply): string {
  const facts = [
    ...(time_ms === null ? [] : [`${time_ms} ms`]),
    ...(ttl === null ? [] : [`TTL ${ttl}`]),
    ...remarks.map(onePiece),
  ];
  return `${sequence}: ${onePiece(address)}${facts.length === 0 ? "" : `: ${facts.join(", ")}`}`;
}

function summarize(report: PingReport): string {
  const { rtt } = report;
  const lines = [heading(report)];
  if (rtt !== null) {
    lines.push(
      `Round trip: min ${rtt.min_ms} ms, average ${rtt.average_ms} ms, max ${rtt.max_ms} ms, ` +
        `deviation ${rtt.deviation_ms} ms`,
    );
  }
  if (report.error !== null) lines.push(`Error: ${onePiece(report.error)}`);
  if (report.incomplete !== null) lines.push(`Incomplete: ${report.incomplete}`);
  for (const { sequence, address, message } of report.errors) {
    lines.push(`${sequence}: ${onePiece(address)} reports: ${onePiece(message)}`);
  }
  return joinSummary([...lines, ...report.replies.map(replyLine)]);
}

/** The parser `ping`: one host, asked some times. */
export const ping: OutputParser<PingReport> = { schema: PingReportSchema, parse, summarize };
