import { makeHttpApp } from "../../src/http/app.ts";
import type { AuthoriseParts } from "../../src/http/authorise.ts";
import type { Connection, HttpParts, OptionalParts } from "../../src/http/parts.ts";
import { openApiDocument } from "../../src/http/openapi.ts";
import { originRules } from "../../src/http/origin_check.ts";
import { routesOf } from "../../src/http/routes.ts";
import { HttpSessions } from "../../src/mcp/http_sessions.ts";
import { McpService } from "../../src/mcp/service.ts";
import { FairPlaces } from "../../src/resilience/fair_places.ts";
import { type EngineOptions, makeEngine, type TestEngine } from "./engine.ts";
import { AnswerCheck } from "./answers.ts";
import { NEVER_LIMITED } from "./tokens.ts";

/** One in-memory request; an object as body is sent as JSON. */
export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit | object;
  readonly signal?: AbortSignal;
  /** Where it comes from; 127.0.0.1 unless it says otherwise, and null for nobody knows. */
  readonly peer?: string | null;
  /** Its answer is not waited for, and so not held to what clients are told of it. */
  readonly isUnread?: boolean;
}

/** How a service differs from the usual one, which has no tokens and only the parts that every service has. */
export interface ServiceOptions extends EngineOptions {
  readonly http?:
    & Partial<AuthoriseParts & Pick<HttpParts, "confinement">>
    & OptionalParts
    & Pick<HttpParts, "count">;
}

/** An engine behind the HTTP service, without a socket. */
export interface TestService extends TestEngine {
  /** `ask("GET /livez")`. The Host header is the listener's own unless `headers` say otherwise. */
  ask(route: string, options?: Ask): Promise<Response>;
}

/** The largest body that {@link makeService} takes. */
export const MAX_BODY_BYTES = 4096;

/** Every answer to a test is held to what clients are told of it: for each set of routes, by what they are told. */
const checks = new Map<string, AnswerCheck>();

function checkFor(parts: OptionalParts): AnswerCheck {
  const routes = routesOf(parts);
  const key = routes.map(({ path }) => path).join();
  const known = checks.get(key) ?? new AnswerCheck(JSON.parse(JSON.stringify(openApiDocument(routes))));
  checks.set(key, known);
  return known;
}

/** Puts the service together, as if it listened on 127.0.0.1:8080. */
export function makeService(options: ServiceOptions = {}): TestService {
  const engine = makeEngine(options);
  const service = new McpService({ ...engine, policy: () => engine.policy, maxTextBytes: () => 4096 });
  const limits = { maxSessions: 4, idleMs: 60_000 };
  const sessions = new HttpSessions(service, () => limits, engine.clock, new FairPlaces(() => 4));
  const rules = originRules("127.0.0.1", 8080, ["lab.example:8080"], ["https://page.example"]);
  const described = checkFor(options.http ?? {});
  const app = makeHttpApp({
    ...engine,
    sessions,
    tokens: () => null,
    confinement: { stands: true },
    wrongTokens: NEVER_LIMITED,
    origins: () => rules,
    maxBodyBytes: () => MAX_BODY_BYTES,
    policy: () => engine.policy,
    ...options.http,
  });
  return {
    ...engine,
    ask: async (route, { headers = {}, body, signal, peer = "127.0.0.1", isUnread = false } = {}) => {
      const [method, path] = route.split(" ") as [string, string];
      const isData = typeof body === "object" && Object.getPrototypeOf(body) === Object.prototype;
      const request = new Request(`http://127.0.0.1:8080${path}`, {
        method,
        headers: {
          host: "127.0.0.1:8080",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: isData ? JSON.stringify(body) : body as BodyInit }),
        ...(signal !== undefined && { signal }),
      });
      const response = await app.fetch(request, (peer === null ? {} : { peer }) as Connection);
      // One that does not end is not waited for.
      const type = response.headers.get("content-type");
      const isPreflight = method === "OPTIONS" && response.status === 204;
      if (type !== "text/event-stream" && !isUnread && !isPreflight) {
        const { status, headers } = response;
        // Nothing describes bytes, and they come as they are taken.
        const text = type === "application/octet-stream" ? "" : await response.clone().text();
        described.check(method, path, { status, headers, text });
      }
      return response;
    },
  };
}
