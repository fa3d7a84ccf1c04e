/**
 * Every route, once: its path, its methods, the scope that it takes, and what answers.
 *
 * @module
 */
import type { Context } from "hono";
import { escapeControlsInJson } from "../core/text.ts";
import { METRICS_CONTENT_TYPE } from "../metrics/text_format.ts";
import type { Caller } from "./authorise.ts";
import { readEvents } from "./event_routes.ts";
import { speakMcp } from "./mcp_route.ts";
import type { HttpParts, OptionalParts } from "./parts.ts";
import { notFound } from "./problem.ts";
import type { Scope } from "./tokens.ts";
import { changeTool, executeTool, listTools, showTool } from "./tool_routes.ts";

/** What all routes have. */
interface RouteBasics {
  /** Parts of the path that differ are written `{name}`. */
  readonly path: string;
  /** In the order in which a refusal names them. HEAD is answered like GET. */
  readonly methods: readonly ("GET" | "POST" | "DELETE")[];
  /** A HEAD is not answered like GET, since that would open a stream that nobody reads and nobody ends. */
  readonly withoutHead?: true;
  /** The part without which the route is not there. */
  readonly needs?: keyof OptionalParts;
}

/** A route that answers anyone, and one that takes a scope. */
export type Route =
  & RouteBasics
  & ({
    readonly scope: null;
    readonly answer: (context: Context, parts: HttpParts) => Response | Promise<Response>;
  } | {
    readonly scope: Scope;
    readonly answer: (context: Context, parts: HttpParts, caller: Caller) => Response | Promise<Response>;
  });

/** The routes, in the contract's order. */
export const ROUTES: readonly Route[] = [
  { path: "/mcp", methods: ["GET", "POST", "DELETE"], withoutHead: true, scope: "execute", answer: speakMcp },
  { path: "/livez", methods: ["GET"], scope: null, answer: (context) => context.text("ok\n") },
  { path: "/readyz", methods: ["GET"], scope: null, answer: readiness },
  { path: "/tools", methods: ["GET"], scope: "read", answer: listTools },
  { path: "/tools/{name}", methods: ["GET"], scope: "read", answer: showTool },
  { path: "/tools/{name}/execute", methods: ["POST"], scope: "execute", answer: executeTool },
  {
    path: "/tools/{name}/enable",
    methods: ["POST"],
    scope: "admin",
    needs: "admin",
    answer: changeTool((admin, name) => admin.setEnabled(name, true)),
  },
  {
    path: "/tools/{name}/disable",
    methods: ["POST"],
    scope: "admin",
    needs: "admin",
    answer: changeTool((admin, name) => admin.setEnabled(name, false)),
  },
  {
    path: "/tools/{name}/breaker/reset",
    methods: ["POST"],
    scope: "admin",
    needs: "admin",
    answer: changeTool((admin, name) => admin.resetBreaker(name)),
  },
  {
    path: "/events",
    methods: ["GET"],
    withoutHead: true,
    scope: "read",
    needs: "events",
    answer: readEvents,
  },
  { path: "/metrics", methods: ["GET"], scope: "read", needs: "metrics", answer: showMetrics },
  { path: "/stats", methods: ["GET"], scope: "read", needs: "statistics", answer: showStatistics },
  { path: "/config", methods: ["GET"], scope: "read", needs: "config", answer: showConfig },
];

function readiness(context: Context, { pipeline }: HttpParts): Response {
  return pipeline.admitting ? context.text("ready\n") : context.text("stopping\n", 503);
}

function showMetrics(_context: Context, { metrics }: HttpParts): Response {
  const text = metrics?.() ?? null;
  if (text === null) return metricsAreOff();
  return new Response(text, { headers: { "content-type": METRICS_CONTENT_TYPE } });
}

function showStatistics(context: Context, { statistics }: HttpParts): Response {
  const answer = statistics?.() ?? null;
  return answer === null ? metricsAreOff() : context.json(answer);
}

function metricsAreOff(): Response {
  return notFound("metrics are switched off", "A person may switch them on with metrics.enabled: true.");
}

function showConfig(_context: Context, { config }: HttpParts): Response {
  const headers = { "content-type": "application/json" };
  return new Response(escapeControlsInJson(JSON.stringify(config?.())), { headers });
}
