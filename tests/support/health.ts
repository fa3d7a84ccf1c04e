import type { OptionalParts } from "../../src/http/parts.ts";
import { type CheckResult, roundOf } from "../../src/health/round.ts";
import { FAKE_EPOCH_MS } from "./fake_clock.ts";

/** The health of a server whose checks have found this, at the beginning of the tests' time. */
export function healthOf(checks: ReadonlyMap<string, CheckResult>): NonNullable<OptionalParts["health"]> {
  const round = roundOf(checks, FAKE_EPOCH_MS);
  const history = [{ status: round.status, wallMs: round.wallMs, checkCount: checks.size }];
  return { monitor: { current: () => Promise.resolve(round), latest: round, history } };
}
