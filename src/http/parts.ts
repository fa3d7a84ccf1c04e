/**
 * What the HTTP service stands on.
 *
 * @module
 */
import type { Context } from "hono";
import type { Clock } from "../core/clock.ts";
import type { ConfigDescription } from "../config/describe.ts";
import type { HealthMonitor } from "../health/monitor.ts";
import type { HttpSessions } from "../mcp/http_sessions.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import type { Pipeline } from "../runs/pipeline.ts";
import type { RunStore } from "../runs/run_store.ts";
import type { Step } from "../runs/step.ts";
import type { Statistics } from "../runs/statistics_schema.ts";
import type { Toolbox, ToolboxEntry } from "../runs/toolbox.ts";
import type { AuthoriseParts } from "./authorise.ts";
import type { EventStreams } from "./event_streams.ts";
import type { OriginRules } from "./origin_check.ts";

/** Changes of tools while the server runs. Each gives the tool as it is then, or refuses an unknown one. */
export interface ToolAdmin {
  setEnabled(name: string, enabled: boolean): Step<ToolboxEntry>;
  /** Closes the tool's circuit breaker and forgets its failures. */
  resetBreaker(name: string): Step<ToolboxEntry>;
}

/** The runs that are kept. */
export interface KeptRuns {
  readonly store: RunStore;
  /** Resolves once runs of an earlier server, where they outlast it, have been taken in. */
  readonly loaded: Promise<void>;
}

/** The parts without which some routes are not there. */
export interface OptionalParts {
  readonly admin?: ToolAdmin;
  /** Prometheus' text format; null while metrics are switched off. */
  readonly metrics?: () => string | null;
  /** Statistics by tool, to be sent as JSON; null while metrics are switched off. */
  readonly statistics?: () => Statistics | null;
  readonly events?: EventStreams;
  readonly runs?: KeptRuns;
  /** How well the server is. */
  readonly health?: { readonly monitor: Pick<HealthMonitor, "current" | "history" | "latest"> };
  /** The effective configuration, without secrets. */
  readonly config?: () => ConfigDescription;
}

/** A part that a route needs: where it is missing, so is the route. */
export function partOf<Name extends keyof OptionalParts>(
  parts: OptionalParts,
  name: Name,
): NonNullable<OptionalParts[Name]> {
  const part = parts[name];
  if (part === undefined) throw new Error(`there is a route without its part ${name}`);
  return part;
}

/** What the service stands on. */
export interface HttpParts extends AuthoriseParts, OptionalParts {
  readonly toolbox: Toolbox;
  readonly policy: () => TargetPolicy;
  readonly pipeline: Pipeline;
  /** Whether programs can be run at all. */
  readonly confinement: { readonly stands: boolean };
  readonly sessions: HttpSessions;
  /** Asked for each request: the port is known only once it is bound. */
  readonly origins: () => OriginRules;
  readonly maxBodyBytes: () => number;
  readonly clock: Clock;
  /** Told of each request when it is answered; the route is null when it is none of the table. */
  readonly count?: (route: string | null, method: string, status: number) => void;
}

/** What the listener knows of the connection that brought a request. */
export interface Connection {
  /** The other end's address, as text. */
  readonly peer: string;
  /** Says that the request's body is there; until then its client is one that may be slow. */
  readonly bodyIsRead?: () => void;
  /** Says that the body is not waited for any longer: nothing else can be asked on this connection. */
  readonly bodyIsLate?: () => void;
  /** Says, of an answer in pieces, that only the client's taking them is waited for: with each piece, or with the last. */
  readonly awaitsClient?: () => void;
}

/** The connection that brought a request; every request comes with one. */
export function connectionOf({ env }: Context): Connection {
  const connection: Partial<Connection> | undefined = env;
  if (connection?.peer === undefined) throw new Error("a request came without its connection");
  return { ...connection, peer: connection.peer };
}
