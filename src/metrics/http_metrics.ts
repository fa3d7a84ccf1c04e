/**
 * What the server measures of its HTTP listener: connections, and requests by route.
 *
 * @module
 */
import { Counter } from "./counter.ts";
import { ObservedGauge } from "./gauge.ts";
import type { Registry } from "./registry.ts";
import { OTHER } from "./series.ts";

/** Every metric of the listener. */
export const HTTP_METRICS = {
  connections: {
    name: "bulkhead_http_connections",
    help: "Connections that are open now.",
    labelNames: [],
  },
  refused: {
    name: "bulkhead_http_connections_refused_total",
    help: "Connections that were not taken because all were in use.",
    labelNames: [],
  },
  closed: {
    name: "bulkhead_http_connections_closed_total",
    help: "Connections that the server closed before their clients were done, by the reason.",
    labelNames: ["reason"],
  },
  requests: {
    name: "bulkhead_http_requests_total",
    help: "Requests that were answered, by route, method and class of status.",
    labelNames: ["route", "method", "status"],
  },
} as const;

/** Methods that are counted by their names. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Records what happens to connections and requests in the metrics of a registry. */
export class HttpMetrics {
  readonly #refused = new Counter(HTTP_METRICS.refused);
  readonly #closed = new Counter(HTTP_METRICS.closed);
  readonly #requests = new Counter(HTTP_METRICS.requests);

  /**
   * @param open how many connections there are at the moment that it is asked
   * @throws {RangeError} if the registry has one of these metrics already.
   */
  constructor(registry: Registry, open: () => number) {
    const connections = new ObservedGauge(HTTP_METRICS.connections, () => [{ labels: {}, value: open() }]);
    for (const metric of [connections, this.#refused, this.#closed, this.#requests]) {
      registry.register(metric);
    }
  }

  /** A connection was not taken. */
  refused(): void {
    this.#refused.inc({});
  }

  /** A connection was closed from this side. */
  closed(reason: string): void {
    this.#closed.inc({ reason });
  }

  /**
   * A request was answered.
   *
   * @param route its path as the table of routes has it, or null when it is none of them
   * @param method as the request has it; others than HTTP's common ones are counted as `other`
   */
  answered(route: string | null, method: string, status: number): void {
    this.#requests.inc({
      route: route ?? OTHER,
      method: METHODS.has(method) ? method : OTHER,
      status: `${Math.floor(status / 100)}xx`,
    });
  }
}
