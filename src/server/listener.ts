/**
 * What `bulkhead serve` waits on.
 *
 * @module
 */

/** A way for clients to connect. */
export interface Listener {
  /** What the ready line says. */
  readonly place: string;
  /** Resolves when no client will come any more. */
  readonly ended: Promise<void>;
  /**
   * Stops taking requests and ends the streams that are open.
   *
   * @param hurry aborting it drops the connections that are still there
   */
  close(hurry: AbortSignal): Promise<void>;
}
