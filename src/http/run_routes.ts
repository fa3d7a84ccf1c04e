/**
 * The routes of runs: the last ones, each with its result, and the exact bytes that it wrote.
 *
 * @module
 */
import type { Context } from "hono";
import * as z from "zod";
import { RUN_ID_PATTERN } from "../confinement/run_messages.ts";
import { TOOL_NAME_PATTERN } from "../confinement/scribe_protocol.ts";
import { newId } from "../core/ids.ts";
import { escapeControlsInJson, quote } from "../core/text.ts";
import type { StreamName } from "../confinement/protocol.ts";
import type { EndedRun, KeptRun } from "../runs/kept_run.ts";
import { PIECE_BYTES, recordInPieces } from "../runs/record_text.ts";
import { MAX_READ_BYTES } from "../runs/run_shelf.ts";
import type { RunStore } from "../runs/run_store.ts";
import { RUN_OUTCOMES, type RunSummary } from "../runs/run_summary.ts";
import { selectRange } from "./byte_range.ts";
import type { Caller } from "./authorise.ts";
import { jsonAnswer } from "./json_answer.ts";
import { type Connection, connectionOf, type HttpParts, partOf } from "./parts.ts";
import { notFound, problem, refusalProblem } from "./problem.ts";
import type { AnswerHeader } from "./route.ts";
import { wholeNumber } from "./query.ts";

/** How many runs a list has where the query does not say, and at most. */
const LIST_LIMIT = { usual: 50, most: 1000 } as const;

/** The query of `GET /runs`. */
export const runQuerySchema = z.strictObject({
  limit: wholeNumber(1, LIST_LIMIT.most).default(LIST_LIMIT.usual).describe("How many runs at most"),
  tool: z.string().regex(TOOL_NAME_PATTERN, "expected a tool's name").optional()
    .describe("Runs of this tool only"),
  outcome: z.enum(RUN_OUTCOMES).optional().describe("Runs that ended like this only, or that go on"),
  before: z.string().regex(RUN_ID_PATTERN, "expected a run's id, such as next of an earlier answer")
    .optional()
    .describe("Only runs that were started before this one: next of an earlier answer"),
});

/** What a list of runs is asked for. */
type RunQuery = z.output<typeof runQuerySchema>;

/**
 * What a program has written is bytes, of no type that anybody has vouched for: as `text/plain` a browser would show
 * them, so they are called what no browser renders.
 */
export const OUTPUT_TYPE = "application/octet-stream";

/** The headers by which output is described. */
export const OUTPUT_HEADERS = [
  "accept-ranges",
  "bulkhead-outcome",
  "bulkhead-total-bytes",
  "etag",
] as const satisfies readonly AnswerHeader[];

/** The last runs, those that were started last first; `next` is null when there are no more. */
export async function listRuns(
  _context: Context,
  parts: HttpParts,
  _caller: Caller,
  query: RunQuery,
): Promise<Response> {
  const store = await storeOf(parts);
  if (query.before !== undefined && store.find(query.before) === null) {
    return refusalProblem({
      condition: "invalid",
      field: "query.before",
      error: `query: before is the run ${query.before}, which is not kept any more`,
      remedy: "Begin again, without before.",
    }, newId());
  }
  return jsonAnswer(choose(store, query));
}

/** The newest runs that a query asks for. */
function choose(
  store: RunStore,
  { limit, tool, outcome, before }: RunQuery,
): { readonly runs: readonly RunSummary[]; readonly next: string | null } {
  const runs: RunSummary[] = [];
  let isPast = before === undefined;
  for (const { summary } of store.newestFirst()) {
    if (!isPast) isPast = summary.run_id === before;
    else if ((tool ?? summary.tool) === summary.tool && (outcome ?? summary.outcome) === summary.outcome) {
      if (runs.length === limit) return { runs, next: runs.at(-1)!.run_id };
      runs.push(summary);
    }
  }
  return { runs, next: null };
}

/** One run: its result as whoever asked for it was told, or what there is of it while it goes on. */
export async function showRun(context: Context, parts: HttpParts): Promise<Response> {
  const id = idIn(context);
  const store = await storeOf(parts);
  const run = store.find(id);
  if (run === null) return noRun(id);
  if (run.state === "ended" && run.bytes.stdout + run.bytes.stderr > PIECE_BYTES) {
    const pieces = await recordInPieces(store, run);
    return pieces === null ? noRun(id) : inTextPieces(pieces, connectionOf(context));
  }
  const record = await store.record(run);
  return record === null ? noRun(id) : jsonAnswer(record);
}

/** JSON that is made as the client takes it. */
function inTextPieces(pieces: AsyncGenerator<string>, connection: Connection): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // An empty piece is none for a stream.
      let next = await pieces.next();
      while (next.done !== true && next.value === "") next = await pieces.next();
      if (next.done === true) return controller.close();
      controller.enqueue(encoder.encode(escapeControlsInJson(next.value)));
      connection.awaitsClient?.();
    },
    async cancel() {
      await pieces.return(undefined);
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

/** What a run has written to a stream, or a range of it. */
export function showOutput(stream: StreamName) {
  return async (context: Context, parts: HttpParts): Promise<Response> => {
    const id = idIn(context);
    const store = await storeOf(parts);
    const run = store.find(id);
    if (run === null) return noRun(id);
    const { headers: asked, method } = context.req.raw;
    const length = lengthOf(run, stream);
    const headers = describing(run, stream);
    const tag = headers.get("etag");
    if (tag !== null && names(asked.get("if-none-match"), tag)) {
      return new Response(null, { status: 304, headers });
    }
    const wantsRange = method === "GET" && (!asked.has("if-range") || asked.get("if-range") === tag);
    const range = selectRange(wantsRange ? asked.get("range") : null, length);
    if (range.kind === "unsatisfiable") return beyondTheEnd(id, stream, length);
    const { offset, length: count } = range.kind === "part" ? range : { offset: 0, length };
    headers.set("content-type", OUTPUT_TYPE);
    headers.set("content-length", String(count));
    if (range.kind === "part") {
      headers.set("content-range", `bytes ${offset}-${offset + count - 1}/${length}`);
    }
    const status = range.kind === "part" ? 206 : 200;
    if (method === "HEAD") return new Response(null, { status, headers });
    if (run.state === "running") {
      const bytes = run.output[stream].slice(offset, offset + count);
      return new Response(bytes, { status, headers });
    }
    const first = await store.read(id, stream, offset, Math.min(count, MAX_READ_BYTES));
    if (first === null) return noRun(id);
    const onPiece = () => connectionOf(context).awaitsClient?.();
    const body = first.length === count ? first : inPieces(store, run, stream, offset, count, first, onPiece);
    return new Response(body, { status, headers });
  };
}

function lengthOf(run: KeptRun, stream: StreamName): number {
  return run.state === "running" ? run.output[stream].length : run.bytes[stream];
}

/** What is said of the bytes. Those of a run that has ended are never others: they have a tag, which is their name. */
function describing({ state, summary }: KeptRun, stream: StreamName): Headers {
  const headers = new Headers({ "accept-ranges": "bytes", "bulkhead-outcome": summary.outcome });
  if (state === "ended") {
    headers.set("etag", `"${summary.run_id}.${stream}"`);
    headers.set("bulkhead-total-bytes", String(summary[`${stream}_bytes`]));
  }
  return headers;
}

/** Whether an `If-None-Match` names a tag; compared weakly, as RFC 9110, section 13.1.2, has it. */
function names(header: string | null, tag: string): boolean {
  if (header === null) return false;
  return header.trim() === "*" || header.split(",").some((one) => one.trim().replace(/^W\//, "") === tag);
}

/** A stream that is read as the client takes it. When the run is evicted meanwhile, the connection breaks off. */
function inPieces(
  store: RunStore,
  { summary: { run_id: id } }: EndedRun,
  stream: StreamName,
  offset: number,
  count: number,
  first: Uint8Array<ArrayBuffer>,
  onPiece: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      const wanted = Math.min(MAX_READ_BYTES, count - sent);
      const bytes = sent === 0 ? first : await store.read(id, stream, offset + sent, wanted);
      if (bytes === null) return controller.error(new Error("the run is not kept any more"));
      sent += bytes.length;
      controller.enqueue(bytes);
      onPiece();
      if (sent === count) controller.close();
    },
  }, { highWaterMark: 0 });
}

function beyondTheEnd(id: string, stream: StreamName, length: number): Response {
  return problem(
    {
      status: 416,
      title: "Range not satisfiable",
      detail: `of ${stream} of the run ${id} there are ${length} bytes`,
      errorType: "validation_error",
      remedy: "Ask for a range that begins before that, or without one.",
    },
    newId(),
    { "content-range": `bytes */${length}`, "accept-ranges": "bytes" },
  );
}

function noRun(id: string): Response {
  return notFound(
    `there is no run ${quote(id)}, or none any more`,
    "GET /runs lists those that are kept; runs.keep and runs.max_bytes say how many.",
  );
}

function idIn(context: Context): string {
  return context.req.param("id") ?? "";
}

/** The runs, once those of an earlier server are among them. */
async function storeOf(parts: HttpParts): Promise<RunStore> {
  const { store, loaded } = partOf(parts, "runs");
  await loaded;
  return store;
}
