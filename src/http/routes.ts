/**
 * Every route, once.
 *
 * @module
 */
import type { Context } from "hono";
import { REFUSAL_ANSWERS, type RefusalCondition } from "../core/refusal.ts";
import { runResultSchema } from "../core/result.ts";
import { escapeControlsInJson } from "../core/text.ts";
import { METRICS_CONTENT_TYPE } from "../metrics/text_format.ts";
import { runRequestSchema } from "../runs/run_request.ts";
import { statisticsSchema } from "../runs/statistics_schema.ts";
import { toolInformationSchema } from "../runs/tool_schema.ts";
import { EVENT_ANSWERS, EVENTS_DESCRIPTION, eventsQuery, readEvents } from "./event_routes.ts";
import { MCP_ANSWERS, mcpMessageSchema, speakMcp } from "./mcp_route.ts";
import type { HttpParts } from "./parts.ts";
import { notFound } from "./problem.ts";
import { type Route, withQuery } from "./route.ts";
import { configSchema, emptySchema, problemSchema, toolListSchema } from "./schemas.ts";
import { changeTool, executeTool, listTools, showTool } from "./tool_routes.ts";

const stateChange = {
  scope: "admin",
  needs: "admin",
  body: emptySchema,
  answers: { 200: { description: "The tool as it is then", content: toolInformationSchema } },
  refusals: ["unknown_tool"],
} as const;

/** The routes, in the contract's order. */
export const ROUTES: readonly Route[] = [
  {
    path: "/mcp",
    methods: ["GET", "POST", "DELETE"],
    summary: "The Model Context Protocol, Streamable HTTP",
    description: "Made for MCP clients, and described by that protocol. Errors are JSON-RPC's.",
    withoutHead: true,
    scope: "execute",
    query: "ignored",
    body: mcpMessageSchema,
    answers: MCP_ANSWERS,
    answer: speakMcp,
  },
  {
    path: "/livez",
    methods: ["GET"],
    summary: "Whether the server is alive",
    scope: null,
    query: "ignored",
    answers: { 200: { description: "It is", content: "text/plain" } },
    answer: (context) => context.text("ok\n"),
  },
  {
    path: "/readyz",
    methods: ["GET"],
    summary: "Whether the server takes new runs",
    scope: null,
    query: "ignored",
    answers: {
      200: { description: "It does", content: "text/plain" },
      503: { description: "It is stopping", content: "text/plain" },
    },
    answer: readiness,
  },
  {
    path: "/tools",
    methods: ["GET"],
    summary: "Every tool, the disabled and the missing ones too",
    scope: "read",
    answers: { 200: { description: "The tools by name", content: toolListSchema } },
    answer: listTools,
  },
  {
    path: "/tools/{name}",
    methods: ["GET"],
    summary: "One tool",
    scope: "read",
    answers: { 200: { description: "The tool", content: toolInformationSchema } },
    refusals: ["unknown_tool"],
    answer: showTool,
  },
  {
    path: "/tools/{name}/execute",
    methods: ["POST"],
    summary: "Runs a tool, and answers when the run has ended",
    description: "A client that goes away cancels its run.",
    scope: "execute",
    body: runRequestSchema,
    answers: { 200: { description: "The run, whatever its outcome", content: runResultSchema } },
    refusals: Object.keys(REFUSAL_ANSWERS) as RefusalCondition[],
    answer: executeTool,
  },
  {
    path: "/tools/{name}/enable",
    methods: ["POST"],
    summary: "Switches a tool on",
    ...stateChange,
    answer: changeTool((admin, name) => admin.setEnabled(name, true)),
  },
  {
    path: "/tools/{name}/disable",
    methods: ["POST"],
    summary: "Switches a tool off",
    ...stateChange,
    answer: changeTool((admin, name) => admin.setEnabled(name, false)),
  },
  {
    path: "/tools/{name}/breaker/reset",
    methods: ["POST"],
    summary: "Closes a tool's circuit breaker and forgets its failures",
    ...stateChange,
    answer: changeTool((admin, name) => admin.resetBreaker(name)),
  },
  {
    path: "/events",
    methods: ["GET"],
    summary: "What happens, as it happens",
    description: EVENTS_DESCRIPTION,
    withoutHead: true,
    scope: "read",
    needs: "events",
    answers: EVENT_ANSWERS,
    ...withQuery(eventsQuery, readEvents),
  },
  {
    path: "/metrics",
    methods: ["GET"],
    summary: "What the server counts, in Prometheus' text format",
    scope: "read",
    needs: "metrics",
    answers: {
      200: { description: "The metrics", content: METRICS_CONTENT_TYPE },
      404: { description: "Metrics are switched off", content: problemSchema },
    },
    answer: showMetrics,
  },
  {
    path: "/stats",
    methods: ["GET"],
    summary: "Statistics of runs by tool",
    scope: "read",
    needs: "statistics",
    answers: {
      200: { description: "The statistics", content: statisticsSchema },
      404: { description: "Metrics are switched off", content: problemSchema },
    },
    answer: showStatistics,
  },
  {
    path: "/config",
    methods: ["GET"],
    summary: "The effective configuration, without secrets, each value with its source",
    scope: "read",
    needs: "config",
    answers: { 200: { description: "The configuration", content: configSchema } },
    answer: showConfig,
  },
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
