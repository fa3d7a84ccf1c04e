/**
 * The checks that the configuration adds to the server's own: of services, through the prober, and of tools.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { ownCheckSettings } from "../config/settings.ts";
import { placeText } from "../confinement/place.ts";
import { Prober } from "../confinement/prober.ts";
import { serviceOf } from "../confinement/services.ts";
import type { HealthCheck } from "../health/check.ts";
import { dependencyChecks } from "../health/dependency_checks.ts";
import { toolChecks } from "../health/tool_checks.ts";
import type { Pipeline } from "../runs/pipeline.ts";
import { doubtfulChecks } from "./doubtful_checks.ts";
import type { Setup } from "./setup.ts";

const logger = getLogger(["bulkhead", "health"]);

/** The checks of the user's own, as the configuration has them now. */
export class OwnChecks {
  readonly #prober: Prober | null;
  readonly #dependencyChecks: readonly HealthCheck[];
  readonly #pipeline: Pick<Pipeline, "run">;
  #toolChecks: readonly HealthCheck[] = [];
  /** The checks that were said to be in vain, with the reason. */
  #doubts: ReadonlyMap<string, string> = new Map();

  /** Makes the prober, where there is something for it to do; the calling thread may still connect to that. */
  constructor(setup: Setup, pipeline: Pick<Pipeline, "run">) {
    const { dependencies } = ownCheckSettings(setup.config);
    const prober = dependencies.length === 0 ? null : new Prober(dependencies.map(serviceOf));
    this.#prober = prober;
    this.#dependencyChecks = prober === null ? [] : dependencyChecks(dependencies, prober);
    for (const [index, dependency] of dependencies.entries()) {
      if (prober?.mayReach(index)) continue;
      logger.warn("a dependency cannot be checked: the permission to connect there is missing", {
        dependency: dependency.name,
        address: placeText(serviceOf(dependency)),
      });
    }
    this.#pipeline = pipeline;
    this.apply(setup);
  }

  /** All of them. */
  get all(): readonly HealthCheck[] {
    return [...this.#dependencyChecks, ...this.#toolChecks];
  }

  /** Settles when the prober needs nothing of the thread that made it any more. */
  get upright(): Promise<void> {
    return this.#prober?.upright ?? Promise.resolve();
  }

  /** Has the runs of another setup take effect. Its dependencies are those of the start. */
  apply(setup: Setup): void {
    this.#toolChecks = toolChecks(ownCheckSettings(setup.config).toolChecks, this.#pipeline);
    const doubts = new Map(doubtfulChecks(setup).map(({ name, reason }) => [name, reason]));
    for (const [name, reason] of doubts) {
      if (this.#doubts.get(name) === reason) continue;
      logger.warn("a check cannot succeed as it is configured", { check: name, reason });
    }
    this.#doubts = doubts;
  }

  /** Ends the prober. */
  close(): void {
    this.#prober?.close();
  }
}
