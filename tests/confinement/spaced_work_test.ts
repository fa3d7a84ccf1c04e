import assert from "node:assert/strict";
import { SpacedWork } from "../../src/confinement/spaced_work.ts";
import { FakeTime } from "../support/fake_time.ts";

Deno.test("spaced work: one piece of work a turn, in order, and others have theirs in between", async () => {
  using time = new FakeTime();
  const work = new SpacedWork();
  const done: string[] = [];
  for (const key of ["a", "b", "c"]) {
    work.add(key, () => {
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

Deno.test("spaced work: what is left out, or asked for anew, is not done as it was", async () => {
  using time = new FakeTime();
  const work = new SpacedWork();
  const done: string[] = [];
  work.add("a", () => done.push("first a"));
  work.add("b", () => done.push("b"));
  work.add("a", () => done.push("second a"));
  assert.equal(work.remove("b"), true);
  assert.equal(work.remove("b"), false);
  await time.advance(25);
  assert.deepEqual(done, ["second a"]);
  work.add("c", () => done.push("c"));
  await time.advance(1);
  assert.deepEqual(done, ["second a", "c"]);
});

Deno.test("spaced work: work that throws keeps nobody else from its turn", async () => {
  const work = new SpacedWork();
  const done: string[] = [];
  const failed = Promise.withResolvers<string>();
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    failed.resolve(event.message);
  };
  globalThis.addEventListener("error", onError);
  try {
    work.add("a", () => {
      throw new Error("no luck");
    });
    const last = Promise.withResolvers<void>();
    work.add("b", () => {
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
