/**
 * What the HTTP service stands on, made from an engine.
 *
 * @module
 */
import { describeConfig } from "../config/describe.ts";
import { httpSettings, mcpSettings, metricsSettings } from "../config/settings.ts";
import { isoTime, systemClock } from "../core/clock.ts";
import { mayStill } from "../http/authorise.ts";
import { streamLimit } from "../http/connection_limit.ts";
import { EventStreams } from "../http/event_streams.ts";
import { originRules } from "../http/origin_check.ts";
import type { HttpParts } from "../http/parts.ts";
import { HttpSessions } from "../mcp/http_sessions.ts";
import { McpService } from "../mcp/service.ts";
import { renderMetrics } from "../metrics/text_format.ts";
import { FairPlaces } from "../resilience/fair_places.ts";
import { RateLimiter } from "../resilience/rate_limiter.ts";
import { accountOf } from "../runs/measure.ts";
import type { Engine } from "./engine.ts";

/** Wrong tokens: ten at once from one address, then one in five seconds. */
const WRONG_TOKENS = { perSecond: 0.2, burst: 10, maxKeys: 1000 } as const;

/** What must be known of the listener, each asked whenever it is needed. */
export interface ListenerFacts {
  /** The address that is listened on. */
  readonly host: string;
  /** Another one once it is bound, where any free one was asked for. */
  readonly port: () => number;
  /** How many connections are taken: at least 1. */
  readonly connections: () => number;
}

/** The parts of a service: all but who counts requests, and with every part that may be missing elsewhere. */
export type ServiceParts = Omit<HttpParts, "count" | "events"> & { readonly events: EventStreams };

/** Makes the parts. Their sessions and streams are to be closed with the listener. */
export function serviceParts(engine: Engine, { host, port, connections }: ListenerFacts): ServiceParts {
  const { inEffect, toolbox, pipeline, confinement, registry, runs, health } = engine;
  const config = () => inEffect.setup.config;
  const policy = () => inEffect.setup.policy;
  const maxTextBytes = () => mcpSettings(config()).maxTextBytes;
  const service = new McpService({ ...engine, policy, maxTextBytes });
  const places = new FairPlaces(() => streamLimit(connections()));
  const events = new EventStreams({
    feed: engine.events,
    places,
    clock: systemClock,
    mayRead: (caller) => mayStill(caller, "read", inEffect.tokens),
  });
  inEffect.onChange(() => events.recheck());
  const since = isoTime(systemClock.wall());
  const sinceMs = systemClock.now();
  const ifMeasured = <T>(read: () => T): T | null => metricsSettings(config()).metricsEnabled ? read() : null;
  return {
    toolbox,
    policy,
    pipeline,
    confinement,
    runs,
    health,
    events,
    admin: registry,
    sessions: new HttpSessions(service, () => mcpSettings(config()), systemClock, places),
    origins: () => {
      const { allowedHosts, allowedOrigins } = httpSettings(config());
      return originRules(host, port(), allowedHosts, allowedOrigins);
    },
    maxBodyBytes: () => httpSettings(config()).maxBodyBytes,
    tokens: () => inEffect.tokens,
    wrongTokens: new RateLimiter({ ...WRONG_TOKENS, clock: systemClock }),
    clock: systemClock,
    config: () => {
      const { config, configFile: file, sources } = inEffect.setup;
      return describeConfig({ config, file, sources });
    },
    metrics: () => ifMeasured(() => renderMetrics(engine.metrics)),
    statistics: () =>
      ifMeasured(() => ({
        since,
        uptime_sec: Math.round(systemClock.now() - sinceMs) / 1000,
        ...accountOf(engine.statistics, toolbox),
      })),
  };
}
