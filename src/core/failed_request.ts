/**
 * A bug met while a request was answered.
 *
 * @module
 */

/** The error as it was thrown, with the id by which the log has the request. */
export class FailedRequest extends Error {
  /** @param cause what was thrown */
  constructor(readonly correlationId: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }

  /** What the log is to have of an error: the id, if it is of a request, and where the error comes from. */
  static about(error: unknown): { readonly correlation_id?: string; readonly error: string } {
    if (error instanceof FailedRequest) {
      return { correlation_id: error.correlationId, error: FailedRequest.about(error.cause).error };
    }
    return { error: stackOf(error) };
  }
}

/** Where an error comes from, for the log: its stack with its message, or what was thrown in its place. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
