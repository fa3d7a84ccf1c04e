/**
 * The HTTP service: the checks that stand before every route, and the answers where there is none.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type Context, Hono } from "hono";
import { FailedRequest } from "../core/failed_request.ts";
import { newId } from "../core/ids.ts";
import { quote } from "../core/text.ts";
import { authorise } from "./authorise.ts";
import { answerPreflight, isPreflight, sharedOrigin, shareWith } from "./cors.ts";
import { checkOrigin } from "./origin_check.ts";
import { type Connection, connectionOf, type HttpParts } from "./parts.ts";
import { peerName } from "./peer.ts";
import { methodNotAllowed, notFound, problem } from "./problem.ts";
import { NO_QUERY, readQuery } from "./query.ts";
import type { Route } from "./route.ts";
import { routesOf } from "./routes.ts";
import { secured } from "./security_headers.ts";

/** The service. A request is handed over together with its {@link Connection}. */
export type HttpApp = Hono<AppEnvironment>;

/** What each request has in its context: its connection, and the path of the route that answers it. */
interface AppEnvironment {
  readonly Bindings: Connection;
  readonly Variables: { readonly route?: string };
}

type HttpContext = Context<AppEnvironment>;

const logger = getLogger(["bulkhead", "http"]);

/** Makes the service; it can be asked without a socket. */
export function makeHttpApp(parts: HttpParts): HttpApp {
  const app: HttpApp = new Hono<AppEnvironment>();
  const routes = routesOf(parts);

  app.use(async (context, next) => {
    const rules = parts.origins();
    const refused = checkOrigin(context.req.raw, rules);
    if (refused === null) {
      // Whoever looks at its parts may rely on it that there are some.
      if (URL.canParse(context.req.raw.url)) await next();
      else context.res = badUrl();
    } else {
      context.res = problem({
        status: 403,
        title: "Forbidden",
        detail: refused,
        errorType: "validation_error",
        remedy:
          "Use the listener's own address, or have server.allowed_hosts or server.allowed_origins name yours.",
      }, newId());
    }
    secured(context.res);
    const page = sharedOrigin(context.req.raw, rules);
    if (page !== null) shareWith(page, context.res);
    // A request that is sent on a connection while it is being closed is lost.
    if (!parts.pipeline.admitting) context.res.headers.set("connection", "close");
    parts.count?.(context.get("route") ?? null, context.req.method, context.res.status);
  });

  for (const route of routes) {
    const path = route.path.replace(/\{([a-z]+)\}/g, ":$1");
    app.on([...route.methods], path, (context) => {
      context.set("route", route.path);
      return answer(context, route, parts);
    });
    app.all(path, (context) => {
      context.set("route", route.path);
      // It carries no token, and says nothing that the documentation does not.
      if (isPreflight(context.req.raw) && sharedOrigin(context.req.raw, parts.origins()) !== null) {
        return answerPreflight(route.methods);
      }
      return toKnown(context, parts, () => refuseMethod(context, route));
    });
  }

  const paths = routes.map(({ path }) => path);
  const remedy = `The routes are ${paths.slice(0, -1).join(", ")} and ${paths.at(-1)}.`;
  app.notFound((context) =>
    toKnown(context, parts, () => notFound(`there is nothing at ${quote(context.req.path)}`, remedy))
  );

  app.onError((error) => {
    const about = { correlation_id: newId(), ...FailedRequest.about(error) };
    logger.error("internal error", about);
    return problem({
      status: 500,
      title: "Internal error",
      detail: "the server failed to answer; its log has the details",
      errorType: "unknown",
      remedy: "Report it with the correlation id.",
    }, about.correlation_id);
  });

  return app;
}

function badUrl(): Response {
  return problem({
    status: 400,
    title: "Bad request",
    detail: "the request's target and its Host header are no URL together",
    errorType: "validation_error",
    remedy: "Send the path alone, such as GET /tools.",
  }, newId());
}

/** Answers by a route, once the caller may use it. */
async function answer(context: HttpContext, route: Route, parts: HttpParts): Promise<Response> {
  if (route.scope === null) {
    const refused = refuseQuery(context, route);
    if (refused !== null) return refused;
    if (route.details === undefined) return await route.answer(context, parts);
    // Whoever may not see them is answered all the same; a wrong token counts as one.
    const authorised = await authorise(context.req.raw, peerOf(context), null, parts);
    const hasDetails = authorised.ok && authorised.caller.scopes.has(route.details);
    return await route.answer(context, parts, hasDetails);
  }
  const authorised = await authorise(context.req.raw, peerOf(context), route.scope, parts);
  if (!authorised.ok) return authorised.response;
  if (route.withoutHead && context.req.method === "HEAD") return refuseMethod(context, route);
  return refuseQuery(context, route) ?? await route.answer(context, parts, authorised.caller);
}

/** The answer to a query on a route that takes none; null when there is no such query. */
function refuseQuery({ req }: HttpContext, { query }: Route): Response | null {
  if (query !== undefined) return null;
  const read = readQuery(req.raw, NO_QUERY);
  return read.ok ? null : read.response;
}

/** What is not there is told to those only who may ask at all: where there are tokens, without one nothing is. */
async function toKnown(context: HttpContext, parts: HttpParts, answer: () => Response): Promise<Response> {
  const authorised = await authorise(context.req.raw, peerOf(context), null, parts);
  return authorised.ok ? answer() : authorised.response;
}

function refuseMethod(context: HttpContext, { methods }: Route): Response {
  return methodNotAllowed(quote(context.req.path), methods);
}

function peerOf(context: HttpContext): string {
  return peerName(connectionOf(context).peer);
}
