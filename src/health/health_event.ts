/**
 * Events of health: that the server is better or worse, or one of its checks.
 *
 * @module
 */
import type { HealthChange } from "./monitor.ts";

/** What an event says of a change: the status now and before, and each check that is another one than before. */
export function healthEvent({ round, before, changed }: HealthChange): Readonly<Record<string, unknown>> {
  return {
    status: round.status,
    before,
    checks: changed.flatMap(({ name, before }) => {
      const now = round.checks.get(name);
      return now === undefined ? [] : [{ name, status: now.status, before, message: now.message }];
    }),
  };
}
