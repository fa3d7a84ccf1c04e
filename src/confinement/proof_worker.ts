/**
 * A worker that tries what it can. It is made with the permissions of another thread, to show what that thread holds,
 * and goes the way of a compartment first when it is told to.
 *
 * @module
 */
import "./quiet_thread.ts";
import { type Attempt, type AttemptPlan, tryAll } from "./attempts.ts";
import { giveUpNativeCode } from "./native_code.ts";

/** What is to be tried. */
export interface ProofOrder {
  readonly plan: AttemptPlan;
  /** The library to load, and then to give up, before anything is tried; or null. */
  readonly givesUp: string | null;
}

/** What came of it. */
export interface ProofAnswer {
  /** Why there was nothing to give up, or null: then its absence afterwards shows nothing. */
  readonly neverHeld: string | null;
  readonly attempts: readonly Attempt[];
}

const creator = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ProofOrder>) => void) | null;
  postMessage(message: ProofAnswer): void;
};

creator.onmessage = async ({ data: { plan, givesUp } }) => {
  const neverHeld = givesUp === null ? null : loadAndGiveUp(givesUp);
  creator.postMessage({ neverHeld, attempts: await tryAll(plan) });
};

function loadAndGiveUp(libc: string): string | null {
  try {
    Deno.dlopen(libc, {}).close();
  } catch (error) {
    return (error as Error).message;
  }
  // Whether it worked is what is tried afterwards.
  giveUpNativeCode(libc);
  return null;
}
