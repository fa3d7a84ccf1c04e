/**
 * Waiting no longer than a check may.
 *
 * @module
 */

/**
 * Waits for an answer until the signal is aborted.
 *
 * @returns the answer, or null when it has not come in time: nobody waits for it any more, whatever it will be
 * @throws what the answer rejects with in time
 */
export async function inTime<T>(answer: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const onAbort = () => late.resolve(null);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
