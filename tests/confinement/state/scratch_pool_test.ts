import assert from "node:assert/strict";
import { ScratchPool } from "../../../src/confinement/state/scratch_pool.ts";

/** A pool and the ids that it ordered: the tool's name and a number. */
function open(concurrency: number) {
  const ordered: string[] = [];
  const pool = new ScratchPool([{ name: "a", concurrency }, { name: "b", concurrency: 0 }], (tool) => {
    const id = `${tool}${ordered.length}`;
    ordered.push(id);
    return id;
  });
  return { pool, ordered };
}

Deno.test("scratch pool: as many as the tool may have runs are made in advance, and again", async () => {
  const { pool, ordered } = open(2);
  pool.fill();
  pool.fill();
  assert.deepEqual(ordered, ["a0", "a1"]);
  assert.deepEqual([pool.made("a0"), pool.made("a1")], [true, true]);
  assert.equal(await pool.take("a"), "a0");
  assert.deepEqual(ordered, ["a0", "a1", "a2"]);
});

Deno.test("scratch pool: who comes when none is ready waits for the next, in turn", async () => {
  const { pool, ordered } = open(1);
  const taken = [pool.take("a"), pool.take("a")];
  assert.equal(ordered.length, 3);
  for (const id of ["a1", "a0", "a2"]) pool.made(id);
  assert.deepEqual(await Promise.all(taken), ["a1", "a0"]);
  assert.equal(await pool.take("a"), "a2");
  const without = pool.take("b");
  pool.made("b4");
  assert.equal(await without, "b4");
});

Deno.test("scratch pool: one that cannot be made fails who waits, and is not ordered again", async () => {
  const { pool, ordered } = open(1);
  pool.fill();
  assert.equal(pool.notMade("a0", "disk full"), true);
  assert.equal(ordered.length, 1);
  const taken = pool.take("a");
  assert.equal(ordered.length, 3);
  pool.notMade("a1", "disk full");
  await assert.rejects(taken, /^Error: disk full$/);
});

Deno.test("scratch pool: answers that nobody asked for, tools that nobody knows", async () => {
  const { pool } = open(1);
  pool.fill();
  pool.made("a0");
  assert.deepEqual([pool.made("a0"), pool.made("x"), pool.notMade("x", "r")], [false, false, false]);
  await assert.rejects(pool.take("c"), /the tool c has no scratch folders/);
});

Deno.test("scratch pool: all that wait can be sent away", async () => {
  const { pool } = open(1);
  const taken = [pool.take("a"), pool.take("b")];
  pool.fail("over");
  for (const each of taken) await assert.rejects(each, /^Error: over$/);
});
