import assert from "node:assert/strict";
import { readJsonBody } from "../../src/http/body.ts";

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
  assert.deepEqual(await readJsonBody(request, 100), { ok: true, value: { a: "é" } });
});

Deno.test("body: exactly the cap is taken, one byte more is not (D26)", async () => {
  assert.equal((await readJsonBody(streamed(['"abc"']).request, 5)).ok, true);
  const reading = await readJsonBody(streamed(['"abcd"']).request, 5);
  assert.equal(!reading.ok && reading.condition, "too_large");
});

Deno.test("body: an endless body is left as soon as it is over the cap", async () => {
  const { request, taken, cancelled } = streamed(endless());
  const reading = await readJsonBody(request, 1000);
  assert.equal(!reading.ok && reading.condition, "too_large");
  assert(taken() <= 12, `${taken()} pieces were taken`);
  assert.equal(cancelled(), true);
});

Deno.test("body: a Content-Length over the cap is refused before anything is read", async () => {
  const { request, taken } = streamed(endless(), { "content-length": "1001" });
  const reading = await readJsonBody(request, 1000);
  assert.equal(!reading.ok && reading.condition, "too_large");
  assert.equal(taken(), 0);
});

Deno.test("body: a Content-Length that lies does not lift the cap", async () => {
  const reading = await readJsonBody(streamed(endless(), { "content-length": "2" }).request, 1000);
  assert.equal(!reading.ok && reading.condition, "too_large");
});

Deno.test("body: the cap counts bytes, not characters", async () => {
  assert.equal((await readJsonBody(streamed(['"ééé"']).request, 7)).ok, false);
  assert.equal((await readJsonBody(streamed(['"ééé"']).request, 8)).ok, true);
});

for (const type of ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8"]) {
  Deno.test(`body: ${type} is JSON`, async () => {
    assert.equal((await readJsonBody(streamed(["1"], { "content-type": type }).request, 10)).ok, true);
  });
}

for (const type of ["text/plain", "application/jsonp", "application/json-seq", "multipart/form-data", ""]) {
  Deno.test(`body: the type ${JSON.stringify(type)} is refused before anything is read`, async () => {
    const { request, taken } = streamed(["1"], { "content-type": type });
    const reading = await readJsonBody(request, 10);
    assert.equal(!reading.ok && reading.condition, "invalid");
    assert.equal(taken(), 0);
  });
}

Deno.test("body: a request without a body is not JSON", async () => {
  const request = new Request("http://127.0.0.1/", {
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  const reading = await readJsonBody(request, 10);
  assert.equal(!reading.ok && reading.condition, "invalid");
});
