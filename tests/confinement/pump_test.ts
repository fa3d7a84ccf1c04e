import assert from "node:assert/strict";
import fc from "fast-check";
import { Pump, readToTheEnd } from "../../src/confinement/pump.ts";
import { FakeTime } from "../support/fake_time.ts";

/** An output that a test writes: a pipe's other end. */
class FakeOutput {
  #controller!: ReadableByteStreamController;
  /** Whether nobody reads any more. */
  isCancelled = false;
  readonly stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: "bytes",
    start: (controller) => void (this.#controller = controller as ReadableByteStreamController),
    cancel: () => void (this.isCancelled = true),
  });

  write(bytes: Uint8Array<ArrayBuffer>): void {
    this.#controller.enqueue(bytes.slice());
  }

  end(): void {
    this.#controller.close();
    // Whoever waits with a buffer of its own gets it back so.
    this.#controller.byobRequest?.respond(0);
  }

  fail(): void {
    this.#controller.error(new Error("EIO"));
  }
}

interface Pumped {
  readonly output: FakeOutput;
  readonly pump: Pump;
  readonly pieces: Uint8Array<ArrayBuffer>[];
  floods: number;
}

function pumped(capBytes = 100, countsFloods = true): Pumped {
  const output = new FakeOutput();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const parts = { output, pieces, floods: 0 };
  const pump = new Pump(output.stream, {
    capBytes,
    onBytes: (bytes) => pieces.push(bytes),
    onFlood: countsFloods ? () => parts.floods++ : null,
  });
  return Object.assign(parts, { pump });
}

const joined = (pieces: readonly Uint8Array[]) => pieces.flatMap((piece) => [...piece]);

Deno.test("pump: passes on what fits under the cap, counts all, and calls for each piece beyond", async () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => new Uint8Array(bytes));
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), fc.nat({ max: 200 }), async (chunks, capBytes) => {
      const { output, pump, pieces } = pumped(capBytes);
      for (const chunk of chunks) {
        output.write(chunk);
        await Promise.resolve();
      }
      output.end();
      await pump.finished;
      const all = joined(chunks);
      assert.deepEqual(joined(pieces), all.slice(0, capBytes));
      assert.equal(pump.totalBytes, all.length);
      assert.ok(pieces.every((piece) => piece.length > 0 && piece.buffer.byteLength === piece.length));
    }),
  );
});

Deno.test("pump: a flood is told of, piece by piece, or not at all", async () => {
  const parts = pumped(10);
  const { output, pump } = parts;
  for (const [length, floods] of [[10, 0], [1, 1], [5, 2]] as const) {
    output.write(new Uint8Array(length));
    await drained(pump, length);
    assert.equal(parts.floods, floods);
  }
  output.end();
  await pump.finished;

  const quiet = pumped(10, false);
  quiet.output.write(new Uint8Array(1000));
  quiet.output.end();
  await quiet.pump.finished;
  assert.deepEqual([quiet.pump.totalBytes, joined(quiet.pieces).length], [1000, 10]);
});

/** Waits until a pump has read so many bytes more. */
async function drained(pump: Pump, bytes: number): Promise<void> {
  const wanted = pump.totalBytes + bytes;
  for (let turn = 0; turn < 100 && pump.totalBytes < wanted; turn++) await Promise.resolve();
  assert.equal(pump.totalBytes, wanted);
}

Deno.test("pump: what was passed on stays as it was, whatever is read later", async () => {
  const { output, pump, pieces } = pumped(1000);
  for (const value of [1, 2, 3]) {
    output.write(new Uint8Array(100).fill(value));
    await drained(pump, 100);
  }
  output.end();
  await pump.finished;
  assert.deepEqual(pieces.map((piece) => [piece.length, piece[0], piece[99]]), [[100, 1, 1], [100, 2, 2], [
    100,
    3,
    3,
  ]]);
});

Deno.test("pump: with a cap of nothing nothing is passed on", async () => {
  const parts = pumped(0);
  parts.output.write(new Uint8Array(1));
  parts.output.end();
  await parts.pump.finished;
  assert.deepEqual([parts.pieces, parts.floods, parts.pump.totalBytes], [[], 1, 1]);
});

Deno.test("pump: one that is abandoned ends, and nobody reads any more", async () => {
  const { output, pump } = pumped();
  output.write(new Uint8Array(5));
  await drained(pump, 5);
  pump.abandon();
  await pump.finished;
  assert.equal(output.isCancelled, true);
});

/** Waiting for the end, and how it came out. */
function waiting(parts: readonly Pumped[], after: "exit" | "stop") {
  const state: { ended: boolean | null } = { ended: null };
  void readToTheEnd(parts.map(({ pump }) => pump), after).then((ended) => state.ended = ended);
  return state;
}

Deno.test("the end: all streams have ended, at once or a little later", async () => {
  using time = new FakeTime();
  const both = [pumped(), pumped()];
  both[0]!.output.end();
  both[1]!.output.end();
  const ended = waiting(both, "exit");
  await time.settle();
  assert.deepEqual([ended.ended, time.pending], [true, 0]);

  const late = [pumped(), pumped()];
  const later = waiting(late, "stop");
  late[0]!.output.end();
  await time.advance(199);
  assert.equal(later.ended, null);
  late[1]!.output.end();
  await time.settle();
  assert.deepEqual([later.ended, time.pending], [true, 0]);
});

Deno.test("the end: output that stays open and silent is given up after a moment", async () => {
  for (const after of ["exit", "stop"] as const) {
    using time = new FakeTime();
    const both = [pumped(), pumped()];
    both[0]!.output.end();
    const state = waiting(both, after);
    await time.advance(199);
    assert.deepEqual([state.ended, both[1]!.output.isCancelled], [null, false]);
    await time.advance(1);
    assert.deepEqual([state.ended, both[1]!.output.isCancelled, time.pending], [false, true, 0]);
  }
});

Deno.test("the end: what is still being written is read, for no longer than a while", async () => {
  for (const [after, mostMs] of [["exit", 1000], ["stop", 250]] as const) {
    using time = new FakeTime();
    const parts = pumped(1_000_000);
    const state = waiting([parts], after);
    for (let elapsedMs = 0; elapsedMs < mostMs - 50; elapsedMs += 50) {
      parts.output.write(new Uint8Array(10));
      await time.advance(50);
      assert.equal(state.ended, null, `after ${elapsedMs} ms`);
    }
    parts.output.write(new Uint8Array(10));
    await time.advance(49);
    assert.equal(state.ended, null);
    await time.advance(1);
    assert.equal(state.ended, false);
    assert.equal(parts.pump.totalBytes, 10 * mostMs / 50);
  }
});

Deno.test("the end: silence counts from what was read last, also before the program's end", async () => {
  using time = new FakeTime();
  const parts = pumped();
  await time.advance(500);
  const state = waiting([parts], "exit");
  await time.advance(150);
  parts.output.write(new Uint8Array(1));
  await time.advance(199);
  assert.equal(state.ended, null);
  await time.advance(1);
  assert.equal(state.ended, false);
});

Deno.test("the end: an error of the output is not the end", async () => {
  using _time = new FakeTime();
  const parts = pumped();
  const ended = readToTheEnd([parts.pump], "exit");
  parts.output.fail();
  await assert.rejects(ended, /EIO/);
});
