/**
 * A step of the pipeline: it goes on with a value, or the run is refused.
 *
 * @module
 */
import type { Refusal } from "../core/refusal.ts";

/** What a step came to. */
export type Step<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly refusal: Refusal;
};

/** Ends the pipeline with a refusal. */
export function no(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}
