/**
 * The routes as an OpenAPI document (version 3.1, spec.openapis.org/oas/v3.1.0), for `GET /openapi.json`.
 *
 * Made by hand: the routes are data already, and hono-openapi would want each of them said a second time, around its
 * handler, and would know nothing of scopes, refusals or the parts that a server does without.
 *
 * @module
 */
import type * as z from "zod";
import { type JsonSchema, jsonSchemaOf, jsonSchemasOf } from "../core/json_schema.ts";
import { configDescriptionSchema } from "../config/describe.ts";
import { REFUSAL_ANSWERS } from "../core/refusal.ts";
import { runResultSchema } from "../core/result.ts";
import { VERSION } from "../core/version.ts";
import { healthAnswerSchema } from "../health/summary_schema.ts";
import { runRequestSchema } from "../runs/run_request.ts";
import { runRecordSchema, runSummarySchema } from "../runs/run_summary.ts";
import { statisticsSchema } from "../runs/statistics_schema.ts";
import { breakerInformationSchema, toolInformationSchema } from "../runs/tool_schema.ts";
import type { AnswerHeader, Method, Route, RouteAnswer } from "./route.ts";
import { emptySchema, problemSchema, runListSchema, toolListSchema } from "./schemas.ts";

/** An object of the document. */
type Json = Readonly<Record<string, unknown>>;

/** The schemas that have a name in the document; others stand where they are used. */
const NAMED: ReadonlyMap<z.ZodType, string> = new Map<z.ZodType, string>([
  [problemSchema, "Problem"],
  [toolListSchema, "ToolList"],
  [toolInformationSchema, "Tool"],
  [breakerInformationSchema, "CircuitBreaker"],
  [runRequestSchema, "RunRequest"],
  [runResultSchema, "RunResult"],
  [runListSchema, "RunList"],
  [runSummarySchema, "RunSummary"],
  [runRecordSchema, "Run"],
  [configDescriptionSchema, "Configuration"],
  [healthAnswerSchema, "Health"],
  [statisticsSchema, "Statistics"],
  [emptySchema, "Nothing"],
]);

/** The parts of paths that differ. */
const PATH_PARAMETERS: Readonly<Record<string, { readonly description: string; readonly schema: Json }>> = {
  name: { description: "The tool's name", schema: { type: "string" } },
  id: { description: "The run's id", schema: { type: "string", format: "uuid" } },
};

const HEADERS: Readonly<Record<AnswerHeader, { readonly description: string; readonly schema: Json }>> = {
  "accept-ranges": { description: "What ranges are counted in", schema: { const: "bytes" } },
  "allow": { description: "The methods of this path", schema: { type: "string" } },
  "bulkhead-outcome": {
    description: "How the run ended, or running",
    schema: { type: "string" },
  },
  "bulkhead-total-bytes": {
    description: "Bytes that the program wrote, kept or not; absent while the run goes on",
    schema: { type: "integer", minimum: 0 },
  },
  "content-range": {
    description: "Which part of the whole this is, and how long the whole is",
    schema: { type: "string" },
  },
  "etag": {
    description: "The name of these bytes, which never means others; absent while the run goes on",
    schema: { type: "string" },
  },
  "retry-after": {
    description: "Seconds until a new try makes sense",
    schema: { type: "integer", minimum: 1 },
  },
  "www-authenticate": { description: "What is wanted, as RFC 6750 has it", schema: { type: "string" } },
};

/** Makes the document for the routes that a server has. */
export function openApiDocument(routes: readonly Route[]): Json {
  const schemas = new Schemas(routes);
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const item = paths[route.path] ??= {};
    for (const method of route.methods) item[method.toLowerCase()] = operation(route, method, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Bulkhead",
      version: VERSION,
      description: "Command-line network tools, each confined to one program and to allowed targets. " +
        "HEAD is answered like GET, but for streams. Host and Origin are checked on every path; pages of other " +
        "origins may read answers (CORS) where server.allowed_origins names them.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: schemas.components,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "A token of the server's auth.tokens_file. A server without such a file listens on loopback " +
            "only and asks for none; nobody has the scope admin there.",
        },
      },
    },
  };
}

/** Names an operation after its method and its path: `postToolsNameExecute`. */
function operationId(route: Route, method: Method): string {
  const words = route.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
}

function operation(route: Route, method: Method, schemas: Schemas): Json {
  const { summary, description, body } = route;
  const parameters = [...pathParameters(route), ...queryParameters(route)];
  return {
    operationId: operationId(route, method),
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(method === "POST" && body !== undefined && {
      requestBody: {
        // A body of nothing may be left out, but for what says that it is JSON.
        required: body !== emptySchema,
        content: { "application/json": { schema: schemas.use(body) } },
      },
    }),
    responses: Object.fromEntries(
      [...answersOf(route, method)].sort(([a], [b]) => a - b)
        .map(([status, answers]) => [String(status), response(answers, schemas)]),
    ),
    security: securityOf(route),
  };
}

/** What is needed; an empty alternative is none. */
function securityOf({ scope, details }: Route): Json[] {
  if (scope !== null) return [{ bearer: [scope] }];
  return details === undefined ? [] : [{}, { bearer: [details] }];
}

function pathParameters({ path }: Route): Json[] {
  return Array.from(path.matchAll(/\{([a-z]+)\}/g), ([, name]) => {
    const parameter = PATH_PARAMETERS[name!];
    if (parameter === undefined) throw new Error(`nothing describes {${name}} in ${path}`);
    return { name, in: "path", required: true, ...parameter };
  });
}

function queryParameters({ query }: Route): Json[] {
  if (query === undefined || query === "ignored") return [];
  const { properties = {} } = jsonSchemaOf(query) as {
    properties?: Readonly<Record<string, JsonSchema>>;
  };
  // What is missing in an empty one; a value that is there by default is not.
  const required = new Set(query.safeParse({}).error?.issues.map(({ path }) => path[0]));
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.has(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

/** All answers to a method by status: the route's own, and those that follow from what it is. */
function answersOf(route: Route, method: Method): ReadonlyMap<number, readonly RouteAnswer[]> {
  const answers = new Map<number, RouteAnswer[]>();
  const add = (status: number, answer: RouteAnswer) => {
    answers.set(status, [...answers.get(status) ?? [], answer]);
  };
  const refuse = (status: number, description: string, headers: readonly AnswerHeader[] = []) =>
    add(status, { description, content: problemSchema, headers });
  const given = route.answersTo?.[method] ?? route.answers;
  for (const [status, answer] of Object.entries(given)) add(Number(status), answer);
  const own = new Set(answers.keys());
  const { scope, query, refusals = [] } = route;
  const body = method === "POST" ? route.body : undefined;
  refuse(403, "The Host or the Origin is not allowed");
  refuse(500, "The server failed to answer; its log has the details");
  if (scope !== null) {
    refuse(401, "There is no token, or it is not one of the server's", ["www-authenticate"]);
    refuse(403, `The token does not have the scope ${scope}`, ["www-authenticate"]);
    refuse(429, "Too many wrong tokens from this address", ["retry-after"]);
  }
  if (query !== "ignored") refuse(400, query === undefined ? "There is a query" : "The query is not valid");
  // A route that says itself what becomes of bad bodies does not answer them as the others do.
  if (body !== undefined && !own.has(400)) refuse(400, "The body is not valid");
  if (body !== undefined && !own.has(408)) refuse(408, "The body came too slowly");
  if (body !== undefined && !own.has(413)) refuse(413, "The body is too large");
  for (const condition of refusals) {
    const { httpStatus, title } = REFUSAL_ANSWERS[condition];
    refuse(httpStatus, title, httpStatus === 429 || condition === "breaker_open" ? ["retry-after"] : []);
  }
  return answers;
}

/** One response from all that have its status. */
function response(answers: readonly RouteAnswer[], schemas: Schemas): Json {
  const content: Record<string, Json> = {};
  for (const { content: body } of answers) {
    if (body === undefined) continue;
    if (typeof body === "string") content[body] ??= {};
    else content[contentTypeOf(body)] ??= { schema: schemas.use(body) };
  }
  const headers = new Set(answers.flatMap(({ headers = [] }) => headers));
  return {
    description: [...new Set(answers.map(({ description }) => description))].join("; "),
    ...(headers.size > 0 &&
      { headers: Object.fromEntries([...headers].map((name) => [name, HEADERS[name]])) }),
    ...(Object.keys(content).length > 0 && { content }),
  };
}

function contentTypeOf(schema: z.ZodType): string {
  return schema === problemSchema ? "application/problem+json" : "application/json";
}

/** The schemas of some routes, written once. */
class Schemas {
  readonly #names: ReadonlyMap<z.ZodType, string>;
  readonly #written: ReadonlyMap<string, JsonSchema>;

  constructor(routes: readonly Route[]) {
    const names = new Map(NAMED);
    for (const route of routes) {
      const answers = route.methods.flatMap((method) => [...answersOf(route, method).values()].flat());
      const used = [route.body, ...answers.map(({ content }) => content)];
      for (const schema of used) {
        if (typeof schema === "object" && !names.has(schema)) names.set(schema, `-${names.size}`);
      }
    }
    this.#names = names;
    this.#written = jsonSchemasOf(names, referenceTo);
  }

  /** How a schema stands where it is used: by a reference, or as it is. */
  use(schema: z.ZodType): Json {
    const name = this.#names.get(schema)!;
    return NAMED.has(schema) ? { $ref: referenceTo(name) } : this.#written.get(name)!;
  }

  /** Those that are referred to. */
  get components(): Json {
    return Object.fromEntries([...NAMED.values()].map((name) => [name, this.#written.get(name)]));
  }
}

function referenceTo(name: string): string {
  return `#/components/schemas/${name}`;
}
