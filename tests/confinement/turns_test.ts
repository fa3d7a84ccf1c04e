import assert from "node:assert/strict";
import { Turns } from "../../src/confinement/turns.ts";
import { FakeTime } from "../support/fake_time.ts";

Deno.test("turns: one piece of work a turn, in order, and others have theirs in between", async () => {
  using time = new FakeTime();
  const turns = new Turns();
  const done: string[] = [];
  for (const key of ["a", "b", "c"]) {
    turns.add(key, () => {
      done.push(key);
      setTimeout(() => done.push(`after ${key}`), 0);
    });
  }
  assert.equal(done.length, 0);
  await time.advance(1);
  assert.equal(done[0], "a");
  await time.advance(25);
  assert.deepEqual(done, ["a", "after a", "b", "after b", "c", "after c"]);
  assert.equal(time.pending, 0);
});

Deno.test("turns: what is left out, or asked for anew, is not done as it was", async () => {
  using time = new FakeTime();
  const turns = new Turns();
  const done: string[] = [];
  turns.add("a", () => done.push("first a"));
  turns.add("b", () => done.push("b"));
  turns.add("a", () => done.push("second a"));
  assert.equal(turns.remove("b"), true);
  assert.equal(turns.remove("b"), false);
  await time.advance(25);
  assert.deepEqual(done, ["second a"]);
  turns.add("c", () => done.push("c"));
  await time.advance(1);
  assert.deepEqual(done, ["second a", "c"]);
});

Deno.test("turns: work that throws keeps nobody else from its turn", async () => {
  const turns = new Turns();
  const done: string[] = [];
  const failed = Promise.withResolvers<string>();
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    failed.resolve(event.message);
  };
  globalThis.addEventListener("error", onError);
  try {
    turns.add("a", () => {
      throw new Error("no luck");
    });
    const last = Promise.withResolvers<void>();
    turns.add("b", () => {
      done.push("b");
      last.resolve();
    });
    assert.match(await failed.promise, /no luck/);
    await last.promise;
  } finally {
    globalThis.removeEventListener("error", onError);
  }
  assert.deepEqual(done, ["b"]);
});
