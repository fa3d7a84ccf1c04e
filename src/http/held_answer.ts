/**
 * An answer that is long in coming, held open so that its client's leaving is noticed.
 *
 * Only writing shows that a client is gone: Deno 2.9 does not look at the connection of a request with more than about
 * 512 bytes until it has something to write. So once it is known that the answer will be JSON with status 200, line
 * feeds are sent until it is there; JSON allows them in front (RFC 8259, section 2).
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { FailedRequest } from "../core/failed_request.ts";

/** How long an answer may take before it is held open, in milliseconds: most are there by then, and come as a whole. */
export const HOLD_AFTER_MS = 400;
/** How often something is written, in milliseconds: the first write finds a connection closed, the second says so. */
export const BEAT_MS = 250;

const LINE_FEED = new Uint8Array([0x0a]);
const logger = getLogger(["bulkhead", "http"]);

/** What a held answer does. */
export interface HeldAnswer {
  readonly clock: Clock;
  /** Called when the client has gone before the answer was there. */
  readonly onGone: () => void;
  /** Called when the last of it has been handed over to be sent. */
  readonly onWhole: () => void;
}

/**
 * A body that is line feeds until `whole` resolves, and then that. Where it rejects, the body breaks off.
 *
 * @param whole bytes, since they stay until the client has taken them: a text would take place of the heap meanwhile
 */
export function heldBody(
  whole: Promise<Uint8Array>,
  { clock, onGone, onWhole }: HeldAnswer,
): ReadableStream<Uint8Array> {
  let cancelBeat = () => {};
  let isOver = false;
  const over = () => {
    cancelBeat();
    const wasOver = isOver;
    isOver = true;
    return !wasOver;
  };
  const leave = () => {
    if (over()) onGone();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const beat = () => {
        // Deno 2.6 may close the stream of a client that has gone without cancelling it first: then this throws.
        if (!succeeds(() => controller.enqueue(LINE_FEED))) return leave();
        cancelBeat = clock.after(BEAT_MS, beat);
      };
      beat();
      const end = (finish: () => void) => {
        if (!over()) return;
        onWhole();
        succeeds(finish);
      };
      whole.then(
        (bytes) =>
          end(() => {
            controller.enqueue(bytes);
            controller.close();
          }),
        (error) =>
          end(() => {
            logger.error("internal error", FailedRequest.about(error));
            controller.error(new Error("the answer failed"));
          }),
      );
    },
    cancel: leave,
  });
}

/** Whether a stream took what was done to it: it throws where there is nobody to take it any more. */
function succeeds(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
