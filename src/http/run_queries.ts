/**
 * What a list of runs is asked for: the query of `GET /runs`, read strictly.
 *
 * @module
 */
import type { Refusal } from "../core/refusal.ts";
import { quote } from "../core/text.ts";
import { nearest } from "../documents/nearest.ts";
import { type RunOutcome, runSummarySchema } from "../runs/run_summary.ts";

/** What is wanted. */
export interface RunQuery {
  /** How many at most. */
  readonly limit: number;
  readonly tool: string | null;
  readonly outcome: RunOutcome | null;
  /** Only runs that were started before this one. */
  readonly before: string | null;
}

/** How many runs a list has where the query does not say, and at most. */
export const RUN_LIST_LIMIT = { usual: 50, most: 1000 } as const;

/** The keys of the query, in the order in which messages name them. */
export const RUN_QUERY_KEYS = ["limit", "tool", "outcome", "before"] as const;

const TOOL = /^[a-z][a-z0-9_]{0,63}$/;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const OUTCOMES: readonly RunOutcome[] = runSummarySchema.shape.outcome.options;

/** Whether `text` may be a run's id: they are ours, and written in one way. */
export function isRunId(text: string): boolean {
  return ID.test(text);
}

/** Reads a query. */
export function readRunQuery(
  query: URLSearchParams,
): { readonly ok: true; readonly query: RunQuery } | { readonly ok: false; readonly refusal: Refusal } {
  const given = new Map<string, string>();
  for (const [key, value] of query) {
    if (!isQueryKey(key)) {
      const near = nearest(key, RUN_QUERY_KEYS);
      return refused(
        key,
        `there is no query key ${quote(key)}${near === null ? "" : `; did you mean ${near}?`}`,
        `The keys are ${RUN_QUERY_KEYS.join(", ")}.`,
      );
    }
    if (given.has(key)) return refused(key, `${key} is given twice`, "Give it once.");
    given.set(key, value);
  }
  const { usual, most } = RUN_LIST_LIMIT;
  const limit = given.get("limit");
  if (limit !== undefined && !(/^[1-9]\d{0,8}$/.test(limit) && Number(limit) <= most)) {
    return refused(
      "limit",
      `limit is ${quote(limit)}, which is no whole number from 1 to ${most}`,
      ASK_FOR_MORE,
    );
  }
  const tool = given.get("tool");
  if (tool !== undefined && !TOOL.test(tool)) {
    return refused("tool", `tool is ${quote(tool)}, which no tool is called`, "GET /tools names the tools.");
  }
  const text = given.get("outcome");
  const outcome = text === undefined ? null : OUTCOMES.find((known) => known === text);
  if (outcome === undefined) {
    return refused(
      "outcome",
      `outcome is ${quote(text!)}, which is none`,
      `The outcomes are ${OUTCOMES.join(", ")}.`,
    );
  }
  const before = given.get("before");
  if (before !== undefined && !isRunId(before)) {
    return refused(
      "before",
      `before is ${quote(before)}, which is no run's id`,
      "Give next of an earlier answer.",
    );
  }
  return {
    ok: true,
    query: {
      limit: limit === undefined ? usual : Number(limit),
      tool: tool ?? null,
      outcome,
      before: before ?? null,
    },
  };
}

const ASK_FOR_MORE = "Ask for more with before, which takes next of an earlier answer.";

function isQueryKey(key: string): boolean {
  return (RUN_QUERY_KEYS as readonly string[]).includes(key);
}

function refused(
  field: string,
  error: string,
  remedy: string,
): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { condition: "invalid", field: quote(field).slice(1, -1), error, remedy } };
}
