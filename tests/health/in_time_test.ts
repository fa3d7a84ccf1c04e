import assert from "node:assert/strict";
import { inTime } from "../../src/health/in_time.ts";
import { CountedAbortController } from "../resilience/counted_signal.ts";

Deno.test("in time: an answer before the end is given, and no listener is left", async () => {
  const controller = new CountedAbortController();
  assert.equal(await inTime(Promise.resolve(5), controller.signal), 5);
  await assert.rejects(inTime(Promise.reject(new Error("no")), controller.signal), /no/);
  assert.equal(controller.listeners, 0);
});

Deno.test("in time: without an answer by the end it is null, whatever comes then", async () => {
  const controller = new CountedAbortController();
  const answer = Promise.withResolvers<number>();
  const waiting = inTime(answer.promise, controller.signal);
  controller.abort();
  assert.equal(await waiting, null);
  answer.reject(new Error("too late, and nobody's business"));
  assert.equal(await inTime(new Promise(() => {}), controller.signal), null);
  assert.equal(controller.listeners, 0);
});
