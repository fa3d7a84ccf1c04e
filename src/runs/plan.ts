/**
 * Planning a run: every word of a request is checked here, and what comes out is the exact argument list. Pure; a
 * plan that exists may be executed, and nothing that was not checked is in it.
 *
 * @module
 */
import { NO_MODE, targetNeed, type Tool, type ToolForm } from "../catalog/tool.ts";
import { CORRELATION_ID_PATTERN, isCorrelationId } from "../core/ids.ts";
import type { Refusal } from "../core/refusal.ts";
import { quote } from "../core/text.ts";
import { nearest } from "../documents/nearest.ts";
import { type Facts, type Need, NOTHING_KNOWN } from "../policy/facts.ts";
import { decideArguments } from "../policy/grammar.ts";
import { describeKinds, type Target, type TargetParts, targetParts } from "../policy/target.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { shownValue } from "../policy/value.ts";
import { MIN_TIMEOUT_SEC, REQUEST_FIELDS, type RunRequest } from "./run_request.ts";

export type { RunRequest };

/** A checked run. */
export interface Plan {
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The normalised target, or null. */
  readonly target: string | null;
  readonly timeoutMs: number;
  /** Whether the caller asked for less time than the manifest gives: running out of it is then no fault. */
  readonly callerShortened: boolean;
  /** What in this run needs leave; empty for an ordinary run. */
  readonly intrusive: readonly string[];
}

/** A plan, or why there is none, or what must be known first. */
export type PlanDecision =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly refusal: Refusal }
  | { readonly ok: false; readonly need: Need };

/**
 * Plans a run of `tool`.
 *
 * @param maxArgsBytes the longest `extra_args`, in bytes
 * @param facts what is known so far; a plan that needs more says so, and is asked for again
 */
export function planRun(
  tool: Tool,
  request: RunRequest,
  policy: TargetPolicy,
  maxArgsBytes: number,
  facts: Facts = NOTHING_KNOWN,
): PlanDecision {
  const unknown = Object.keys(request).find((key) => !REQUEST_FIELDS.includes(key));
  if (unknown !== undefined) {
    const near = nearest(unknown, REQUEST_FIELDS);
    return invalid(
      "body",
      `unknown field ${quote(unknown)}${near === null ? "" : `; did you mean ${quote(near)}?`}`,
      `The fields are: ${REQUEST_FIELDS.join(", ")}. A tool's own parameters stand in parameters.`,
    );
  }
  const { extra_args: extraArgs = "", parameters = {}, correlation_id: correlationId } = request;
  if (correlationId !== undefined && !(typeof correlationId === "string" && isCorrelationId(correlationId))) {
    return invalid(
      "correlation_id",
      `correlation_id is ${shownValue(correlationId)}`,
      `Give 1 to 64 letters, digits or . _ : - (${CORRELATION_ID_PATTERN}), or leave it out.`,
    );
  }
  if (typeof extraArgs !== "string") {
    return invalid(
      "extra_args",
      `extra_args is ${shownValue(extraArgs)}; expected text`,
      "Give one line of text.",
    );
  }
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters)) {
    return invalid(
      "parameters",
      `parameters is ${shownValue(parameters)}; expected an object`,
      "Give an object.",
    );
  }
  const time = planTimeout(tool, request.timeout_sec);
  if (!time.ok) return time;
  const chosen = chooseForm(tool, parameters as Readonly<Record<string, unknown>>);
  if (!chosen.ok) return chosen;
  const { form, mode } = chosen;
  const aim = planTarget(tool, form, request.target, policy, facts);
  if (!aim.ok) return aim;
  const asked = { parameters: chosen.parameters, extraArgs };
  const said = decideArguments(asked, form.grammar, policy, maxArgsBytes, facts);
  if ("need" in said) return said;
  if (!said.ok) return invalid(said.field, said.error, said.remedy);
  const { front, last } = placeTarget(form, aim.target);
  return {
    ok: true,
    plan: {
      args: [...form.first, ...said.args, ...front, ...last],
      target: aim.target?.text ?? null,
      timeoutMs: time.timeoutMs,
      callerShortened: time.timeoutMs < tool.timeoutSec * 1000,
      intrusive: [...(form.intrusive ? [`the tool ${tool.name}${mode}`] : []), ...said.intrusive],
    },
  };
}

/** The form of the mode that was asked for, and the parameters beside the mode. */
function chooseForm(tool: Tool, given: Readonly<Record<string, unknown>>) {
  const only = tool.forms.get(NO_MODE);
  if (only !== undefined) return { ok: true, form: only, mode: "", parameters: given } as const;
  const { mode: asked, ...parameters } = given;
  const modes = [...tool.forms.keys()];
  const form = typeof asked === "string" && asked !== NO_MODE ? tool.forms.get(asked) : undefined;
  if (form !== undefined) return { ok: true, form, mode: ` in mode ${asked}`, parameters } as const;
  return invalid(
    "parameters.mode",
    asked === undefined ? 'parameter "mode" is missing' : `parameter "mode" is ${shownValue(asked)}`,
    `Give one of ${modes.join(", ")}.`,
  );
}

function planTimeout(tool: Tool, asked: unknown) {
  if (asked === undefined) return { ok: true, timeoutMs: tool.timeoutSec * 1000 } as const;
  if (typeof asked !== "number" || !(asked >= MIN_TIMEOUT_SEC && asked <= tool.timeoutSec)) {
    return invalid(
      "timeout_sec",
      `timeout_sec is ${shownValue(asked)}; expected a number from ${MIN_TIMEOUT_SEC} to ${tool.timeoutSec}`,
      `Leave it out for ${tool.timeoutSec} s, or give less.`,
    );
  }
  return { ok: true, timeoutMs: asked * 1000 } as const;
}

function planTarget(tool: Tool, form: ToolForm, asked: unknown, policy: TargetPolicy, facts: Facts) {
  const { kinds, max_addresses: maxAddresses } = form.target;
  const need = targetNeed(form);
  if (asked === undefined) {
    if (need !== "required") return { ok: true, target: null } as const;
    return invalid(
      "target",
      "target is missing",
      `Give ${
        describeKinds(kinds)
      }. To allow a target, see security.allowed_targets; allowed now: ${policy.describe()}.`,
    );
  }
  if (need === "none") return invalid("target", `${tool.name} takes no target`, "Leave target out.");
  if (typeof asked !== "string") {
    return invalid(
      "target",
      `target is ${shownValue(asked)}; expected text`,
      `Give ${describeKinds(kinds)}.`,
    );
  }
  const decision = policy.decide(asked, { kinds, maxAddresses }, facts);
  if ("need" in decision) return decision;
  if (!decision.ok) return invalid("target", decision.error, decision.remedy);
  return { ok: true, target: decision.target } as const;
}

/** The arguments that carry the target: those before the last place, and the last. */
function placeTarget(form: ToolForm, target: Target | null): { front: string[]; last: string[] } {
  if (target === null) return { front: [], last: [] };
  const { place, pin } = form.target;
  const parts = targetParts(target, pin === "address");
  const pinned = typeof pin === "object" && target.named ? [pin.flag, fill(pin.template, parts)] : [];
  if (place === "last") return { front: pinned, last: [parts.target] };
  const filled = fill(place.template, parts);
  if ("flag" in place) return { front: [...pinned, place.flag, filled], last: [] };
  return { front: pinned, last: [filled] };
}

function fill(template: string, parts: TargetParts): string {
  return template.replace(/\{(target|host|port|address)\}/g, (_, name: keyof TargetParts) => parts[name]);
}

function invalid(field: string, error: string, remedy: string) {
  return { ok: false, refusal: { condition: "invalid", field, error, remedy } } as const;
}
