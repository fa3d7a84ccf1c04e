/**
 * Events of runs: that one has started, how it ended, and why one was refused.
 *
 * Whoever may read events sees the runs of every caller, as `GET /runs` shows them: tool, target, caller, ids and times.
 * Arguments and output are in no event, and what looks like a secret is taken out of the texts.
 *
 * @module
 */
import { redactText } from "../core/redact.ts";
import { REFUSAL_ANSWERS } from "../core/refusal.ts";
import { quote } from "../core/text.ts";
import type { EventFeed } from "../events/event_feed.ts";
import type { AnsweredRequest } from "./pipeline.ts";
import type { RunObserver, StartedRun } from "./run_observer.ts";

/** The longest text in an event, in UTF-16 units. */
const MAX_TEXT = 500;

/** Publishes what happens to runs. */
export class RunEvents implements RunObserver {
  readonly #feed: Pick<EventFeed, "publish">;
  readonly #isKnown: (tool: string) => boolean;

  /** @param isKnown whether there is a tool of that name; what callers invent is quoted */
  constructor(feed: Pick<EventFeed, "publish">, isKnown: (tool: string) => boolean) {
    this.#feed = feed;
    this.#isKnown = isKnown;
  }

  started(run: StartedRun): void {
    this.#feed.publish("run", { state: "started", ...about(run) });
  }

  ended(run: StartedRun, { result }: Parameters<RunObserver["ended"]>[1]): void {
    const { outcome, error_type, returncode, execution_time_sec, queue_time_sec } = result;
    this.#feed.publish("run", {
      state: "ended",
      ...about(run),
      outcome,
      error_type,
      returncode,
      execution_time_sec,
      queue_time_sec,
    });
  }

  /** A refusal follows, which says why. */
  abandoned(run: StartedRun): void {
    this.#feed.publish("run", { state: "abandoned", ...about(run) });
  }

  /** Takes each request when it is answered; of those that became runs, the others have told. */
  answered({ tool, client, answer }: AnsweredRequest): void {
    if (answer?.kind !== "refusal") return;
    const { refusal: { condition, error, retryAfterSec }, correlationId } = answer;
    this.#feed.publish("run", {
      state: "refused",
      tool: this.#isKnown(tool) ? tool : quote(tool),
      correlation_id: correlationId,
      client,
      reason: condition,
      error_type: REFUSAL_ANSWERS[condition].errorType,
      error: shown(error),
      ...(retryAfterSec !== undefined && { retry_after_sec: retryAfterSec }),
    });
  }
}

function about({ runId, tool, target, correlationId, client }: StartedRun) {
  return {
    run_id: runId,
    tool,
    target: target === null ? null : shown(target),
    correlation_id: correlationId,
    client,
  };
}

/** Without secrets, and not endless. Cut last: half a secret is not recognised. */
function shown(text: string): string {
  const safe = redactText(text);
  return safe.length > MAX_TEXT ? `${safe.slice(0, MAX_TEXT).toWellFormed()}…` : safe;
}
