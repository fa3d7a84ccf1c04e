/**
 * The route of events: Server-Sent Events.
 *
 * @module
 */
import type { Context } from "hono";
import { newId } from "../core/ids.ts";
import { quote } from "../core/text.ts";
import { EVENT_TYPES, type EventType, isEventType } from "../events/event.ts";
import type { Caller } from "./authorise.ts";
import type { HttpParts } from "./parts.ts";
import { problem, refusalProblem } from "./problem.ts";

/** Seconds after which it makes sense to ask for a stream again when all are taken. */
const RETRY_AFTER_SEC = 15;

/** What the query may name. */
const LAST_EVENT_ID = "last_event_id";
const TYPES = "types";

/** What a query asks for, or what is wrong with it. */
type QueryReading =
  | { readonly ok: true; readonly after: string | null; readonly types: ReadonlySet<EventType> | null }
  | { readonly ok: false; readonly field: string; readonly error: string; readonly remedy: string };

/** Opens a stream of events. */
export function readEvents(context: Context, { events }: HttpParts, caller: Caller): Response {
  if (events === undefined) throw new Error("a route is there without its part");
  const query = readQuery(new URL(context.req.url).searchParams);
  if (!query.ok) {
    const { field, error, remedy } = query;
    return refusalProblem({ condition: "invalid", field, error, remedy }, newId());
  }
  const body = events.open({
    caller: caller.name,
    // A browser sends the header when it connects again by itself, and the query as it was at first.
    after: context.req.header("last-event-id") ?? query.after,
    types: query.types,
    signal: context.req.raw.signal,
  });
  if (body === null) {
    return problem(
      {
        status: 503,
        title: "All streams are taken",
        detail: "as many streams are open as the server allows",
        errorType: null,
        remedy: "Ask again later, or close a stream; a person may raise server.max_connections.",
      },
      newId(),
      { "retry-after": String(RETRY_AFTER_SEC) },
    );
  }
  // Proxies that collect an answer before they hand it on are told not to.
  return new Response(body, { headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" } });
}

function readQuery(query: URLSearchParams): QueryReading {
  for (const key of query.keys()) {
    if (key !== LAST_EVENT_ID && key !== TYPES) {
      return bad(
        key,
        `there is no parameter ${quote(key)}`,
        `The parameters are ${TYPES} and ${LAST_EVENT_ID}.`,
      );
    }
    if (query.getAll(key).length > 1) return bad(key, `${key} is given twice`, "Give it once.");
  }
  const after = query.get(LAST_EVENT_ID);
  const listed = query.get(TYPES);
  if (listed === null) return { ok: true, after, types: null };
  const types = new Set<EventType>();
  for (const name of listed.split(",")) {
    if (!isEventType(name)) {
      return bad(TYPES, `there is no type ${quote(name)}`, `Name some of ${EVENT_TYPES.join(",")}, or none.`);
    }
    types.add(name);
  }
  return { ok: true, after, types };
}

function bad(key: string, error: string, remedy: string): QueryReading {
  return { ok: false, field: key === TYPES || key === LAST_EVENT_ID ? key : "query", error, remedy };
}
