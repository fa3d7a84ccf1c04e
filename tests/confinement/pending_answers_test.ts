import assert from "node:assert/strict";
import { PendingAnswers } from "../../src/confinement/pending_answers.ts";

Deno.test("pending answers: each comes once, for all that wait for it", async () => {
  const answers = new PendingAnswers<number>();
  const waiting = [answers.wait("a"), answers.wait("a"), answers.wait("b")];
  assert.deepEqual([answers.has("a"), answers.has("c")], [true, false]);
  assert.deepEqual([answers.resolve("a", 1), answers.resolve("a", 2), answers.has("a")], [
    true,
    false,
    false,
  ]);
  assert.deepEqual([answers.reject("b", "no"), answers.reject("b", "no")], [true, false]);
  assert.deepEqual(await Promise.all(waiting.slice(0, 2)), [1, 1]);
  await assert.rejects(waiting[2]!, /^Error: no$/);
});

Deno.test("pending answers: all waiting can be ended", async () => {
  const answers = new PendingAnswers<number>();
  const waiting = [answers.wait("a"), answers.wait("b")];
  answers.settleAll(({ resolve }) => resolve(3));
  assert.deepEqual(await Promise.all(waiting), [3, 3]);
  assert.equal(answers.resolve("a", 1), false);
});
