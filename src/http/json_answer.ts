/**
 * JSON over HTTP.
 *
 * @module
 */
import { escapeControlsInJson } from "../core/text.ts";

/** How an answer in JSON differs from the usual one. */
export interface JsonAnswer {
  /** @default 200 */
  readonly status?: number;
  /** @default "application/json" */
  readonly type?: string;
  readonly headers?: HeadersInit;
}

/** Answers with JSON in which nothing can act on a terminal, or on the order in which it is read. */
export function jsonAnswer(
  body: unknown,
  { status = 200, type = "application/json", headers = {} }: JsonAnswer = {},
): Response {
  const response = new Response(jsonText(body), { status, headers });
  response.headers.set("content-type", type);
  return response;
}

/** The body of {@link jsonAnswer}. */
export function jsonText(body: unknown): string {
  return escapeControlsInJson(JSON.stringify(body));
}
