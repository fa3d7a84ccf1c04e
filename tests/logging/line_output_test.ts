import assert from "node:assert/strict";
import { LineOutput, MAX_WAITING_BYTES } from "../../src/logging/line_output.ts";

/** An output that takes bytes only when the test lets it. */
class SlowSink {
  readonly taken: string[] = [];
  /** Bytes that one write takes at most. */
  most = Infinity;
  #gate = Promise.withResolvers<void>();
  error: Error | null = null;

  async write(bytes: Uint8Array): Promise<number> {
    await this.#gate.promise;
    if (this.error !== null) throw this.error;
    const part = bytes.subarray(0, this.most);
    this.taken.push(new TextDecoder().decode(part));
    return part.length;
  }

  open(): void {
    this.#gate.resolve();
  }

  get text(): string {
    return this.taken.join("");
  }
}

function setUp() {
  const sink = new SlowSink();
  const lost: number[] = [];
  const output = new LineOutput(sink, (lines) => {
    lost.push(lines);
    output.write(`lost ${lines}\n`);
  });
  return { sink, lost, output };
}

Deno.test("line output: lines come in their order, those of one moment in one write", async () => {
  const { sink, output } = setUp();
  for (const line of ["a\n", "b\n", "c\n"]) output.write(line);
  sink.open();
  await output.written();
  assert.deepEqual(sink.taken, ["a\nb\nc\n"]);
  output.write("d\n");
  await output.written();
  assert.equal(sink.text, "a\nb\nc\nd\n");
});

Deno.test("line output: an output that takes little at a time gets everything", async () => {
  const { sink, output } = setUp();
  sink.most = 3;
  sink.open();
  output.write("0123456789\n");
  await output.written();
  assert.deepEqual(sink.taken, ["012", "345", "678", "9\n"]);
});

Deno.test("line output: nobody waits for an output that takes nothing, and what is lost is counted once", async () => {
  const { sink, lost, output } = setUp();
  const line = `${"x".repeat(1023)}\n`;
  const sent = 4 * MAX_WAITING_BYTES / line.length;
  output.write("first\n");
  await Promise.resolve();
  await Promise.resolve();
  for (let count = 0; count < sent; count++) output.write(line);
  sink.open();
  await output.written();
  const kept = sink.text.split("\n").filter((text) => text.startsWith("x")).length;
  assert.equal(kept, MAX_WAITING_BYTES / line.length);
  assert.deepEqual(lost, [sent - kept]);
  // Said where the others are missing or later, and never again.
  assert.equal(sink.text.split("lost ").length, 2);
});

Deno.test("line output: a line that is longer than all that may wait is lost, and others are not", async () => {
  const { sink, lost, output } = setUp();
  output.write("y".repeat(MAX_WAITING_BYTES + 1));
  output.write("short\n");
  sink.open();
  await output.written();
  assert.match(sink.text, /^short\n/);
  assert.deepEqual(lost, [1]);
});

Deno.test("line output: once it has failed, lines are thrown away", async () => {
  const { sink, output } = setUp();
  sink.error = new Error("broken pipe");
  sink.open();
  output.write("a\n");
  await output.written();
  sink.error = null;
  output.write("b\n");
  await output.written();
  assert.equal(sink.text, "");
});
