/**
 * Request bodies: JSON, read no further than a cap (D26).
 *
 * @module
 */

/** The parsed body, or why there is none. */
export type BodyReading =
  | { readonly ok: true; readonly value: unknown }
  | {
    readonly ok: false;
    readonly condition: "invalid" | "too_large";
    readonly error: string;
    readonly remedy: string;
  };

/**
 * Reads a JSON body of at most `maxBytes` bytes.
 *
 * @param ifEmpty what an empty body stands for; without it an empty body is none
 */
export async function readJsonBody(
  request: Request,
  maxBytes: number,
  ifEmpty?: object,
): Promise<BodyReading> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return invalid(
      "the body's type is not application/json",
      "Send the header Content-Type: application/json.",
    );
  }
  const tooLarge = {
    ok: false,
    condition: "too_large",
    error: `the body is larger than ${maxBytes} bytes`,
    remedy: "Send less; a person may raise server.max_body_bytes.",
  } as const;
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return tooLarge;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.length;
      if (bytes > maxBytes) return tooLarge;
      text += decoder.decode(chunk, { stream: true });
    }
    text += decoder.decode();
    if (bytes === 0 && ifEmpty !== undefined) return { ok: true, value: ifEmpty };
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return invalid(`the body is not JSON: ${(error as Error).message}`, "Send one JSON value in UTF-8.");
  }
}

function invalid(error: string, remedy: string): BodyReading {
  return { ok: false, condition: "invalid", error, remedy };
}
