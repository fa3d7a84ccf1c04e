/**
 * The registry: which tools there are, which of them are switched on, and with what each is executed. It outlives every
 * reload: a tool keeps its circuit breaker, its queue and its statistics for as long as it is declared.
 *
 * @module
 */
import type { Tool } from "../catalog/tool.ts";
import type { Clock } from "../core/clock.ts";
import {
  type BreakerSettings,
  type BreakerTransition,
  CircuitBreaker,
} from "../resilience/circuit_breaker.ts";
import { Semaphore } from "../resilience/semaphore.ts";
import type { Step } from "./step.ts";
import { type Executor, findTool, type Toolbox, type ToolboxEntry, type ToolState } from "./toolbox.ts";

/** What a registry is made from. */
export interface RegistryOptions {
  readonly clock: Clock;
  /** A number of at least 0 and below 1, for the breakers' jitter. */
  readonly random: () => number;
  /**
   * Makes what executes a tool, when it is needed for the first time and whenever its program has changed; null when
   * there is to be none.
   */
  readonly equip: (state: ToolState) => Executor | null;
  /** Told of a tool that is declared no more. Runs of it may still go on. */
  readonly retire?: (tool: string) => void;
  /** Told of each transition of a breaker. */
  readonly onTransition?: (tool: string, transition: BreakerTransition) => void;
}

/** All tools. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #tools = new Map<string, ToolboxEntry>();
  readonly #listeners = new Set<() => void>();

  constructor(states: readonly ToolState[], options: RegistryOptions) {
    this.#options = options;
    this.update(states);
  }

  /** The tools by name, in the order of their names: always as they are now. */
  get tools(): Toolbox {
    return this.#tools;
  }

  /**
   * Has `listener` called after each change of what clients may see: tools that came, went, or are described otherwise.
   *
   * @returns a function that ends it
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Switches a tool on or off, whatever the configuration says. That holds until it is switched again, or until the
   * configuration says something new of this tool: the later word counts. Runs that go on are left alone.
   */
  setEnabled(name: string, enabled: boolean): Step<ToolboxEntry> {
    const found = findTool(this.#tools, name);
    if (!found.ok || found.value.enabled === enabled) return found;
    const entry = this.#equipped({ ...found.value, enabled, executor: living(found.value.executor) });
    this.#tools.set(name, entry);
    this.#tell();
    return { ok: true, value: entry };
  }

  /** Says that what executes a tool may have died: it is not offered any more. */
  noteDeath(): void {
    this.#tell();
  }

  /** Sets a tool's circuit breaker back to closed. */
  resetBreaker(name: string): Step<ToolboxEntry> {
    const found = findTool(this.#tools, name);
    if (found.ok) found.value.breaker.reset();
    return found;
  }

  /**
   * Takes what the configuration and the machine say now, all at once. Limits of tools that stay take effect at once;
   * tools that are not among `states` are gone.
   *
   * @param changed the tools whose programs are others than before, though their paths may be the same
   */
  update(states: readonly ToolState[], changed: ReadonlySet<string> = new Set()): void {
    const before = new Map(this.#tools);
    this.#tools.clear();
    for (const state of states) {
      const { name } = state.tool;
      const known = before.get(name);
      this.#tools.set(
        name,
        known === undefined ? this.#newEntry(state) : this.#updated(known, state, changed.has(name)),
      );
      before.delete(name);
    }
    for (const name of before.keys()) this.#options.retire?.(name);
    this.#tell();
  }

  #newEntry(state: ToolState): ToolboxEntry {
    const { clock, random, onTransition } = this.#options;
    const { tool, enabled, availability } = state;
    return this.#equipped({
      tool,
      availability,
      configured: enabled,
      enabled,
      executor: null,
      breaker: new CircuitBreaker({
        ...breakerSettings(tool),
        clock,
        random,
        onTransition: (transition) => onTransition?.(tool.name, transition),
      }),
      semaphore: new Semaphore({ permits: tool.concurrency, maxQueue: tool.maxQueue, clock }),
      waitingForAll: { count: 0 },
    });
  }

  #updated(known: ToolboxEntry, state: ToolState, isChanged: boolean): ToolboxEntry {
    const { tool, availability, enabled: configured } = state;
    known.breaker.configure(breakerSettings(tool));
    known.semaphore.setLimits({ permits: tool.concurrency, maxQueue: tool.maxQueue });
    const keepsExecutor = availability.available && !isChanged &&
      availability.path === known.availability.path;
    // Runs that wait are judged anew when the entry is another one.
    const isSame = keepsExecutor && tool === known.tool && configured === known.configured &&
      living(known.executor) === known.executor &&
      JSON.stringify(availability) === JSON.stringify(known.availability);
    if (isSame) return this.#equipped(known);
    return this.#equipped({
      ...known,
      tool,
      availability,
      configured,
      enabled: configured === known.configured ? known.enabled : configured,
      executor: keepsExecutor ? living(known.executor) : null,
    });
  }

  #equipped(entry: ToolboxEntry): ToolboxEntry {
    if (!entry.enabled || !entry.availability.available || entry.executor !== null) return entry;
    return { ...entry, executor: this.#options.equip(entry) };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** One that can execute nothing any more is made anew. */
function living(executor: Executor | null): Executor | null {
  return executor?.death === null ? executor : null;
}

function breakerSettings({ breaker }: Tool): Partial<BreakerSettings> {
  return {
    failureThreshold: breaker.failure_threshold,
    recoveryTimeoutMs: breaker.recovery_timeout_sec * 1000,
    successThreshold: breaker.success_threshold,
    timeoutMultiplier: breaker.timeout_multiplier,
    maxRecoveryTimeoutMs: breaker.max_recovery_timeout_sec * 1000,
    jitter: breaker.jitter,
  };
}
