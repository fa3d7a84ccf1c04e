/**
 * Asking a service whether it is there: a connection, and over HTTP one request (RFC 9112) of whose answer nothing but
 * the status is read.
 *
 * `fetch()` is not used: it connects to the proxy that `HTTP_PROXY` names, in a thread without any permission for that
 * address or for the environment too.
 *
 * Of the addresses of a name Deno tries all, or the first alone in older versions (2.6.8 does, 2.9.6 does not).
 *
 * @module
 */
import type { HttpQuestion, Service } from "./prober_protocol.ts";

/** How much of an answer is read in search of its status, in bytes. */
export const MAX_HEAD_BYTES = 16_384;

/** The service is not there, or is not what it should be; the message says why. */
export class NotThere extends Error {}

/**
 * Asks a service.
 *
 * @param signal aborting it closes the connection, whatever is being waited for
 * @returns the status of its answer; null when it was to accept a connection and no more
 * @throws {NotThere} with the reason, which holds nothing that the service has said
 */
export async function askService(service: Service, signal: AbortSignal): Promise<number | null> {
  const { host, port, http } = service;
  const connection = await stage("no connection", () => Deno.connect({ hostname: host, port, signal }));
  using open = new Closing(connection, signal);
  if (http === null) return null;
  const { tlsName } = http;
  if (tlsName !== null) {
    await stage("no TLS", async () => {
      const secure = await Deno.startTls(connection, { hostname: tlsName });
      open.is(secure);
      await secure.handshake();
    });
  }
  return await stage("no answer", () => askForStatus(open.connection, http));
}

/** A connection that is closed at the end, or when a signal says so. */
class Closing implements Disposable {
  #connection: Deno.Conn;
  readonly #signal: AbortSignal;
  readonly #close = () => {
    try {
      this.#connection.close();
    } catch {
      // It is closed already.
    }
  };

  constructor(connection: Deno.Conn, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
    signal.addEventListener("abort", this.#close);
    if (signal.aborted) this.#close();
  }

  get connection(): Deno.Conn {
    return this.#connection;
  }

  /** What the connection has become. */
  is(connection: Deno.Conn): void {
    this.#connection = connection;
    if (this.#signal.aborted) this.#close();
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#close);
    this.#close();
  }
}

async function askForStatus(connection: Deno.Conn, { host, path }: HttpQuestion): Promise<number> {
  const request = new TextEncoder().encode(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bulkhead\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
  );
  for (let sent = 0; sent < request.length;) sent += await connection.write(request.subarray(sent));
  const buffer = new Uint8Array(MAX_HEAD_BYTES);
  let length = 0;
  while (length < buffer.length) {
    const read = await connection.read(buffer.subarray(length));
    if (read === null) throw new NotThere("it closed the connection before there was a status");
    length += read;
    // Each byte is a character, so that nothing that is sent can fail to be one.
    const status = statusIn(String.fromCharCode(...buffer.subarray(0, length)));
    if (status === "not HTTP") throw new NotThere("what it sends is not HTTP/1.1");
    if (status !== "more") return status;
  }
  throw new NotThere(`there is no status in the first ${MAX_HEAD_BYTES} bytes`);
}

/** How a status line begins (RFC 9112, section 4). */
const BEGINNING = "HTTP/1.";

const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: .*)?\r?$/s;

/**
 * Finds the status in the beginning of an answer. Interim answers before it (RFC 9110, section 15.2) are passed over; the
 * one that leads to another protocol, which was not asked for, is none.
 *
 * @returns "more" when it depends on what comes after
 */
export function statusIn(head: string): number | "more" | "not HTTP" {
  let rest = head;
  for (;;) {
    const end = rest.indexOf("\n");
    if (end < 0) return BEGINNING.startsWith(rest.slice(0, BEGINNING.length)) ? "more" : "not HTTP";
    const status = Number(STATUS_LINE.exec(rest.slice(0, end))?.[1] ?? 101);
    if (status === 101) return "not HTTP";
    if (status >= 200) return status;
    const fields = /\n\r?\n/.exec(rest);
    if (fields === null) return "more";
    rest = rest.slice(fields.index + fields[0].length);
  }
}

/** A part of the whole, whose name stands before the reason why it failed. */
async function stage<T>(failed: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new NotThere(`${failed}: ${reasonOf(error)}`);
  }
}

/** Long enough for every message of the system. */
const MAX_REASON_CHARACTERS = 200;

/** The system's reason. Behind a semicolon stands what a certificate says of itself: the service has said that. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(";")[0]!.slice(0, MAX_REASON_CHARACTERS);
}
