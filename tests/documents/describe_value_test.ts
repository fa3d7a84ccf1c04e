import assert from "node:assert/strict";
import { describeValue } from "../../src/documents/describe_value.ts";

Deno.test("scalars are described as they are, collections by their kind", () => {
  assert.deepEqual([1.5, true, null, undefined, "a"].map(describeValue), [
    "1.5",
    "true",
    "null",
    "nothing",
    '"a"',
  ]);
  assert.deepEqual([[1], { a: 1 }].map(describeValue), ["a list", "a mapping"]);
});

Deno.test("a secret is taken out before the text is cut: a cut would hide what it is", () => {
  const password = "s3cr3t".repeat(20);
  assert.equal(describeValue(`https://alice:${password}@h/`), '"https://[redacted]@h/"');
  assert.equal(describeValue(`password=${password}`), '"password=[redacted]"');
});
