/**
 * The monitor: has all checks asked from time to time, and knows what was found last.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { stackOf } from "../core/failed_request.ts";
import type { HealthStatus } from "../core/health_status.ts";
import type { HealthCheck } from "./check.ts";
import { Checkups } from "./checkup.ts";
import { type HealthRound, type PastRound, roundOf } from "./round.ts";

/** When, and for how long. */
export interface MonitorSettings {
  /** From the end of one round to the beginning of the next, in milliseconds: more than 0. */
  readonly intervalMs: number;
  /** For each check, in milliseconds: more than 0. */
  readonly timeoutMs: number;
}

/** What a monitor is made from. */
export interface MonitorOptions {
  /** Asked at the beginning of each round. */
  readonly checks: () => readonly HealthCheck[];
  /** Asked at the beginning of each round, and when {@link HealthMonitor.reschedule} says that they may be others. */
  readonly settings: () => MonitorSettings;
  readonly clock: Clock;
}

/** What a round has changed. What was not known before counts as healthy before. */
export interface HealthChange {
  readonly round: HealthRound;
  readonly before: HealthStatus;
  /** The checks whose status is another one. */
  readonly changed: readonly { readonly name: string; readonly before: HealthStatus }[];
}

const logger = getLogger(["bulkhead", "health"]);

/** How many rounds are remembered. */
export const HISTORY_LENGTH = 100;

/** Watches the server's health. */
export class HealthMonitor {
  readonly #options: MonitorOptions;
  readonly #checkups: Checkups;
  readonly #history: PastRound[] = [];
  readonly #listeners = new Set<(change: HealthChange) => void>();
  #latest: HealthRound | null = null;
  #going: Promise<HealthRound> | null = null;
  /** Settles with the first round, or with null when there will be none. */
  readonly #first = Promise.withResolvers<HealthRound | null>();
  #state: "new" | "started" | "stopped" = "new";
  #endedMs = 0;
  #cancelTimer = () => {};

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#checkups = new Checkups(options.clock);
  }

  /** The latest round, or null before the first is over. */
  get latest(): HealthRound | null {
    return this.#latest;
  }

  /** The last {@link HISTORY_LENGTH} rounds, the latest at the end. */
  get history(): readonly PastRound[] {
    return this.#history;
  }

  /** The latest round; before there is one, waits for the first. Null when the monitor was stopped before that. */
  current(): Promise<HealthRound | null> {
    return this.#latest === null ? this.#first.promise : Promise.resolve(this.#latest);
  }

  /** Has the first round begin, and the others follow. A second time, or after the stop, it does nothing. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "started";
    void this.round();
  }

  /** Ends everything: no timer is left, and what checks still find out is nobody's business. */
  stop(): void {
    this.#state = "stopped";
    this.#cancelTimer();
    this.#checkups.abandonAll();
    this.#first.resolve(null);
  }

  /** Has settings that may have changed take effect on the next round, which may be due by now. */
  reschedule(): void {
    if (this.#state !== "started" || this.#going !== null) return;
    const { clock, settings } = this.#options;
    this.#cancelTimer();
    const dueMs = this.#endedMs + settings().intervalMs;
    this.#cancelTimer = clock.after(Math.max(0, dueMs - clock.now()), () => void this.round());
  }

  /** Has `listener` called after each round that has changed something. @returns a function that ends it */
  onChange(listener: (change: HealthChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Asks all checks at once, out of turn; while a round goes on, that is the one. Never rejects. */
  round(): Promise<HealthRound> {
    this.#going ??= this.#run();
    return this.#going;
  }

  async #run(): Promise<HealthRound> {
    const { checks, settings, clock } = this.#options;
    const { timeoutMs } = settings();
    const asked = new Map<string, HealthCheck>();
    // One that was stopped asks nobody any more.
    for (const check of this.#state === "stopped" ? [] : checks()) {
      if (!asked.has(check.name)) asked.set(check.name, check);
    }
    const results = await Promise.all(
      [...asked].map(async ([name, check]) => [name, await this.#checkups.ask(check, timeoutMs)] as const),
    );
    const round = roundOf(new Map(results), clock.wall());
    this.#going = null;
    // What the stop has cut short says nothing of the server.
    if (this.#state !== "stopped") this.#record(round);
    return round;
  }

  #record(round: HealthRound): void {
    const before = this.#latest;
    this.#latest = round;
    this.#endedMs = this.#options.clock.now();
    this.#history.push({ status: round.status, wallMs: round.wallMs, checkCount: round.checks.size });
    if (this.#history.length > HISTORY_LENGTH) this.#history.shift();
    this.#first.resolve(round);
    this.reschedule();
    const change = changeBetween(before, round);
    if (change !== null) this.#tell(change);
  }

  #tell(change: HealthChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        logger.error("a listener to changes of health failed", { error: stackOf(error) });
      }
    }
  }
}

/** What is different, or null when nothing is. */
function changeBetween(before: HealthRound | null, round: HealthRound): HealthChange | null {
  const changed = [...round.checks].flatMap(([name, { status }]) => {
    const was = before?.checks.get(name)?.status ?? "healthy";
    return was === status ? [] : [{ name, before: was }];
  });
  const was = before?.status ?? "healthy";
  return was === round.status && changed.length === 0 ? null : { round, before: was, changed };
}
