import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteBuffer } from "../../src/confinement/byte_buffer.ts";

Deno.test("byte buffer: keeps what was appended, in order, up to its capacity to the byte", () => {
  const buffer = new ByteBuffer(4);
  assert.equal(buffer.append(new Uint8Array([1, 2])), true);
  assert.equal(buffer.append(new Uint8Array([3, 4])), true);
  assert.equal(buffer.append(new Uint8Array([5])), false);
  assert.deepEqual([...buffer.bytes()], [1, 2, 3, 4]);
});

Deno.test("byte buffer: of a piece that does not fit nothing is kept, and a smaller one still fits", () => {
  const buffer = new ByteBuffer(3);
  assert.equal(buffer.append(new Uint8Array(4)), false);
  assert.equal(buffer.append(new Uint8Array([7, 8, 9])), true);
  assert.deepEqual([...buffer.bytes()], [7, 8, 9]);
});

Deno.test("byte buffer: a view stays as it is when more is appended", () => {
  const buffer = new ByteBuffer(10_000);
  buffer.append(new Uint8Array([1]));
  const view = buffer.bytes();
  buffer.append(new Uint8Array(5000).fill(2));
  assert.deepEqual([...view], [1]);
});

Deno.test("byte buffer: does not share memory with what it was given", () => {
  const buffer = new ByteBuffer(10);
  const piece = new Uint8Array([1]);
  buffer.append(piece);
  piece[0] = 9;
  assert.deepEqual([...buffer.bytes()], [1]);
});

Deno.test("byte buffer: with no capacity only nothing fits", () => {
  const buffer = new ByteBuffer(0);
  assert.equal(buffer.append(new Uint8Array(0)), true);
  assert.equal(buffer.append(new Uint8Array(1)), false);
  assert.equal(buffer.bytes().length, 0);
});

Deno.test("byte buffer: a byte at a time costs no more memory than a block", () => {
  const buffer = new ByteBuffer(100_000);
  for (let count = 0; count < 50_000; count++) buffer.append(new Uint8Array([count]));
  assert.equal(buffer.bytes().length, 50_000);
  assert(buffer.bytes().buffer.byteLength <= 100_000);
});

Deno.test("byte buffer: is the same as a list of the pieces that fitted", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 20 });
  fc.assert(fc.property(pieces, fc.nat(8000), (given, capacity) => {
    const buffer = new ByteBuffer(capacity);
    const expected: number[] = [];
    for (const piece of given) {
      const fits = expected.length + piece.length <= capacity;
      assert.equal(buffer.append(piece), fits);
      if (fits) expected.push(...piece);
      assert(buffer.bytes().buffer.byteLength <= Math.max(capacity, 0));
    }
    assert.deepEqual([...buffer.bytes()], expected);
  }));
});
