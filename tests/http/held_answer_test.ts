import assert from "node:assert/strict";
import { BEAT_MS, heldBody } from "../../src/http/held_answer.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";

function setUp() {
  const clock = new FakeClock();
  const text = Promise.withResolvers<string>();
  const told: string[] = [];
  const body = heldBody(text.promise.then((whole) => new TextEncoder().encode(whole)), {
    clock,
    onGone: () => void told.push("gone"),
    onWhole: () => void told.push("whole"),
  });
  return { clock, text, told, body };
}

Deno.test("held answer: line feeds until the text is there, and together they are JSON", async () => {
  const { clock, text, told, body } = setUp();
  clock.advance(3 * BEAT_MS);
  text.resolve('{"a":"é"}');
  await flush();
  const whole = await new Response(body).text();
  assert.equal(whole, '\n\n\n\n{"a":"é"}');
  assert.deepEqual(JSON.parse(whole), { a: "é" });
  assert.deepEqual([told, clock.pending], [["whole"], 0]);
});

Deno.test("held answer: a client that leaves is told of once, and nothing is written to it any more", async () => {
  const { clock, text, told, body } = setUp();
  await body.cancel();
  assert.deepEqual([told, clock.pending], [["gone"], 0]);
  text.resolve("{}");
  await flush();
  assert.deepEqual(told, ["gone"]);
});

Deno.test("held answer: a client that leaves once the answer is whole cancels nothing", async () => {
  const { text, told, body } = setUp();
  text.resolve("{}");
  await flush();
  await body.cancel();
  assert.deepEqual(told, ["whole"]);
});

Deno.test("held answer: one that fails breaks off, without its reason", async () => {
  const { clock, text, body } = setUp();
  text.reject(new Error("secret detail"));
  await assert.rejects(new Response(body).text(), (error: Error) => !error.message.includes("secret"));
  assert.equal(clock.pending, 0);
});

Deno.test("held answer: a stream that was closed behind its back is a client that has left, and ends nothing else", async () => {
  // As Deno 2.6 does it: the stream takes no more, and nobody has cancelled it.
  const real = ReadableStreamDefaultController.prototype.enqueue;
  const { clock, text, told } = setUp();
  ReadableStreamDefaultController.prototype.enqueue = () => {
    throw new TypeError("The stream controller cannot close or enqueue");
  };
  try {
    clock.advance(BEAT_MS);
    assert.deepEqual([told, clock.pending], [["gone"], 0]);
    text.resolve("{}");
    await flush();
    assert.deepEqual(told, ["gone"]);

    const late = setUp();
    late.text.resolve("{}");
    await flush();
    assert.deepEqual([late.told, late.clock.pending], [["gone"], 0]);
  } finally {
    ReadableStreamDefaultController.prototype.enqueue = real;
  }
});

Deno.test("held answer: one that is whole when its stream takes no more is given up without a word", async () => {
  const real = ReadableStreamDefaultController.prototype.enqueue;
  const { clock, text, told } = setUp();
  ReadableStreamDefaultController.prototype.enqueue = () => {
    throw new TypeError("The stream controller cannot close or enqueue");
  };
  try {
    text.resolve("{}");
    await flush();
    assert.deepEqual([told, clock.pending], [["whole"], 0]);
  } finally {
    ReadableStreamDefaultController.prototype.enqueue = real;
  }
});
