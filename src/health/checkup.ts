/**
 * Asking one check, with a time-out, and never twice at once.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import type { HealthCheck } from "./check.ts";
import { type CheckResult, resultOf } from "./round.ts";

/**
 * How long a check may go on once its signal was aborted, in milliseconds, to say what it knows. When the whole process
 * was stopped meanwhile, its answer may be waiting to be read, and is read within this time.
 */
const LAST_WORD_MS = 100;

/** Asks checks. Those that have not answered in time are remembered until they do. */
export class Checkups {
  readonly #clock: Clock;
  /**
   * Those that still go on, by name: a check that is made anew, by a reload, has its name still. `abandon` ends the
   * waiting for it, if there is any.
   */
  readonly #going = new Map<string, { readonly startedMs: number; readonly abandon: () => void }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the waiting for all that goes on now. */
  abandonAll(): void {
    for (const { abandon } of this.#going.values()) abandon();
  }

  /**
   * Asks one check. Never rejects; resolves soon after the time-out at the latest.
   *
   * @param timeoutMs more than 0
   */
  async ask(check: HealthCheck, timeoutMs: number): Promise<CheckResult> {
    const { name, priority } = check;
    const startedMs = this.#clock.now();
    const takenMs = () => this.#clock.now() - startedMs;
    const since = this.#going.get(name)?.startedMs;
    if (since !== undefined) {
      const message = `timed out: it has not answered for ${
        inSeconds(startedMs - since)
      } s, and is not asked again`;
      return resultOf({ status: "unhealthy", message }, startedMs - since, priority);
    }
    const controller = new AbortController();
    const late = this.#late(timeoutMs, controller);
    this.#going.set(name, { startedMs, abandon: late.abandon });
    const answer = (async () => await check.check(controller.signal))();
    const settled = answer.then(
      (outcome) => ({ outcome }),
      (error: unknown) => ({ error }),
    ).finally(() => this.#going.delete(name));
    const first = await Promise.race([settled, late.promise]);
    late.cancel();
    if (first !== null && "outcome" in first) return resultOf(first.outcome, takenMs(), priority);
    // What it throws once it was aborted is that it was.
    const message = first === null || controller.signal.aborted
      ? `timed out after ${inSeconds(timeoutMs)} s`
      : `the check failed: ${reasonOf(first.error)}`;
    return resultOf({ status: "unhealthy", message }, takenMs(), priority);
  }

  /** Resolves with null when a check is too late, having aborted it a little before. */
  #late(timeoutMs: number, controller: AbortController) {
    const { promise, resolve } = Promise.withResolvers<null>();
    const giveUp = () => {
      controller.abort(new DOMException("the time-out of the check is over", "TimeoutError"));
      cancelTimer();
      cancelTimer = this.#clock.after(LAST_WORD_MS, () => resolve(null));
    };
    let cancelTimer = this.#clock.after(timeoutMs, giveUp);
    const abandon = () => {
      giveUp();
      cancelTimer();
      resolve(null);
    };
    return { promise, abandon, cancel: () => cancelTimer() };
  }
}

/** To a tenth: time-outs may be shorter than a second. */
function inSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

/** Without a stack; the rest is escaped with the message. */
function reasonOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "it does not say why";
  }
}
