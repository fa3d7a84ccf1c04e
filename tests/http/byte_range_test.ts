import assert from "node:assert/strict";
import fc from "fast-check";
import { selectRange } from "../../src/http/byte_range.ts";

const whole = { kind: "whole" };
const unsatisfiable = { kind: "unsatisfiable" };
const part = (offset: number, length: number) => ({ kind: "part", offset, length });

for (
  const [header, length, expected] of [
    [null, 10, whole],
    // RFC 9110, section 14.1.2, on 10,000 bytes.
    ["bytes=0-499", 10_000, part(0, 500)],
    ["bytes=500-999", 10_000, part(500, 500)],
    ["bytes=-500", 10_000, part(9500, 500)],
    ["bytes=9500-", 10_000, part(9500, 500)],
    ["bytes=0-", 10, part(0, 10)],
    ["bytes=9-9", 10, part(9, 1)],
    ["bytes=9-10", 10, part(9, 1)],
    ["bytes=10-", 10, unsatisfiable],
    ["bytes=10-20", 10, unsatisfiable],
    ["bytes=-0", 10, unsatisfiable],
    ["bytes=-11", 10, part(0, 10)],
    ["bytes=0-0", 0, unsatisfiable],
    ["bytes=0-", 0, unsatisfiable],
    ["bytes=-5", 0, whole],
    ["BYTES=1-2", 10, part(1, 2)],
    // Beyond what a number holds exactly.
    ["bytes=0-99999999999999999999999", 10, part(0, 10)],
    ["bytes=99999999999999999999999-", 10, unsatisfiable],
    ["bytes=9007199254740993-9007199254740992", 10, whole],
    ["bytes=-99999999999999999999999", 10, part(0, 10)],
    // Several may be ignored; what is no range must be.
    ["bytes=0-0,-1", 10, whole],
    ["bytes=0-0, 2-3", 10, whole],
    ["bytes=,1-2,", 10, part(1, 2)],
    ["bytes=, \t1-2 ,", 10, part(1, 2)],
    ["bytes=5-4", 10, whole],
    ["bytes=", 10, whole],
    ["bytes=-", 10, whole],
    ["bytes=--1", 10, whole],
    ["bytes=a-b", 10, whole],
    ["bytes=1-2-3", 10, whole],
    ["bytes= 1-2", 10, whole],
    ["bytes=1-2 ", 10, whole],
    ["bytes=1 - 2", 10, whole],
    ["bytes=+1-2", 10, whole],
    ["bytes=0x1-2", 10, whole],
    ["bytes=1.0-2", 10, whole],
    ["bytes=١-٢", 10, whole],
    ["bytes 1-2", 10, whole],
    ["bytes =1-2", 10, whole],
    ["lines=1-2", 10, whole],
    ["1-2", 10, whole],
    ["", 10, whole],
  ] as const
) {
  Deno.test(`byte range: ${JSON.stringify(header)} of ${length} bytes`, () => {
    assert.deepEqual(selectRange(header, length), expected);
  });
}

/** The bytes that a range selects, picked one by one from all that there are; null when the header must be ignored. */
function oracle(header: string, length: number): number[] | null {
  const text = header.slice("bytes=".length);
  const dash = text.indexOf("-");
  const numbers = [text.slice(0, dash), text.slice(dash + 1)];
  if (dash < 0 || numbers.some((number) => [...number].some((digit) => !"0123456789".includes(digit)))) {
    return null;
  }
  const [first, last] = numbers as [string, string];
  if (first === "" && last === "") return null;
  if (first !== "" && last !== "" && Number(first) > Number(last)) return null;
  const all = Array.from({ length }, (_, index) => index);
  if (first === "") return all.filter((index) => length - index <= Number(last));
  return all.filter((index) => index >= Number(first) && (last === "" || index <= Number(last)));
}

Deno.test("byte range: selects what picking byte by byte selects", () => {
  const small = fc.oneof(fc.constant(""), fc.nat({ max: 40 }).map(String), fc.constantFrom("007", "x", "-"));
  fc.assert(
    fc.property(
      small,
      fc.constantFrom("-", "-", "-", "", " -"),
      small,
      fc.nat({ max: 30 }),
      (a, dash, b, length) => {
        const header = `bytes=${a}${dash}${b}`;
        const selected = selectRange(header, length);
        const expected = oracle(header, length);
        if (expected === null) return assert.deepEqual(selected, whole, header);
        if (expected.length === 0) {
          // The last bytes of nothing cannot be said in a Content-Range: nothing is sent as a whole.
          const isSuffix = /^bytes=-0*[1-9]/.test(header);
          return assert.deepEqual(selected, isSuffix && length === 0 ? whole : unsatisfiable, header);
        }
        assert.deepEqual(selected, part(expected[0]!, expected.length), header);
      },
    ),
    { numRuns: 5000 },
  );
});

Deno.test("byte range: whatever is sent, a part lies within and is not empty", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(..."bytes=,- \t0123456789") }).map((rest) => `bytes=${rest}`),
  );
  fc.assert(
    fc.property(text, fc.nat({ max: 100 }), (header, length) => {
      const selected = selectRange(header, length);
      if (selected.kind !== "part") return;
      assert(selected.length > 0 && selected.offset >= 0 && selected.offset + selected.length <= length);
    }),
    { numRuns: 5000 },
  );
});
