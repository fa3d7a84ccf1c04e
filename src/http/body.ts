/**
 * Request bodies: JSON, read no further than a cap (D26) and for no longer than a time.
 *
 * @module
 */
import type { Context } from "hono";
import type { Clock } from "../core/clock.ts";
import { TIMES } from "./kept_connection.ts";
import { connectionOf, type HttpParts } from "./parts.ts";

/** Why there is no body, and what to do. */
export interface NoBody {
  readonly ok: false;
  readonly condition: "invalid" | "too_large" | "too_slow";
  readonly error: string;
  readonly remedy: string;
}

/** The parsed body, or why there is none. */
export type BodyReading = { readonly ok: true; readonly value: unknown } | NoBody;

/** How long a body may take to arrive. */
export interface BodyTime {
  readonly clock: Clock;
  readonly withinMs: number;
}

/** The first room for a body of unknown length, in bytes. */
const FIRST_ROOM_BYTES = 4096;

/** {@link readJsonBody} for a request that is served; its connection learns what has become of the body. */
export async function readBodyOf(
  context: Context,
  { maxBodyBytes, clock }: Pick<HttpParts, "maxBodyBytes" | "clock">,
  ifEmpty?: object,
): Promise<BodyReading> {
  const time = { clock, withinMs: TIMES.bodyMs };
  const body = await readJsonBody(context.req.raw, maxBodyBytes(), time, ifEmpty);
  const connection = connectionOf(context);
  if (!body.ok && body.condition === "too_slow") connection.bodyIsLate?.();
  else connection.bodyIsRead?.();
  return body;
}

/**
 * Reads a JSON body of at most `maxBytes` bytes.
 *
 * @param ifEmpty what an empty body stands for; without it an empty body is none
 */
export async function readJsonBody(
  request: Request,
  maxBytes: number,
  time: BodyTime,
  ifEmpty?: object,
): Promise<BodyReading> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return invalid(
      "the body's type is not application/json",
      "Send the header Content-Type: application/json.",
    );
  }
  try {
    const bytes = await readBytes(request, maxBytes, time);
    if (!(bytes instanceof Uint8Array)) return bytes;
    if (bytes.length === 0 && ifEmpty !== undefined) return { ok: true, value: ifEmpty };
    return { ok: true, value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch (error) {
    return invalid(`the body is not JSON: ${(error as Error).message}`, "Send one JSON value in UTF-8.");
  }
}

/**
 * The bytes of a body, in one piece that is no larger than it must be: pieces of a byte each, kept as they come, would
 * take many times the cap.
 */
async function readBytes(request: Request, maxBytes: number, time: BodyTime): Promise<Uint8Array | NoBody> {
  const tooLarge: NoBody = {
    ok: false,
    condition: "too_large",
    error: `the body is larger than ${maxBytes} bytes`,
    remedy: "Send less; a person may raise server.max_body_bytes.",
  };
  const announced = Number(request.headers.get("content-length") ?? Number.NaN);
  if (announced > maxBytes) return tooLarge;
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  let isLate = false;
  const cancelTimer = time.clock.after(time.withinMs, () => {
    isLate = true;
    // What waits for the next piece is told that there is none.
    reader.cancel().catch(() => {});
  });
  // Memory that is not written to yet is not taken from the machine.
  let room = new Uint8Array(announced >= 0 ? announced : Math.min(FIRST_ROOM_BYTES, maxBytes));
  let length = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (isLate) return tooSlow(time.withinMs);
      if (done) return room.subarray(0, length);
      const needed = length + value.length;
      if (needed > maxBytes) {
        await reader.cancel();
        return tooLarge;
      }
      if (needed > room.length) {
        const larger = new Uint8Array(Math.min(Math.max(needed, 2 * room.length), maxBytes));
        larger.set(room.subarray(0, length));
        room = larger;
      }
      room.set(value, length);
      length = needed;
    }
  } catch (error) {
    if (isLate) return tooSlow(time.withinMs);
    throw error;
  } finally {
    cancelTimer();
  }
}

function tooSlow(withinMs: number): NoBody {
  return {
    ok: false,
    condition: "too_slow",
    error: `the body was not there within ${withinMs / 1000} seconds`,
    remedy: "Send it at once, and as long as Content-Length says.",
  };
}

function invalid(error: string, remedy: string): NoBody {
  return { ok: false, condition: "invalid", error, remedy };
}
