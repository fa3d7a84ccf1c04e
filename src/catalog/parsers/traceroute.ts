/**
 * Reads what the "modern traceroute for Linux", run with `-n`, says about the way to one host (traceroute(8)).
 *
 * A head, then one line for each hop: its number, and for each probe `*`, or the address that answered (when it is
 * another one than before), the time, and a mark such as `!H` when the answer was an error. Lines grow probe by probe,
 * so the last one of a stopped run may be unfinished.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import { joinMessages, splitLines } from "./output_lines.ts";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

/** The time to live has eight bits, and traceroute sends at most ten probes to a hop. */
const MAX_HOPS = 255;
const MAX_PROBES = 10;

const ProbeSchema = z.strictObject({
  address: z.string().nullable().describe("Who answered; null when nobody did in time."),
  time_ms: z.number().min(0).nullable().describe("Round trip."),
  error: z.string().nullable().describe('The error that was answered, such as "host unreachable".'),
});

const HopSchema = z.strictObject({
  hop: z.int().min(1).max(MAX_HOPS).describe("The time to live of the probes."),
  probes: z.array(ProbeSchema),
});

const RouteSchema = z.strictObject({
  target: z.string().nullable().describe("The address to which the way was looked for."),
  max_hops: z.int().min(0).nullable(),
  packet_bytes: z.int().min(0).nullable(),
  reached: z.boolean().describe("Whether the target itself answered."),
  hops: z.array(HopSchema),
  error: z.string().nullable().describe("traceroute's own messages."),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** The way to one host. A fact that is not known is null. */
export type Route = z.infer<typeof RouteSchema>;
type Hop = z.infer<typeof HopSchema>;
type Probe = z.infer<typeof ProbeSchema>;

const HEAD =
  /^traceroute to \S{1,300} \(([0-9A-Fa-f.:]{2,45}(?:%[\w.-]+)?)\), (\d{1,3}) hops max, (\d{1,6}) byte packets/;
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,43}(?:%[\w.-]+)?)$/;
const NUMBER = /^\d{1,9}(?:\.\d{1,9})?$/;

/** What the marks of traceroute(8) mean. */
const MARKS: Readonly<Record<string, string>> = {
  "!H": "host unreachable",
  "!N": "network unreachable",
  "!P": "protocol unreachable",
  "!S": "source route failed",
  "!F": "fragmentation needed",
  "!X": "communication administratively prohibited",
  "!V": "host precedence violation",
  "!C": "precedence cutoff in effect",
};

/** @returns the mark in words, or null when the word is no mark. */
function readMark(word: string): string | null {
  const [, code, mtu] = /^!(?:(\d{1,3})|F-(\d{1,6}))$/.exec(word) ?? [];
  if (code !== undefined) return `unreachable, ICMP code ${code}`;
  if (mtu !== undefined) return `fragmentation needed, MTU ${mtu}`;
  return MARKS[word] ?? null;
}

/** Reads the words of a hop's line. */
function readProbes(words: readonly string[]): { probes: Probe[]; strange: number } {
  const probes: Probe[] = [];
  let address: string | null = null;
  let strange = 0;
  for (let index = 0; index < words.length && probes.length < MAX_PROBES; index++) {
    const word = words[index]!;
    const last = probes.at(-1);
    const mark = readMark(word);
    if (word === "*") probes.push({ address: null, time_ms: null, error: null });
    else if (address !== null && NUMBER.test(word) && words[index + 1] === "ms") {
      probes.push({ address, time_ms: Number(word), error: null });
      index++;
    } else if (mark !== null && last !== undefined && last.address !== null) last.error = mark;
    else if (ADDRESS.test(word)) address = word;
    else strange++;
  }
  return { probes, strange };
}

/** @param whole whether the line is known to be finished */
function readHop(line: string, whole: boolean): { hop: Hop; strange: number } | null {
  const match = /^ ?(\d{1,3}) {2}(\S.*)$/.exec(line);
  const number = Number(match?.[1]);
  if (match === null || number < 1 || number > MAX_HOPS) return null;
  const words = match[2]!.split(/ +/);
  if (whole) {
    const { probes, strange } = readProbes(words);
    return { hop: { hop: number, probes }, strange };
  }
  // The last word may be half a word, unless it is a star, and a time that nothing follows may lack its mark.
  const sure = line.endsWith("*") ? words : words.slice(0, -1);
  const { probes } = readProbes(sure);
  if (sure.at(-1) === "ms") probes.pop();
  return probes.length === 0 ? null : { hop: { hop: number, probes }, strange: 0 };
}

function parse({ stdout, stderr, partial }: ProgramOutput): Route | null {
  const { lines, rest, dropped } = splitLines(decodeText(stdout));
  const error = joinMessages(splitLines(decodeText(stderr)).lines);
  // When there is no route, the head has no line feed.
  const head = HEAD.exec(lines[0] ?? rest);
  if (head === null && error === null) return null;
  const hops: Hop[] = [];
  let [strange, surplus] = [0, 0];
  for (
    const [line, whole] of head === null
      ? []
      : [...lines.slice(1).map((line) => [line, true] as const), [rest, false] as const]
  ) {
    const reading = readHop(line, whole);
    if (reading === null) {
      if (whole && line !== "") strange++;
    } else if (hops.length === MAX_HOPS) surplus++;
    else {
      hops.push(reading.hop);
      strange += reading.strange;
    }
  }
  const target = head?.[1] ?? null;
  const losses: string[] = [];
  // A head that stays without its line feed is how a run ends that finds no route.
  if (partial || (rest !== "" && (lines.length > 0 || error === null))) {
    losses.push("standard output is only the beginning");
  }
  if (strange > 0) losses.push(`${plural(strange, "word")} not understood`);
  if (surplus > 0) losses.push(`${plural(surplus, "hop")} left out`);
  if (dropped > 0) losses.push(`${plural(dropped, "long line")} left out`);
  return {
    target,
    max_hops: head === null ? null : Number(head[2]),
    packet_bytes: head === null ? null : Number(head[3]),
    reached: target !== null && hops.some(({ probes }) => probes.some(({ address }) => address === target)),
    hops,
    error,
    incomplete: joinLosses(losses),
  };
}

function hopLine({ hop, probes }: Hop): string {
  const lost = probes.filter(({ address }) => address === null).length;
  const byAddress = new Map<string, string[]>();
  for (const { address, time_ms, error } of probes) {
    if (address === null) continue;
    const facts = byAddress.get(address) ?? [];
    facts.push(`${time_ms} ms${error === null ? "" : ` (${error})`}`);
    byAddress.set(address, facts);
  }
  const parts = [...byAddress].map(([address, facts]) => `${onePiece(address)} ${facts.join(", ")}`);
  if (lost > 0) parts.push(`${lost} of ${plural(probes.length, "probe")} unanswered`);
  return `${hop}: ${parts.join("; ")}`;
}

function summarize({ target, reached, hops, error, incomplete }: Route): string {
  const outcome = reached ? "reached" : "not reached";
  const lines = [`${onePiece(target ?? "the host")}: ${outcome}, ${plural(hops.length, "hop")} asked`];
  if (error !== null) lines.push(`Error: ${onePiece(error)}`);
  if (incomplete !== null) lines.push(`Incomplete: ${incomplete}`);
  return joinSummary([...lines, ...hops.map(hopLine)]);
}

/** The parser `traceroute`: the way to one host. */
export const traceroute: OutputParser<Route> = { schema: RouteSchema, parse, summarize };
