/**
 * Readers of `GET /events` over real sockets.
 *
 * @module
 */
import assert from "node:assert/strict";
import { EventStreamParser, type StreamEvent } from "../../events/event_stream.ts";

/** An event, with its data read. */
export interface SeenEvent {
  readonly id: string;
  readonly event: string;
  // deno-lint-ignore no-explicit-any -- what it is, the test says
  readonly data: any;
}

/** The number in an id. */
export function numberOf({ id }: { readonly id: string }): number {
  return Number(id.split("-")[1]);
}

/** A reader that reads all it can get, with the program curl. */
export class CurlReader implements AsyncDisposable {
  readonly events: SeenEvent[] = [];
  readonly parser = new EventStreamParser();
  readonly #child: Deno.ChildProcess;
  readonly #done: Promise<void>;
  #ended = false;

  /** @param headers such as `Authorization: Bearer x` */
  constructor(url: string, headers: readonly string[] = []) {
    this.#child = new Deno.Command("curl", {
      args: ["-q", "-sSN", "--noproxy", "*", ...headers.flatMap((header) => ["-H", header]), url],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#done = this.#read();
  }

  /** Curl's exit code once the stream has ended: 0 for an orderly end. */
  async end(): Promise<number> {
    await this.#done;
    return (await this.#child.status).code;
  }

  /** Goes away. */
  async leave(): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGTERM");
    await this.#done;
    await this.#child.status;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.events.push(...this.parser.push(text).map(seen));
    }
    this.#ended = true;
  }
}

/** A reader within this process, of which there may be many. */
export class OtherReader {
  readonly events: SeenEvent[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;

  private constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    this.#done = this.#read();
  }

  static async open(url: string): Promise<OtherReader> {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    return new OtherReader(response.body!);
  }

  /** Goes away. */
  async leave(): Promise<void> {
    await this.#reader.cancel();
    await this.#done;
  }

  async #read(): Promise<void> {
    const [parser, decoder] = [new EventStreamParser(), new TextDecoder()];
    for (let next = await this.#reader.read(); !next.done; next = await this.#reader.read()) {
      this.events.push(...parser.push(decoder.decode(next.value, { stream: true })).map(seen));
    }
  }
}

/** More than the system's buffers hold for a connection that nobody reads from. */
const MOST_BYTES = 33_554_432;

/** A connection that has asked for events and is then left alone: nothing is read from it until {@link readAll}. */
export class SilentReader implements Disposable {
  readonly #connection: Deno.Conn;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async connect(url: string, path = "/events"): Promise<SilentReader> {
    const { hostname, port, host } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`));
    return new SilentReader(connection);
  }

  /** Everything, up to the end of the answer. */
  async readAll(): Promise<SeenEvent[]> {
    const bytes = new Uint8Array(MOST_BYTES);
    let length = 0;
    do {
      const count = await this.#connection.read(bytes.subarray(length));
      assert(count !== null && count > 0, "the answer broke off");
      length += count;
    } while (!new TextDecoder().decode(bytes.subarray(0, length).slice(-7)).endsWith("\r\n0\r\n\r\n"));
    return new EventStreamParser().push(unchunked(bytes.subarray(0, length))).map(seen);
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** The body of an answer that came in chunks (RFC 9112, section 7.1). */
function unchunked(bytes: Uint8Array): string {
  const decoder = new TextDecoder();
  let at = 0;
  const line = () => {
    const end = bytes.indexOf(10, at);
    assert(end >= 0, "a line without an end");
    const text = new TextDecoder().decode(bytes.subarray(at, end)).trimEnd();
    at = end + 1;
    return text;
  };
  while (line() !== "");
  let body = "";
  for (;;) {
    const size = Number.parseInt(line(), 16);
    assert(size >= 0, "not a chunk");
    if (size === 0) return body;
    body += decoder.decode(bytes.subarray(at, at += size), { stream: true });
    assert.equal(line(), "");
  }
}

function seen({ id, event, data }: StreamEvent): SeenEvent {
  return { id, event, data: JSON.parse(data) };
}

/** The numbers go up by one from each event to the next. */
export function assertGapless(events: readonly SeenEvent[]): void {
  const numbers = events.map(numberOf);
  for (const [index, number] of numbers.entries()) {
    if (index > 0) assert.equal(number, numbers[index - 1]! + 1, `after ${numbers.slice(0, index).join()}`);
  }
}
