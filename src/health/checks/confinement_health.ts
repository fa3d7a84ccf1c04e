/**
 * The check of the confinement: without warden and scribe nothing can be run.
 *
 * @module
 */
import type { Decision } from "../../confinement/confinement.ts";
import type { MachineReading } from "../../confinement/machine_reading.ts";
import type { Heartbeat } from "../../confinement/warden.ts";
import type { Clock } from "../../core/clock.ts";
import type { CheckOutcome, HealthCheck } from "../check.ts";
import { inTime } from "../in_time.ts";

/** The confinement, as far as the check looks at it. */
export interface ConfinementHealth {
  readonly decision: () => Pick<Decision, "tier" | "fallback"> | null;
  readonly heartbeat: () => Heartbeat;
  readonly scribe: {
    /** Why there is none any more, or null. */
    readonly death: string | null;
    /** Any question that the scribe answers. */
    measure(): Promise<MachineReading>;
  };
  readonly clock: Clock;
}

/** The warden owes an answer for longer than this, in milliseconds, only where processors are short. */
const LATE_MS = 5000;

/**
 * When the scribe has not answered for so long, in milliseconds, it is not load that it suffers from: the disk does not
 * answer. No run could begin.
 */
export const SCRIBE_SILENCE_MS = 60_000;

/**
 * Makes the check. A warden or a scribe that is gone is unhealthy; one that is late is degraded, because load makes it
 * so. Whether the warden is gone is decided by its own heartbeat, which load alone does not stop, and the server stops
 * then.
 *
 * Tier basic is healthy, also where a stronger one was not to be had: the start has said so, and there is nothing to be
 * done about it on such a machine but to accept it. Message and metadata tell the tier and why.
 */
export function confinementHealth({ decision, heartbeat, scribe, clock }: ConfinementHealth): HealthCheck {
  /** Since when the scribe owes an answer, or null. */
  let askedMs: number | null = null;
  return {
    name: "confinement",
    priority: "critical",
    async check(signal) {
      const startedMs = askedMs ??= clock.now();
      // An answer that comes too late for this round is one all the same. Why there is none is the scribe's death.
      const answer = scribe.measure().then(() => (askedMs = null, true), () => false);
      const hasAnswered = await inTime(answer, signal) ?? false;
      const scribeMs = clock.now() - startedMs;
      const decided = decision();
      const warden = heartbeat();
      return {
        ...judge(decided, warden, scribe.death, hasAnswered ? null : scribeMs),
        metadata: {
          tier: decided?.tier ?? null,
          fallback: decided?.fallback ?? null,
          warden_answer_ms: rounded(warden.answeredAfterMs),
          scribe_answer_ms: hasAnswered ? rounded(scribeMs) : null,
        },
      };
    },
  };
}

/** @param scribeSilentMs for how long the scribe has owed an answer, or null when it has answered */
function judge(
  decided: Pick<Decision, "tier" | "fallback"> | null,
  warden: Heartbeat,
  scribeDeath: string | null,
  scribeSilentMs: number | null,
): CheckOutcome {
  if (warden.death !== null) return { status: "unhealthy", message: warden.death };
  if (scribeDeath !== null) return { status: "unhealthy", message: scribeDeath };
  if (scribeSilentMs !== null) {
    const status = scribeSilentMs >= SCRIBE_SILENCE_MS ? "unhealthy" : "degraded";
    return { status, message: `the scribe has not answered for ${Math.round(scribeSilentMs / 1000)} s` };
  }
  if (warden.silentMs > LATE_MS) {
    const message = `the warden has not answered for ${Math.round(warden.silentMs / 1000)} s`;
    return { status: "degraded", message };
  }
  if (decided === null) return { status: "degraded", message: "the tier is not decided yet" };
  const { tier, fallback } = decided;
  return { status: "healthy", message: `tier ${tier}${fallback === null ? "" : `: ${fallback}`}` };
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}
