/**
 * Checks of the services that the configuration names: whether they are there, as the prober finds.
 *
 * @module
 */
import type { Prober } from "../confinement/prober.ts";
import { placeText } from "../confinement/place.ts";
import { serviceOf } from "../confinement/services.ts";
import type { CheckOutcome, HealthCheck, Priority } from "./check.ts";

/** A service of `health.dependencies`. */
export interface DependencySettings {
  readonly name: string;
  readonly priority: Priority;
  /** `HOST:PORT`, or a URL: one of them. */
  readonly tcp?: string | undefined;
  readonly http?: string | undefined;
}

/** A status of HTTP from here on says that the request failed (RFC 9110, section 15.5). */
const FIRST_FAILURE = 400;

/**
 * The checks of dependencies, each under its own name.
 *
 * @param prober what was made for these dependencies, in this order
 */
export function dependencyChecks(
  dependencies: readonly DependencySettings[],
  prober: Pick<Prober, "probe">,
): HealthCheck[] {
  return dependencies.map((dependency, index) => {
    const { name, priority } = dependency;
    const address = placeText(serviceOf(dependency));
    return {
      name,
      priority,
      async check(signal): Promise<CheckOutcome> {
        const probed = await prober.probe(index, signal);
        if (!probed.ok) return { status: "unhealthy", message: probed.reason, metadata: { address } };
        const { status } = probed;
        return {
          status: status === null || status < FIRST_FAILURE ? "healthy" : "unhealthy",
          message: status === null ? "it accepts connections" : `it answers with status ${status}`,
          metadata: {
            address,
            duration_ms: Math.round(probed.durationMs * 10) / 10,
            ...(status !== null && { http_status: status }),
          },
        };
      },
    };
  });
}
