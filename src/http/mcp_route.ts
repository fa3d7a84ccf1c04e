/**
 * The route of MCP Streamable HTTP.
 *
 * @module
 */
import type { Context } from "hono";
import { escapeControls } from "../core/text.ts";
import type { Caller } from "./authorise.ts";
import { readBodyOf } from "./body.ts";
import type { HttpParts } from "./parts.ts";

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
    message: `${escapeControls(body.error)}. ${body.remedy}`,
  };
  return context.json({ jsonrpc: "2.0", error, id: null }, STATUS[body.condition]);
}
