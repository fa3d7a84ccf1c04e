/**
 * Every route, once.
 *
 * @module
 */
import type { Context } from "hono";
import { configDescriptionSchema } from "../config/describe.ts";
import { REFUSAL_ANSWERS, type RefusalCondition } from "../core/refusal.ts";
import { runResultSchema } from "../core/result.ts";
import { METRICS_CONTENT_TYPE } from "../metrics/text_format.ts";
import { runRequestSchema } from "../runs/run_request.ts";
import { statisticsSchema } from "../runs/statistics_schema.ts";
import { EVENT_ANSWERS, EVENTS_DESCRIPTION, eventsQuery, readEvents } from "./event_routes.ts";
import { runRecordSchema } from "../runs/run_summary.ts";
import { toolInformationSchema } from "../runs/tool_schema.ts";
import { healthAnswerSchema } from "../health/summary_schema.ts";
import { liveness, readiness, showHealth } from "./health_route.ts";
import { MCP_ANSWERS, MCP_END_ANSWERS, mcpMessageSchema, speakMcp } from "./mcp_route.ts";
import { openApiDocument } from "./openapi.ts";
import { jsonAnswer } from "./json_answer.ts";
import { type HttpParts, type OptionalParts, partOf } from "./parts.ts";
import { notFound } from "./problem.ts";
import { type Route, withQuery } from "./route.ts";
import { listRuns, OUTPUT_HEADERS, OUTPUT_TYPE, runQuerySchema, showOutput, showRun } from "./run_routes.ts";
import { emptySchema, openApiSchema, problemSchema, runListSchema, toolListSchema } from "./schemas.ts";
import { changeTool, executeTool, listTools, showTool } from "./tool_routes.ts";

const stateChange = {
  scope: "admin",
  needs: "admin",
  body: emptySchema,
  answers: { 200: { description: "The tool as it is then", content: toolInformationSchema } },
  refusals: ["unknown_tool"],
} as const;

const output = {
  description: "While a run goes on: those that it has written so far, without a tag.",
  scope: "read",
  needs: "runs",
  answers: {
    200: { description: "All of them", content: OUTPUT_TYPE, headers: OUTPUT_HEADERS },
    206: {
      description: "The range that was asked for; of several, all",
      content: OUTPUT_TYPE,
      headers: [...OUTPUT_HEADERS, "content-range"],
    },
    304: { description: "They are those that the client has", headers: OUTPUT_HEADERS },
    404: { description: "There is no such run, or none any more", content: problemSchema },
    416: {
      description: "The range begins beyond the end",
      content: problemSchema,
      headers: ["accept-ranges", "content-range"],
    },
  },
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
    answersTo: { DELETE: MCP_END_ANSWERS },
    answer: speakMcp,
  },
  {
    path: "/livez",
    methods: ["GET"],
    summary: "Whether the server is alive",
    scope: null,
    query: "ignored",
    answers: { 200: { description: "It is", content: "text/plain" } },
    answer: liveness,
  },
  {
    path: "/readyz",
    methods: ["GET"],
    summary: "Whether the server takes new runs",
    scope: null,
    query: "ignored",
    answers: {
      200: { description: "It does", content: "text/plain" },
      503: { description: "It is stopping, or cannot confine what it runs", content: "text/plain" },
    },
    answer: readiness,
  },
  {
    path: "/health",
    methods: ["GET"],
    summary: "How well the server is, by its latest round of checks",
    description: "Whoever does not have the scope read is told the status alone.",
    scope: null,
    details: "read",
    needs: "health",
    query: "ignored",
    answers: {
      200: { description: "It is healthy", content: healthAnswerSchema },
      207: {
        description: "It is degraded: some things are not as they should be",
        content: healthAnswerSchema,
      },
      503: { description: "It is unhealthy, or stopping", content: healthAnswerSchema },
    },
    answer: showHealth,
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
    path: "/runs",
    methods: ["GET"],
    summary: "The last runs, those that were started last first",
    scope: "read",
    needs: "runs",
    answers: { 200: { description: "The runs", content: runListSchema } },
    ...withQuery(runQuerySchema, listRuns),
  },
  {
    path: "/runs/{id}",
    methods: ["GET"],
    summary: "One run: its result, or what there is of it while it goes on",
    scope: "read",
    needs: "runs",
    answers: {
      200: { description: "The run", content: runRecordSchema },
      404: { description: "There is no such run, or none any more", content: problemSchema },
    },
    answer: showRun,
  },
  {
    path: "/runs/{id}/stdout",
    methods: ["GET"],
    summary: "The very bytes that a run has written to standard output, as far as they are kept",
    ...output,
    answer: showOutput("stdout"),
  },
  {
    path: "/runs/{id}/stderr",
    methods: ["GET"],
    summary: "The very bytes that a run has written to standard error, as far as they are kept",
    ...output,
    answer: showOutput("stderr"),
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
    answers: { 200: { description: "The configuration", content: configDescriptionSchema } },
    answer: showConfig,
  },
  {
    path: "/openapi.json",
    methods: ["GET"],
    summary: "This description, OpenAPI 3.1",
    scope: "read",
    answers: { 200: { description: "The description", content: openApiSchema } },
    answer: showOpenApi,
  },
];

/** The routes that a service with these parts has. */
export function routesOf(parts: OptionalParts): readonly Route[] {
  return ROUTES.filter(({ needs }) => needs === undefined || parts[needs] !== undefined);
}

function showMetrics(_context: Context, parts: HttpParts): Response {
  const text = partOf(parts, "metrics")();
  if (text === null) return metricsAreOff();
  return new Response(text, { headers: { "content-type": METRICS_CONTENT_TYPE } });
}

function showStatistics(_context: Context, parts: HttpParts): Response {
  const statistics = partOf(parts, "statistics")();
  return statistics === null ? metricsAreOff() : jsonAnswer(statistics);
}

function metricsAreOff(): Response {
  return notFound("metrics are switched off", "A person may switch them on with metrics.enabled: true.");
}

function showConfig(_context: Context, parts: HttpParts): Response {
  return jsonAnswer(partOf(parts, "config")());
}

/** The document of each service: what a service has does not change. */
const documents = new WeakMap<HttpParts, object>();

function showOpenApi(_context: Context, parts: HttpParts): Response {
  const document = documents.get(parts) ?? openApiDocument(routesOf(parts));
  documents.set(parts, document);
  return jsonAnswer(document);
}
