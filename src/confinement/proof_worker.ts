/**
 * A worker that tries what it can. It is made with the permissions of another thread, to show what that thread holds.
 *
 * @module
 */
import { type Attempt, type AttemptPlan, tryAll } from "./attempts.ts";

const creator = globalThis as unknown as {
  onmessage: ((event: MessageEvent<AttemptPlan>) => void) | null;
  postMessage(message: readonly Attempt[]): void;
};

creator.onmessage = async ({ data }) => creator.postMessage(await tryAll(data));
