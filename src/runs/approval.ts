/**
 * Leave for what a manifest marks as intrusive.
 *
 * @module
 */
import type { Plan } from "./plan.ts";
import { no, type Step } from "./step.ts";

/** The configuration's part. */
export interface IntrusiveSettings {
  readonly allowIntrusive: boolean;
  readonly confirmIntrusive: boolean;
}

/**
 * Intrusive runs need leave: by the configuration, and by a human unless the configuration waives that.
 *
 * @param mayIntrude whether this caller may be given leave at all
 */
export function approve(
  plan: Plan,
  { allowIntrusive, confirmIntrusive }: IntrusiveSettings,
  mayIntrude: boolean,
): Step<null> {
  if (plan.intrusive.length === 0) return { ok: true, value: null };
  const what = plan.intrusive.join(", ");
  if (!allowIntrusive) {
    return no({
      condition: "approval_required",
      error: `intrusive use (${what}) is not allowed`,
      remedy: "A person may allow it with security.allow_intrusive: true. Leave it out otherwise.",
    });
  }
  if (!mayIntrude) {
    return no({
      condition: "approval_required",
      error: `intrusive use (${what}) is not open to callers over HTTP without a token`,
      remedy: "Use stdio or the command line, where the configuration decides. Leave it out otherwise.",
    });
  }
  if (confirmIntrusive) {
    return no({
      condition: "approval_required",
      error: `intrusive use (${what}) must be confirmed by a person, and this version cannot ask`,
      remedy: "A person may waive the question with security.confirm_intrusive: false.",
    });
  }
  return { ok: true, value: null };
}
