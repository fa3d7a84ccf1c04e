import assert from "node:assert/strict";
import { CORRELATION_ID_PATTERN, isCorrelationId, newId } from "../../src/core/ids.ts";

for (const id of ["a", "A9._:-", "x".repeat(64), newId()]) {
  Deno.test(`ids: ${JSON.stringify(id)} may be a correlation id`, () =>
    assert.equal(isCorrelationId(id), true));
}

for (const id of ["", "x".repeat(65), "a b", "a\n", "\na", "a\r", "a/b", "ä", "a\0", '"', "a,b", "a\u2028"]) {
  Deno.test(`ids: ${JSON.stringify(id)} may not be a correlation id (D23)`, () => {
    assert.equal(isCorrelationId(id), false);
  });
}

Deno.test("ids: the pattern that clients are shown says the same", () => {
  const published = new RegExp(CORRELATION_ID_PATTERN, "u");
  for (const id of ["a", "a b", "", "x".repeat(65), "a\n"]) {
    assert.equal(published.test(id), isCorrelationId(id));
  }
});

Deno.test("ids: a new id is a random UUID that may be a correlation id", () => {
  const ids = Array.from({ length: 100 }, newId);
  assert.equal(new Set(ids).size, 100);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});
