/**
 * `/livez`, `/readyz` and `/health`: what load balancers, orchestrators and monitors ask for.
 *
 * @module
 */
import type { Context } from "hono";
import { isoTime } from "../core/clock.ts";
import { VERSION } from "../core/version.ts";
import type { HealthStatus } from "../core/health_status.ts";
import { summaryOf } from "../health/round.ts";
import { jsonAnswer } from "./json_answer.ts";
import { type HttpParts, partOf } from "./parts.ts";

/** The status code that goes with each status: 207 is Multi-Status, since some things are well and others are not. */
const STATUS_CODES: Readonly<Record<HealthStatus, number>> = { healthy: 200, degraded: 207, unhealthy: 503 };

/** That it is answered is the answer. */
export function liveness(context: Context): Response {
  return context.text("ok\n");
}

/** Whether runs are taken: from when the tier is decided until the server stops, unless warden or scribe are gone. */
export function readiness(context: Context, { pipeline, confinement }: HttpParts): Response {
  if (!pipeline.admitting) return context.text("stopping\n", 503);
  return confinement.stands ? context.text("ready\n") : context.text("not confined\n", 503);
}

/**
 * How well the server is by its latest round of checks: nothing is checked because somebody asks. Before there is one,
 * the first is waited for, unless the server stops.
 *
 * A server that stops is unhealthy, whatever its checks say: it takes no runs any more, so whoever sends it any by this
 * answer should send them elsewhere. `overall_status` stays what the checks say.
 *
 * @param hasDetails whether the caller may see more than how well it is, and when that was found
 */
export async function showHealth(
  _context: Context,
  parts: HttpParts,
  hasDetails: boolean,
): Promise<Response> {
  const { pipeline, clock } = parts;
  const { monitor } = partOf(parts, "health");
  const round = pipeline.admitting ? await monitor.current() : monitor.latest;
  const stopping = !pipeline.admitting;
  const status = stopping || round === null ? "unhealthy" : round.status;
  const timestamp = isoTime(round?.wallMs ?? clock.wall());
  const details = {
    transport: "http",
    version: VERSION,
    stopping,
    ...(round !== null && summaryOf(round, monitor.history)),
  };
  const body = { status, timestamp, ...(hasDetails && details) };
  return jsonAnswer(body, { status: STATUS_CODES[status] });
}
