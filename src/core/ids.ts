/**
 * Identifiers: of runs, of correlations, of tools.
 *
 * @module
 */

/** What a caller may give as correlation id: short, and unable to forge a log line or a header (D23). */
export const CORRELATION_ID_PATTERN = "^[A-Za-z0-9._:-]{1,64}$";

const correlationId = new RegExp(CORRELATION_ID_PATTERN);

/** Whether `text` may serve as a correlation id. */
export function isCorrelationId(text: string): boolean {
  return correlationId.test(text);
}

/** A new random id (UUID version 4, RFC 9562). */
export function newId(): string {
  return crypto.randomUUID();
}

/** How {@link newId} writes: nothing else can stand in such a text, so that it may be a part of a path. */
export const ID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** How a tool is named; the schema of manifests says the same, in two parts for the sake of its messages. */
export const TOOL_NAME_PATTERN = /^[a-z][a-z0-9_]{0,63}$/;
