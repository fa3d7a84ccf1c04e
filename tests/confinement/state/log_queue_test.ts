import assert from "node:assert/strict";
import { MAX_LOG_BATCH_BYTES } from "../../../src/confinement/scribe_protocol.ts";
import { LogFlow } from "../../../src/confinement/state/log_flow.ts";
import { type LogBatch, LogQueue, MAX_WAITING_LOG_BYTES } from "../../../src/confinement/state/log_queue.ts";

const shown = ({ bytes, lost }: LogBatch) => [new TextDecoder().decode(bytes), lost];

/** A line of `length` bytes. */
const line = (length: number) => `${"x".repeat(length - 1)}\n`;

Deno.test("log queue: lines come out together, in their order", () => {
  const queue = new LogQueue();
  queue.push("a\n");
  queue.push("ü\n");
  assert.equal(queue.isEmpty, false);
  assert.deepEqual(shown(queue.take()), ["a\nü\n", 0]);
  assert.equal(queue.isEmpty, true);
});

Deno.test("log queue: a message holds as much as it may, of whole lines", () => {
  const queue = new LogQueue();
  queue.push(line(MAX_LOG_BATCH_BYTES - 1));
  queue.push("\n");
  queue.push("next\n");
  assert.equal(queue.take().bytes.length, MAX_LOG_BATCH_BYTES);
  assert.deepEqual(shown(queue.take()), ["next\n", 0]);
});

Deno.test("log queue: what does not fit is counted, in its place", () => {
  const queue = new LogQueue();
  for (let index = 0; index < 4; index++) queue.push(line(MAX_WAITING_LOG_BYTES / 4));
  queue.push("lost\n");
  queue.push("lost\n");
  queue.take();
  queue.push("kept\n");
  const rest = [queue.take(), queue.take(), queue.take(), queue.take()].map(({ bytes, lost }) => [
    bytes.length,
    lost,
  ]);
  const full = MAX_WAITING_LOG_BYTES / 4;
  assert.deepEqual(rest, [[full, 0], [full, 0], [full, 0], [5, 2]]);
  assert.equal(queue.isEmpty, true);
});

Deno.test("log queue: a line that no message can hold is lost", () => {
  const queue = new LogQueue();
  queue.push(line(MAX_LOG_BATCH_BYTES + 1));
  assert.equal(queue.isEmpty, false);
  assert.deepEqual(shown(queue.take()), ["", 1]);
  // Bytes count, not characters.
  queue.push(`${"ü".repeat(MAX_LOG_BATCH_BYTES / 2)}\n`);
  assert.deepEqual(shown(queue.take()), ["", 1]);
});

Deno.test("log flow: the lines of one turn go together, one batch at a time", async () => {
  const sent: unknown[] = [];
  const flow = new LogFlow((batch) => sent.push(shown(batch)[0]));
  flow.write("early\n");
  await Promise.resolve();
  assert.deepEqual(sent, []);
  flow.start();
  flow.write("a\n");
  await Promise.resolve();
  assert.deepEqual(sent, ["early\na\n"]);
  flow.write("b\n");
  await Promise.resolve();
  flow.write("c\n");
  await Promise.resolve();
  assert.equal(sent.length, 1);
  assert.equal(flow.answered(), true);
  await Promise.resolve();
  assert.deepEqual(sent, ["early\na\n", "b\nc\n"]);
});

Deno.test("log flow: it is written when the last batch was answered", async () => {
  const flow = new LogFlow(() => {});
  let isWritten = false;
  flow.write("a\n");
  flow.start();
  const written = flow.written().then(() => isWritten = true);
  assert.equal(flow.answered(), false);
  await Promise.resolve();
  assert.equal(isWritten, false);
  assert.equal(flow.answered(), true);
  await written;
  await flow.written();
});
