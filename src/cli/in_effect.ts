/**
 * What is in effect: the configuration, and what each run goes by. A reload puts another in its place, as a whole.
 *
 * @module
 */
import { pipelineSettings } from "../config/settings.ts";
import type { Rules } from "../runs/pipeline.ts";
import type { Setup } from "./setup.ts";

/** The setup of now. */
export class InEffect {
  #setup: Setup;
  #rules: Rules;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#rules = rulesOf(setup);
  }

  /** The setup. */
  get setup(): Setup {
    return this.#setup;
  }

  /** What runs go by: the same object until something has changed. */
  get rules(): Rules {
    return this.#rules;
  }

  /** Puts another setup in the place of the one before. */
  replace(setup: Setup): void {
    this.#setup = setup;
    this.#rules = rulesOf(setup);
  }
}

function rulesOf({ policy, config }: Setup): Rules {
  return { policy, settings: { ...pipelineSettings(config), rateLimiter: null } };
}
