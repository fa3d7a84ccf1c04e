/**
 * What a route is: where it is, who may use it, what it takes, what it answers, and what does so. The service is made of
 * this, requests are checked by it, and `/openapi.json` tells it to clients.
 *
 * @module
 */
import type { Context } from "hono";
import type * as z from "zod";
import type { RefusalCondition } from "../core/refusal.ts";
import type { Caller } from "./authorise.ts";
import type { HttpParts, OptionalParts } from "./parts.ts";
import { type QuerySchema, readQuery } from "./query.ts";
import type { Scope } from "./tokens.ts";

/** The headers of answers that clients go by; `src/http/openapi.ts` describes each. */
export const ANSWER_HEADERS = [
  "accept-ranges",
  "allow",
  "bulkhead-outcome",
  "bulkhead-total-bytes",
  "content-range",
  "etag",
  "retry-after",
  "www-authenticate",
] as const;

/** One of {@link ANSWER_HEADERS}. */
export type AnswerHeader = (typeof ANSWER_HEADERS)[number];

/** What one status means, and what comes with it. */
export interface RouteAnswer {
  readonly description: string;
  /**
   * The body: JSON by a schema, `application/problem+json` if that is `problemSchema`; or a content type, such as
   * `text/plain`, whose text is not described any further. Without it there is no body.
   */
  readonly content?: z.ZodType | string;
  readonly headers?: readonly AnswerHeader[];
}

/** The methods that routes have. HEAD is answered like GET, but for {@link RouteBasics.withoutHead}. */
export type Method = "GET" | "POST" | "DELETE";

/** Answers by status. */
export type Answers = Readonly<Record<number, RouteAnswer>>;

/** What all routes have. */
interface RouteBasics {
  /** Parts of the path that differ are written `{name}`; `src/http/openapi.ts` describes each. */
  readonly path: string;
  /** In the order in which a refusal names them. */
  readonly methods: readonly Method[];
  /** What it is for, in a few words without a full stop. */
  readonly summary: string;
  /** What its users should know beside that. */
  readonly description?: string;
  /** A HEAD is not answered like GET, since that would open a stream that nobody reads and nobody ends. */
  readonly withoutHead?: true;
  /** The part without which the route is not there. */
  readonly needs?: keyof OptionalParts;
  /**
   * What may stand behind the `?`; see {@link withQuery}. A route without it takes nothing there, and says so: a filter
   * that is not there must not seem to have been applied. `ignored` is for those that are asked by others' programs,
   * which may add something of their own.
   */
  readonly query?: z.ZodObject | "ignored";
  /** What the body must be; a route without it takes none. */
  readonly body?: z.ZodType;
  /**
   * Its own answers by status. What follows from the rest of the route is not repeated here: refusals for want of a
   * token, a scope, a right Host, Origin, method, query or body, too many wrong tokens, and errors of the server.
   */
  readonly answers: Answers;
  /** The own answers to a method that is answered otherwise, in place of {@link answers}. */
  readonly answersTo?: Readonly<Partial<Record<Method, Answers>>>;
  /** Its refusals, each of which is answered as the contract's table of outcomes says. */
  readonly refusals?: readonly RefusalCondition[];
}

/** Answers a caller that may use the route. */
export type Answerer = (
  context: Context,
  parts: HttpParts,
  caller: Caller,
) => Response | Promise<Response>;

/** A route that answers anyone, one that tells more to who has a scope, and one that takes a scope. */
export type Route =
  & RouteBasics
  & ({
    readonly scope: null;
    readonly details?: undefined;
    readonly answer: (context: Context, parts: HttpParts) => Response | Promise<Response>;
  } | {
    readonly scope: null;
    /** The scope with which the answer has its details. */
    readonly details: Scope;
    readonly answer: (
      context: Context,
      parts: HttpParts,
      hasDetails: boolean,
    ) => Response | Promise<Response>;
  } | {
    readonly scope: Scope;
    readonly details?: undefined;
    readonly answer: Answerer;
  });

/**
 * The part of a route that has a query: its schema, and an answerer that is handed what the schema made of it. A query
 * that the schema does not take is answered with 400. Values are text; `wholeNumber` makes numbers of them.
 *
 * @example
 * ```ts
 * { path: "/runs", methods: ["GET"], scope: "read", ...withQuery(runsQuery, listRuns), ... }
 * ```
 */
export function withQuery<T>(
  query: QuerySchema<T>,
  answer: (
    context: Context,
    parts: HttpParts,
    caller: Caller,
    query: T,
  ) => Response | Promise<Response>,
): { readonly query: z.ZodObject; readonly answer: Answerer } {
  return {
    query,
    answer: (context, parts, caller) => {
      const read = readQuery(context.req.raw, query);
      return read.ok ? answer(context, parts, caller, read.value) : read.response;
    },
  };
}
