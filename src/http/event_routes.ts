/**
 * The route of events: Server-Sent Events.
 *
 * @module
 */
import type { Context } from "hono";
import * as z from "zod";
import { newId } from "../core/ids.ts";
import { quote } from "../core/text.ts";
import { EVENT_TYPES, isEventType } from "../events/event.ts";
import type { Caller } from "./authorise.ts";
import { type HttpParts, partOf } from "./parts.ts";
import { problem } from "./problem.ts";
import type { RouteAnswer } from "./route.ts";
import { problemSchema } from "./schemas.ts";

/** Seconds after which it makes sense to ask for a stream again when all are taken. */
const RETRY_AFTER_SEC = 15;

/** What may be asked for. */
export const eventsQuery = z.strictObject({
  types: z.string().superRefine((text, context) => {
    const wrong = text.split(",").find((type) => !isEventType(type));
    if (wrong === undefined) return;
    const message = `${quote(wrong)} is no type of event; name some of ${EVENT_TYPES.join(",")}`;
    context.addIssue({ code: "custom", message });
  }).optional()
    .describe(`Only these types of events, with commas between them: ${EVENT_TYPES.join(", ")}`),
  last_event_id: z.string().optional()
    .describe("As the header Last-Event-ID, which counts where both are there"),
});

/** What it is, for those who read the description of the routes. */
export const EVENTS_DESCRIPTION = "Server-Sent Events. The first is `start`, which says where the stream " +
  "begins; a client that names the id of the event that it has seen last is given what it has missed instead, or, " +
  "where that is not known any more, `reset` and all that is. Then come events as they happen. A client that does not " +
  "read is dropped.";

/** Its answers. */
export const EVENT_ANSWERS: Readonly<Record<number, RouteAnswer>> = {
  200: { description: "A stream without an end", content: "text/event-stream" },
  503: {
    description: "As many streams are open as the server allows",
    content: problemSchema,
    headers: ["retry-after"],
  },
};

/** Opens a stream of events. */
export function readEvents(
  context: Context,
  parts: HttpParts,
  caller: Caller,
  query: z.infer<typeof eventsQuery>,
): Response {
  const body = partOf(parts, "events").open({
    caller: caller.name,
    // A browser sends the header when it connects again by itself, and the query as it was at first.
    after: context.req.header("last-event-id") ?? query.last_event_id ?? null,
    types: query.types === undefined ? null : new Set(query.types.split(",").filter(isEventType)),
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
