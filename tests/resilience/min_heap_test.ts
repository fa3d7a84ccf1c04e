import fc from "fast-check";
import assert from "node:assert/strict";
import { MinHeap } from "../../src/resilience/min_heap.ts";

Deno.test("heap: an empty one has nothing to give", () => {
  const heap = new MinHeap<string>();
  assert.deepEqual([heap.first, heap.pop()], [undefined, undefined]);
  heap.push(1, "a");
  assert.deepEqual([heap.first, heap.pop(), heap.pop()], [
    { at: 1, item: "a" },
    { at: 1, item: "a" },
    undefined,
  ]);
});

Deno.test("heap: gives what falls due first, however entries come and go, and loses none", () => {
  // A number is pushed; null takes the first out.
  const history = fc.array(fc.option(fc.integer({ min: -20, max: 20 }), { freq: 3 }), {
    maxLength: 200,
    size: "max",
  });
  fc.assert(fc.property(history, (steps) => {
    const heap = new MinHeap<number>();
    const reference: { at: number; item: number }[] = [];
    for (const [item, at] of steps.entries()) {
      if (at !== null) {
        heap.push(at, item);
        reference.push({ at, item });
      } else {
        const popped = heap.pop();
        assert.equal(
          popped?.at,
          reference.length === 0 ? undefined : Math.min(...reference.map((due) => due.at)),
        );
        // Of those that fall due together it may be any, but it must be one that is in there, and once.
        const index = reference.findIndex((due) => due.item === popped?.item && due.at === popped.at);
        assert.equal(index >= 0, popped !== undefined);
        if (index >= 0) reference.splice(index, 1);
      }
      assert.equal(heap.first?.at, reference.map((due) => due.at).sort((a, b) => a - b)[0]);
    }
    let left = 0;
    while (heap.pop() !== undefined) left++;
    assert.equal(left, reference.length);
  }));
});
