/**
 * What the server measures of its feed of events.
 *
 * @module
 */
import { Counter } from "./counter.ts";
import { ObservedGauge } from "./gauge.ts";
import type { Registry } from "./registry.ts";

/** Every metric of the feed. */
export const EVENT_METRICS = {
  readers: {
    name: "bulkhead_event_readers",
    help: "Readers of events that are connected now.",
    labelNames: [],
  },
  events: {
    name: "bulkhead_events_total",
    help: "Events that were published, by type.",
    labelNames: ["type"],
  },
  droppedReaders: {
    name: "bulkhead_event_readers_dropped_total",
    help: "Readers of events that were dropped because they had fallen behind.",
    labelNames: [],
  },
} as const;

/** Records what happens to events in the metrics of a registry. */
export class EventMetrics {
  readonly #events = new Counter(EVENT_METRICS.events);
  readonly #droppedReaders = new Counter(EVENT_METRICS.droppedReaders);

  /**
   * @param readers how many readers there are, asked at each scrape
   * @throws {RangeError} if the registry has one of these metrics already.
   */
  constructor(registry: Registry, readers: () => number) {
    const gauge = new ObservedGauge(EVENT_METRICS.readers, () => [{ labels: {}, value: readers() }]);
    for (const metric of [this.#events, this.#droppedReaders, gauge]) registry.register(metric);
  }

  /** Records that an event was published. Its type is one of few. */
  recordEvent(type: string): void {
    this.#events.inc({ type });
  }

  /** Records that a reader was dropped. */
  recordDropped(): void {
    this.#droppedReaders.inc({});
  }
}
