/**
 * Identifiers of runs and of correlations.
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
