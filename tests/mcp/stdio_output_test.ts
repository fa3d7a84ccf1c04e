import assert from "node:assert/strict";
import fc from "fast-check";
import { flush } from "../support/engine.ts";
import { StdioOutput } from "../../src/mcp/stdio_output.ts";

/** A sink that takes as many bytes at a time as a test says, and nothing before it is told to. */
class SlowSink {
  readonly taken: number[] = [];
  #waiting: ((bytes: number) => void) | null = null;
  #fail: ((error: Error) => void) | null = null;

  async write(bytes: Uint8Array): Promise<number> {
    const room = await new Promise<number>((resolve, reject) => {
      this.#waiting = resolve;
      this.#fail = reject;
    });
    for (const byte of bytes.subarray(0, room)) this.taken.push(byte);
    return Math.min(room, bytes.length);
  }

  /** Takes some bytes of what waits; whether anything did. */
  async take(bytes: number): Promise<boolean> {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(bytes);
    await flush();
    return waiting !== null;
  }

  async fail(): Promise<void> {
    this.#fail?.(new Deno.errors.BrokenPipe("nobody reads"));
    await flush();
  }

  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.taken));
  }
}

Deno.test("whatever is written arrives whole and in order, however little is taken at a time", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" })),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      async (texts, rooms) => {
        const sink = new SlowSink();
        const output = new StdioOutput(sink);
        for (const text of texts) output.write(text);
        let finished = false;
        const finish = output.finish().then(() => finished = true);
        await flush();
        for (const room of rooms) if (!await sink.take(room)) break;
        await finish;
        assert.ok(finished);
        assert.equal(sink.text, texts.join(""));
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("writing does not wait for the reader; finishing does", async () => {
  const sink = new SlowSink();
  const output = new StdioOutput(sink);
  output.write("a".repeat(100_000));
  let finished = false;
  const finish = output.finish().then(() => finished = true);
  await flush();
  assert.equal(finished, false);
  await sink.take(99_999);
  assert.equal(finished, false);
  await sink.take(1);
  await finish;
});

Deno.test("a reader that is gone is told, and is not waited for", async () => {
  const sink = new SlowSink();
  const output = new StdioOutput(sink);
  const errors: Error[] = [];
  output.on("error", (error) => errors.push(error));
  output.write("one");
  output.write("two");
  await flush();
  await sink.fail();
  assert.deepEqual(errors.map(({ message }) => message), ["nobody reads"]);
  output.write("three");
  await output.finish();
  assert.equal(sink.text, "");
});

Deno.test("a reader that leaves too much unread is given up", async () => {
  const sink = new SlowSink();
  const output = new StdioOutput(sink, 10);
  const errors: Error[] = [];
  output.on("error", (error) => errors.push(error));
  output.write("12345");
  output.write("67890");
  await flush();
  assert.deepEqual(errors, []);
  output.write("1");
  await flush();
  assert.deepEqual(errors.map(({ message }) => message), ["the client does not read"]);
  await output.finish();
});
