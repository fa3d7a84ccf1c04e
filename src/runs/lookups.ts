/**
 * Planning with what must be looked up: a plan that needs to know more says what, that is looked up, and the plan is
 * made anew. So the decision itself stays pure, and nothing is asked for a request that is refused anyhow.
 *
 * @module
 */
import type { Tool } from "../catalog/tool.ts";
import { type Refusal, wholeSeconds } from "../core/refusal.ts";
import {
  type Endpoint,
  type Facts,
  type FileFact,
  type NameFact,
  type Need,
  NOTHING_KNOWN,
  withFile,
  withName,
} from "../policy/facts.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { type Plan, planRun, type RunRequest } from "./plan.ts";
import { no, type Step } from "./step.ts";

/** Where facts come from. */
export interface Lookups {
  /** The addresses of a name. Never rejects; aborting `signal` ends it early. */
  resolve(name: string, signal: AbortSignal): Promise<NameFact>;
  /** Looks for a file in the folders of word lists. Never rejects. */
  inspect(name: string): Promise<FileFact>;
  /** Where the server itself listens, once it does; null over stdio. */
  ownListener(): Endpoint | null;
}

/** How many names and files one request may hold. */
const MAX_LOOKUPS = 16;

/** Plans a run of `tool`, looking up what the plan needs; see {@link planRun}. */
export async function planWithLookups(
  tool: Tool,
  request: RunRequest,
  policy: TargetPolicy,
  maxArgsBytes: number,
  lookups: Lookups,
  signal: AbortSignal,
): Promise<Step<Plan>> {
  let facts: Facts = { ...NOTHING_KNOWN, ownListener: lookups.ownListener() };
  for (let count = 0; !signal.aborted; count++) {
    const decision = planRun(tool, request, policy, maxArgsBytes, facts);
    if (decision.ok) return { ok: true, value: decision.plan };
    if ("refusal" in decision) return no(decision.refusal);
    if (count === MAX_LOOKUPS) return no(TOO_MANY);
    const learned = await learn(facts, decision.need, lookups, signal);
    if (!learned.ok) return learned;
    facts = learned.value;
  }
  return no(CANCELLED);
}

async function learn(
  facts: Facts,
  need: Need,
  lookups: Lookups,
  signal: AbortSignal,
): Promise<Step<Facts>> {
  if (need.kind === "file") {
    return { ok: true, value: withFile(facts, need.name, await lookups.inspect(need.name)) };
  }
  const fact = await lookups.resolve(need.name, signal);
  // The request is as good as it was: there is only no place for it now.
  return !fact.ok && fact.retryAfterMs !== undefined
    ? no({
      condition: "queue_full",
      error: fact.reason,
      remedy: fact.remedy,
      retryAfterSec: wholeSeconds(fact.retryAfterMs),
    })
    : { ok: true, value: withName(facts, need.name, fact) };
}

const TOO_MANY: Refusal = {
  condition: "invalid",
  field: "parameters",
  error: `the request holds more than ${MAX_LOOKUPS} names and files`,
  remedy: "Give fewer, or several runs.",
};

const CANCELLED: Refusal = {
  condition: "cancelled",
  error: "the run was cancelled while its names were looked up",
  remedy: "Ask again when it is wanted.",
};
