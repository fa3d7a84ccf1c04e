/**
 * What is in effect: the configuration, the tokens, and what each run goes by. A reload puts others in their place, as a
 * whole.
 *
 * @module
 */
import type { Config } from "../config/schema.ts";
import { pipelineSettings, rateSettings } from "../config/settings.ts";
import type { Clock } from "../core/clock.ts";
import type { Tokens } from "../http/tokens.ts";
import { RateLimiter } from "../resilience/rate_limiter.ts";
import type { Rules } from "../runs/pipeline.ts";
import type { Setup } from "./setup.ts";

/**
 * Clients, with each tool that they use, whose rates are told apart; all beyond share one. A client is a transport, an
 * address or a token, so there are few.
 */
const MAX_RATE_KEYS = 10_000;

/** What holds now. */
export class InEffect {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #setup: Setup;
  #tokens: Tokens | null;
  #rules: Rules;
  /** Made when it is first needed; it remembers what was taken over every reload. */
  #rateLimiter: RateLimiter | null = null;

  constructor(setup: Setup, tokens: Tokens | null, clock: Clock) {
    this.#clock = clock;
    this.#setup = setup;
    this.#tokens = tokens;
    this.#rules = this.#rulesOf(setup);
  }

  /** The setup. */
  get setup(): Setup {
    return this.#setup;
  }

  /** The tokens of callers over HTTP; null where there are none. */
  get tokens(): Tokens | null {
    return this.#tokens;
  }

  /** What runs go by: the same object until something has changed. */
  get rules(): Rules {
    return this.#rules;
  }

  /** Has `listener` called whenever something was put in another's place. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Puts others in the place of those before. The same setup brings no new rules. */
  replace(setup: Setup, tokens: Tokens | null): void {
    this.#tokens = tokens;
    if (setup !== this.#setup) {
      this.#setup = setup;
      this.#rules = this.#rulesOf(setup);
    }
    for (const listener of this.#listeners) listener();
  }

  #rulesOf({ policy, config }: Setup): Rules {
    return { policy, settings: { ...pipelineSettings(config), rateLimiter: this.#limiterFor(config) } };
  }

  #limiterFor(config: Config): RateLimiter | null {
    const limits = rateSettings(config);
    if (limits === null) return null;
    this.#rateLimiter ??= new RateLimiter({ ...limits, maxKeys: MAX_RATE_KEYS, clock: this.#clock });
    this.#rateLimiter.configure(limits);
    return this.#rateLimiter;
  }
}
