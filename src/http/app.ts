/**
 * The HTTP service: every route of it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type Context, Hono } from "hono";
import { newId } from "../core/ids.ts";
import type { Refusal } from "../core/refusal.ts";
import { escapeControls, escapeControlsInJson, quote } from "../core/text.ts";
import type { HttpSessions } from "../mcp/http_sessions.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { toolInformation } from "../runs/describe_tool.ts";
import type { Pipeline } from "../runs/pipeline.ts";
import type { RunRequest } from "../runs/plan.ts";
import { findTool, type Toolbox } from "../runs/toolbox.ts";
import { readJsonBody } from "./body.ts";
import { checkOrigin, type OriginRules } from "./origin_check.ts";
import { problem, refusalProblem } from "./problem.ts";

/** What the service stands on. */
export interface HttpParts {
  readonly toolbox: Toolbox;
  readonly policy: () => TargetPolicy;
  readonly pipeline: Pipeline;
  readonly sessions: HttpSessions;
  /** Asked for each request: the port is known only once it is bound. */
  readonly origins: () => OriginRules;
  readonly maxBodyBytes: () => number;
}

const logger = getLogger(["bulkhead", "http"]);

/** Without tokens callers cannot be told apart. */
const LOCAL_CLIENT = "http";

/** The paths and the methods that each has. */
const METHODS: readonly (readonly [RegExp, string])[] = [
  [/^\/(?:livez|readyz|tools)$/, "GET"],
  [/^\/tools\/[^/]+$/, "GET"],
  [/^\/tools\/[^/]+\/execute$/, "POST"],
  [/^\/mcp$/, "GET, POST, DELETE"],
];

/** Makes the service; it can be asked without a socket. */
export function makeHttpApp(parts: HttpParts): Hono {
  const { toolbox, policy, pipeline, sessions } = parts;
  const app = new Hono();

  app.use(async (context, next) => {
    const refused = checkOrigin(context.req.raw, parts.origins());
    if (refused === null) await next();
    else {
      context.res = problem({
        status: 403,
        title: "Forbidden",
        detail: refused,
        errorType: "validation_error",
        remedy:
          "Use the listener's own address, or have server.allowed_hosts or server.allowed_origins name yours.",
      }, newId());
    }
    context.res.headers.set("x-content-type-options", "nosniff");
    context.res.headers.set("cache-control", "no-store");
  });

  app.get("/livez", (context) => context.text("ok\n"));
  app.get(
    "/readyz",
    (context) => pipeline.admitting ? context.text("ready\n") : context.text("stopping\n", 503),
  );

  app.get(
    "/tools",
    (context) =>
      context.json({ tools: [...toolbox.values()].map((entry) => toolInformation(entry, policy())) }),
  );
  app.get("/tools/:name", (context) => {
    const found = findTool(toolbox, context.req.param("name"));
    if (!found.ok) return refusalProblem(found.refusal, newId());
    return context.json(toolInformation(found.value, policy()));
  });
  app.post("/tools/:name/execute", (context) => execute(context, parts));

  app.on(["GET", "POST", "DELETE"], "/mcp", async (context) => {
    const request = context.req.raw;
    // A HEAD is routed as a GET, and would open a stream that nobody reads and nobody ends.
    if (request.method === "HEAD") return methodNotAllowed(context.req.path, "GET, POST, DELETE");
    if (request.method !== "POST") return await sessions.handle(request, undefined);
    const body = await readJsonBody(request, parts.maxBodyBytes());
    if (body.ok) return await sessions.handle(request, body.value);
    // The endpoint speaks JSON-RPC, so its errors do too: parse error, or invalid request.
    const tooLarge = body.condition === "too_large";
    const error = {
      code: tooLarge ? -32600 : -32700,
      message: `${escapeControls(body.error)}. ${body.remedy}`,
    };
    return context.json({ jsonrpc: "2.0", error, id: null }, tooLarge ? 413 : 400);
  });

  app.notFound((context) => {
    const allow = METHODS.find(([path]) => path.test(context.req.path))?.[1];
    if (allow !== undefined) return methodNotAllowed(context.req.path, allow);
    return problem({
      status: 404,
      title: "Not found",
      detail: `there is nothing at ${quote(context.req.path)}`,
      errorType: "not_found",
      remedy: "The routes are /mcp, /livez, /readyz, /tools, /tools/{name} and /tools/{name}/execute.",
    }, newId());
  });

  app.onError((error) => {
    const correlationId = newId();
    logger.error("internal error", { correlation_id: correlationId, error: error.stack ?? error.message });
    return problem({
      status: 500,
      title: "Internal error",
      detail: "the server failed to answer; its log has the details",
      errorType: "unknown",
      remedy: "Report it with the correlation id.",
    }, correlationId);
  });

  return app;
}

async function execute(context: Context, { pipeline, maxBodyBytes }: HttpParts): Promise<Response> {
  const body = await readJsonBody(context.req.raw, maxBodyBytes());
  if (!body.ok) {
    const { condition, error, remedy } = body;
    return refusalProblem({ condition, error, remedy, field: "body" }, newId());
  }
  if (typeof body.value !== "object" || body.value === null || Array.isArray(body.value)) {
    const refusal: Refusal = {
      condition: "invalid",
      field: "body",
      error: "the body is not an object",
      remedy: 'Send an object such as {"target": "10.0.0.5"}.',
    };
    return refusalProblem(refusal, newId());
  }
  const answer = await pipeline.run(
    context.req.param("name") ?? "",
    body.value as RunRequest,
    // Without tokens a caller over HTTP is given no leave for intrusive runs.
    { client: LOCAL_CLIENT, signal: context.req.raw.signal, mayIntrude: false },
  );
  if (answer.kind === "refusal") return refusalProblem(answer.refusal, answer.correlationId);
  const headers = { "content-type": "application/json" };
  return new Response(escapeControlsInJson(JSON.stringify(answer.result)), { headers });
}

function methodNotAllowed(path: string, allow: string): Response {
  const body = {
    status: 405,
    title: "Method not allowed",
    detail: `${path} takes ${allow}`,
    errorType: "validation_error",
    remedy: `Use ${allow}.`,
  };
  return problem(body, newId(), { allow });
}
