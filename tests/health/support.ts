import type { CheckOutcome, HealthCheck, Priority } from "../../src/health/check.ts";

/** A check that a test plays: it waits until the test answers. */
export class PlayedCheck implements HealthCheck {
  readonly signals: AbortSignal[] = [];
  #answer = Promise.withResolvers<CheckOutcome>();
  /** How many go on, and how many did at once at most. */
  going = 0;
  mostGoing = 0;

  constructor(readonly name: string, readonly priority: Priority = "critical") {}

  /** How often it was asked. */
  get asked(): number {
    return this.signals.length;
  }

  async check(signal: AbortSignal): Promise<CheckOutcome> {
    this.signals.push(signal);
    this.mostGoing = Math.max(this.mostGoing, ++this.going);
    const answer = this.#answer = Promise.withResolvers<CheckOutcome>();
    try {
      return await answer.promise;
    } finally {
      this.going--;
    }
  }

  answer(status: CheckOutcome["status"] = "healthy", message = "played"): void {
    this.#answer.resolve({ status, message });
  }

  fail(error: unknown): void {
    this.#answer.reject(error);
  }
}

/** A check that answers at once with whatever `outcome` is by then. */
export function steady(
  name: string,
  outcome: () => CheckOutcome,
  priority: Priority = "critical",
): HealthCheck {
  return { name, priority, check: outcome };
}
