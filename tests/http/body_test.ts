import assert from "node:assert/strict";
import fc from "fast-check";
import { readJsonBody } from "../../src/http/body.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** Reads without a hurry. */
function read(request: Request, maxBytes: number): ReturnType<typeof readJsonBody> {
  return readJsonBody(request, maxBytes, { clock: new FakeClock(), withinMs: 1_000 });
}

/** A request whose body comes in pieces, with no Content-Length. */
function streamed(pieces: Iterable<string | Uint8Array>, headers: HeadersInit = {}) {
  let taken = 0;
  let cancelled = false;
  const source = pieces[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = source.next();
      if (done) return controller.close();
      taken++;
      controller.enqueue(typeof value === "string" ? new TextEncoder().encode(value) : value);
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  const request = new Request("http://127.0.0.1/", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { request, taken: () => taken, cancelled: () => cancelled };
}

/** Far more than any cap here, and still an end, so that a missing cap fails a test instead of hanging it. */
function* endless(): Generator<string> {
  for (let piece = 0; piece < 10_000; piece++) yield "x".repeat(100);
}

Deno.test("body: JSON in pieces, a character split between two of them", async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}');
  const { request } = streamed([bytes.slice(0, 7), bytes.slice(7)]);
  assert.deepEqual(await read(request, 100), { ok: true, value: { a: "é" } });
});

Deno.test("body: exactly the cap is taken, one byte more is not (D26)", async () => {
  assert.equal((await read(streamed(['"abc"']).request, 5)).ok, true);
  const reading = await read(streamed(['"abcd"']).request, 5);
  assert.equal(!reading.ok && reading.condition, "too_large");
});

Deno.test("body: an endless body is left as soon as it is over the cap", async () => {
  const { request, taken, cancelled } = streamed(endless());
  const reading = await read(request, 1000);
  assert.equal(!reading.ok && reading.condition, "too_large");
  assert(taken() <= 12, `${taken()} pieces were taken`);
  assert.equal(cancelled(), true);
});

Deno.test("body: a Content-Length over the cap is refused before anything is read", async () => {
  const { request, taken } = streamed(endless(), { "content-length": "1001" });
  const reading = await read(request, 1000);
  assert.equal(!reading.ok && reading.condition, "too_large");
  assert.equal(taken(), 0);
});

Deno.test("body: a Content-Length that lies does not lift the cap", async () => {
  const reading = await read(streamed(endless(), { "content-length": "2" }).request, 1000);
  assert.equal(!reading.ok && reading.condition, "too_large");
});

Deno.test("body: the cap counts bytes, not characters", async () => {
  assert.equal((await read(streamed(['"ééé"']).request, 7)).ok, false);
  assert.equal((await read(streamed(['"ééé"']).request, 8)).ok, true);
});

for (const type of ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8"]) {
  Deno.test(`body: ${type} is JSON`, async () => {
    assert.equal((await read(streamed(["1"], { "content-type": type }).request, 10)).ok, true);
  });
}

for (const type of ["text/plain", "application/jsonp", "application/json-seq", "multipart/form-data", ""]) {
  Deno.test(`body: the type ${JSON.stringify(type)} is refused before anything is read`, async () => {
    const { request, taken } = streamed(["1"], { "content-type": type });
    const reading = await read(request, 10);
    assert.equal(!reading.ok && reading.condition, "invalid");
    assert.equal(taken(), 0);
  });
}

Deno.test("body: a request without a body is not JSON", async () => {
  const request = new Request("http://127.0.0.1/", {
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  const reading = await read(request, 10);
  assert.equal(!reading.ok && reading.condition, "invalid");
});

/** A body that sends one piece and then nothing. */
function stalled(clock: FakeClock) {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    cancel() {
      cancelled = true;
    },
  });
  const headers = { "content-type": "application/json", "content-length": "100" };
  const request = new Request("http://127.0.0.1/", { method: "POST", headers, body });
  return {
    reading: readJsonBody(request, 100, { clock, withinMs: 5_000 }),
    cancelled: () => cancelled,
  };
}

Deno.test("body: one that does not arrive in time is left, and no timer stays", async () => {
  const clock = new FakeClock();
  const { reading, cancelled } = stalled(clock);
  let isOver = false;
  void reading.then(() => isOver = true);
  await flush();
  clock.advance(4_999);
  await flush();
  assert.deepEqual([isOver, cancelled()], [false, false]);
  clock.advance(1);
  const body = await reading;
  assert.equal(!body.ok && body.condition, "too_slow");
  assert.deepEqual([cancelled(), clock.pending], [true, 0]);
});

Deno.test("body: one that arrives leaves no timer", async () => {
  const clock = new FakeClock();
  await readJsonBody(streamed(["1"]).request, 10, { clock, withinMs: 5_000 });
  await readJsonBody(streamed(["x".repeat(20)]).request, 10, { clock, withinMs: 5_000 });
  assert.equal(clock.pending, 0);
});

Deno.test("body: pieces of any sizes, with and without Content-Length, are the whole", async () => {
  const pieces = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 12 });
  await fc.assert(fc.asyncProperty(pieces, fc.boolean(), async (sizes, isAnnounced) => {
    const text = JSON.stringify("a".repeat(sizes.reduce((sum, size) => sum + size, 0)));
    const bytes = new TextEncoder().encode(text);
    const cuts = sizes.reduce<number[]>((ends, size) => [...ends, ends.at(-1)! + size], [0]);
    const parts = [...cuts.map((cut, index) => bytes.slice(cut, cuts[index + 1] ?? bytes.length))];
    const headers: HeadersInit = isAnnounced ? { "content-length": String(bytes.length) } : {};
    const reading = await read(streamed(parts, headers).request, bytes.length);
    assert.deepEqual(reading, { ok: true, value: JSON.parse(text) });
  }));
});
