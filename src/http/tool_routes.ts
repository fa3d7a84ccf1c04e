/**
 * The routes of tools: the catalog, a run, and changes while the server runs.
 *
 * @module
 */
import type { Context } from "hono";
import { newId } from "../core/ids.ts";
import type { Refusal } from "../core/refusal.ts";
import { quote } from "../core/text.ts";
import { toolInformation } from "../runs/describe_tool.ts";
import type { RunAnswer } from "../runs/pipeline.ts";
import type { RunRequest } from "../runs/plan.ts";
import { no, type Step } from "../runs/step.ts";
import { findTool, type ToolboxEntry } from "../runs/toolbox.ts";
import type { Caller } from "./authorise.ts";
import { readBodyOf } from "./body.ts";
import { heldBody, HOLD_AFTER_MS } from "./held_answer.ts";
import { jsonAnswer } from "./json_answer.ts";
import { connectionOf, type HttpParts, partOf, type ToolAdmin } from "./parts.ts";
import { refusalProblem } from "./problem.ts";

/** Every tool, the disabled and the missing ones too. */
export function listTools(_context: Context, { toolbox, policy }: HttpParts): Response {
  return jsonAnswer({ tools: [...toolbox.values()].map((entry) => toolInformation(entry, policy())) });
}

/** One tool. */
export function showTool(context: Context, parts: HttpParts): Response {
  return answerWithTool(parts, findTool(parts.toolbox, nameIn(context)));
}

/** One run. */
export async function executeTool(context: Context, parts: HttpParts, caller: Caller): Promise<Response> {
  const body = await readObject(context, parts);
  const { clock, pipeline } = parts;
  const { name: client, mayIntrude } = caller;
  if (!body.ok) {
    // Refused before anybody looks at it, it is a request for a run all the same: it is counted as one.
    const { refusal, correlationId } = pipeline.refuse(nameIn(context), body.refusal, client);
    return refusalProblem(refusal, correlationId);
  }
  const gone = new AbortController();
  const { signal } = context.req.raw;
  const leave = () => gone.abort();
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  const slow = Promise.withResolvers<"slow">();
  let cancelTimer = () => {};
  const answer = pipeline.run(nameIn(context), body.value as RunRequest, {
    signal: gone.signal,
    client,
    mayIntrude,
    onStart: () => cancelTimer = clock.after(HOLD_AFTER_MS, () => slow.resolve("slow")),
  }).finally(() => {
    cancelTimer();
    // The request outlives the run until its client has taken the answer: what the listener holds would, too.
    signal.removeEventListener("abort", leave);
  });
  const first = await Promise.race([answer, slow.promise]);
  if (first !== "slow") return responseTo(first);
  // A program that could not be started after all is told by its problem, and the status is 200 by then.
  const whole = answer.then(async (late) => new Uint8Array(await responseTo(late).arrayBuffer()));
  const stream = heldBody(whole, {
    clock,
    onGone: leave,
    onWhole: () => connectionOf(context).awaitsClient?.(),
  });
  return new Response(stream, { headers: { "content-type": "application/json" } });
}

function responseTo(answer: RunAnswer): Response {
  if (answer.kind === "refusal") return refusalProblem(answer.refusal, answer.correlationId);
  return jsonAnswer(answer.result);
}

/** A change of a tool; the answer is the tool as it is then. It takes no fields, and so no body. */
export function changeTool(change: (admin: ToolAdmin, name: string) => Step<ToolboxEntry>) {
  return async (context: Context, parts: HttpParts): Promise<Response> => {
    const body = await readObject(context, parts, {});
    if (!body.ok) return refusalProblem(body.refusal, newId());
    const [unknown] = Object.keys(body.value);
    if (unknown !== undefined) {
      const error = `there is no field ${quote(unknown)}`;
      return refusalProblem(badBody(error, "Send an empty object, or nothing."), newId());
    }
    return answerWithTool(parts, change(partOf(parts, "admin"), nameIn(context)));
  };
}

function nameIn(context: Context): string {
  return context.req.param("name") ?? "";
}

function answerWithTool({ policy }: HttpParts, found: Step<ToolboxEntry>): Response {
  if (!found.ok) return refusalProblem(found.refusal, newId());
  return jsonAnswer(toolInformation(found.value, policy()));
}

/** The object in a body, or the refusal that there is none. */
async function readObject(
  context: Context,
  parts: HttpParts,
  ifEmpty?: object,
): Promise<Step<object>> {
  const body = await readBodyOf(context, parts, ifEmpty);
  if (!body.ok) {
    const { condition, error, remedy } = body;
    return no({ condition, error, remedy, field: "body" });
  }
  const { value } = body;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ok: true, value };
  const example = ifEmpty === undefined
    ? 'Send an object such as {"target": "10.0.0.5"}.'
    : "Send an empty object, or nothing.";
  return no(badBody("the body is not an object", example));
}

function badBody(error: string, remedy: string): Refusal {
  return { condition: "invalid", field: "body", error, remedy };
}
