/**
 * Reads the report of `mtr --json --no-dns` (mtr(8)), which is printed as a whole at the end of a run.
 *
 * The report is one object, whose parts that matter are objects without others inside: one about the run and one for
 * each hop. They are read one by one, so that what is whole in a cut report is kept.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import { joinMessages, splitLines } from "./output_lines.ts";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

/** The time to live has eight bits. */
const MAX_HOPS = 255;
/** What stands for the name of a hop that never answered. */
const UNKNOWN_HOST = "???";

const Milliseconds = z.number().min(0).nullable();

const HopSchema = z.strictObject({
  hop: z.int().min(1).max(MAX_HOPS).describe("The time to live of the probes."),
  address: z.string().nullable().describe("Who answered; null when nobody did."),
  sent: z.int().min(0),
  loss_percent: z.number().min(0).max(100),
  last_ms: Milliseconds,
  average_ms: Milliseconds,
  best_ms: Milliseconds,
  worst_ms: Milliseconds,
  deviation_ms: Milliseconds,
});

const RouteQualitySchema = z.strictObject({
  target: z.string().nullable(),
  cycles: z.int().min(0).nullable().describe("Probes for each hop."),
  packet_bytes: z.int().min(0).nullable(),
  reached: z.boolean().describe("Whether the target itself answered."),
  hops: z.array(HopSchema).describe("Times are null for a hop that never answered."),
  error: z.string().nullable().describe("mtr's own messages."),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** The quality of the way to one host. A fact that is not known is null. */
export type RouteQuality = z.infer<typeof RouteQualitySchema>;
type Hop = z.infer<typeof HopSchema>;

/** An object that holds no other, in which strings are whole. */
const FLAT_OBJECT = /\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}/g;

const RunFacts = z.object({
  dst: z.string(),
  tests: z.int().min(0),
  // A string up to version 0.95, "rand(N)" when it varies.
  psize: z.union([z.string(), z.number()]).optional(),
});

const HubFacts = z.object({
  count: z.int().min(1).max(MAX_HOPS),
  host: z.string(),
  "Loss%": z.number().min(0).max(100),
  Snt: z.int().min(0),
  Last: z.number().min(0),
  Avg: z.number().min(0),
  Best: z.number().min(0),
  Wrst: z.number().min(0),
  StDev: z.number().min(0),
});

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is not JSON has no value; the schemas refuse it.
    return undefined;
  }
}

function hopOf(facts: z.infer<typeof HubFacts>): Hop {
  const answered = facts.host !== UNKNOWN_HOST;
  const time = (value: number) => answered ? value : null;
  return {
    hop: facts.count,
    address: answered ? facts.host : null,
    sent: facts.Snt,
    loss_percent: facts["Loss%"],
    last_ms: time(facts.Last),
    average_ms: time(facts.Avg),
    best_ms: time(facts.Best),
    worst_ms: time(facts.Wrst),
    deviation_ms: time(facts.StDev),
  };
}

function bytesOf(size: string | number | undefined): number | null {
  const bytes = typeof size === "string" && /^\d{1,6}$/.test(size) ? Number(size) : size;
  return typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null;
}

function parse({ stdout, stderr, partial }: ProgramOutput): RouteQuality | null {
  const text = decodeText(stdout);
  const error = joinMessages(
    splitLines(decodeText(stderr)).lines.flatMap((line) =>
      /^(?:mtr|mtr-packet): (.+)$/.exec(line)?.[1] ?? []
    ),
  );
  const objects = text.match(FLAT_OBJECT) ?? [];
  const run = RunFacts.safeParse(readJson(objects[0] ?? ""));
  const hubs = run.success ? objects.slice(1) : [];
  const hops: Hop[] = [];
  for (const hub of hubs.slice(0, MAX_HOPS)) {
    const facts = HubFacts.safeParse(readJson(hub));
    if (facts.success) hops.push(hopOf(facts.data));
  }
  if (!run.success && error === null) return null;

  const losses: string[] = [];
  if (partial || (text !== "" && readJson(text) === undefined)) {
    losses.push("the report is only the beginning");
  }
  if (hops.length < hubs.length) losses.push(`${plural(hubs.length - hops.length, "hop")} could not be read`);
  const target = run.success ? run.data.dst : null;
  return {
    target,
    cycles: run.success ? run.data.tests : null,
    packet_bytes: run.success ? bytesOf(run.data.psize) : null,
    reached: target !== null && hops.some(({ address }) => address === target),
    hops,
    error,
    incomplete: joinLosses(losses),
  };
}

function hopLine({ hop, address, sent, loss_percent, average_ms, best_ms, worst_ms }: Hop): string {
  if (address === null) return `${hop}: no answer to ${plural(sent, "probe")}`;
  return `${hop}: ${onePiece(address)}: ${loss_percent} % of ${plural(sent, "probe")} lost, ` +
    `average ${average_ms} ms, best ${best_ms} ms, worst ${worst_ms} ms`;
}

function summarize({ target, reached, hops, cycles, error, incomplete }: RouteQuality): string {
  const outcome = reached ? "reached" : "not reached";
  const times = cycles === null ? "" : `, ${plural(cycles, "cycle")}`;
  const lines = [`${onePiece(target ?? "the host")}: ${outcome}, ${plural(hops.length, "hop")}${times}`];
  if (error !== null) lines.push(`Error: ${onePiece(error)}`);
  if (incomplete !== null) lines.push(`Incomplete: ${incomplete}`);
  return joinSummary([...lines, ...hops.map(hopLine)]);
}

/** The parser `mtr`: the quality of the way to one host. */
export const mtr: OutputParser<RouteQuality> = { schema: RouteQualitySchema, parse, summarize };
