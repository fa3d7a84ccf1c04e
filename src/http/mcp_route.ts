/**
 * The route of MCP Streamable HTTP.
 *
 * @module
 */
import type { Context } from "hono";
import * as z from "zod";
import { escapeControls, withRemedy } from "../core/text.ts";
import type { Caller } from "./authorise.ts";
import { readBodyOf } from "./body.ts";
import type { HttpParts } from "./parts.ts";
import type { Answers } from "./route.ts";

/** One message of JSON-RPC 2.0, or several of them. */
export const mcpMessageSchema = z.union([
  z.looseObject({ jsonrpc: z.literal("2.0") }),
  z.array(z.looseObject({ jsonrpc: z.literal("2.0") })),
]);

/** What the protocol's own specification describes at length. */
export const MCP_ANSWERS: Answers = {
  200: { description: "Messages, as a stream of events or as JSON", content: "text/event-stream" },
  202: { description: "Notifications or answers were taken" },
  400: { description: "No JSON, no JSON-RPC, or no session", content: "application/json" },
  404: { description: "There is no such session", content: "application/json" },
  406: { description: "The client does not take what is sent", content: "application/json" },
  408: { description: "The body came too slowly", content: "application/json" },
  409: { description: "The session has such a stream already", content: "application/json" },
  413: { description: "The body is too large", content: "application/json" },
  415: { description: "The body is not JSON", content: "application/json" },
  503: { description: "All sessions are in use, or the server is stopping", content: "application/json" },
};

/** The same for the end of a session. */
export const MCP_END_ANSWERS: Answers = {
  200: { description: "The session is over" },
  400: { description: "No session is named", content: "application/json" },
  404: { description: "There is no such session", content: "application/json" },
  503: { description: "The server is stopping", content: "application/json" },
};

/** How each kind of bad body is answered. */
const STATUS = { invalid: 400, too_large: 413, too_slow: 408 } as const;

/** Hands a request over to its caller's sessions. */
export async function speakMcp(context: Context, parts: HttpParts, caller: Caller): Promise<Response> {
  const { sessions, maxBodyBytes } = parts;
  const request = context.req.raw;
  const owner = { client: caller.name, mayIntrude: caller.mayIntrude };
  if (request.method !== "POST") return await sessions.handle(request, undefined, owner);
  const body = await readBodyOf(context, maxBodyBytes());
  if (body.ok) return await sessions.handle(request, body.value, owner);
  // The endpoint speaks JSON-RPC, so its errors do too: parse error, or invalid request.
  const error = {
    code: body.condition === "invalid" ? -32700 : -32600,
    message: withRemedy(escapeControls(body.error), body.remedy),
  };
  return context.json({ jsonrpc: "2.0", error, id: null }, STATUS[body.condition]);
}
