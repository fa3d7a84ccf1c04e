import assert from "node:assert/strict";
import * as fc from "fast-check";
import { statusIn } from "../../src/confinement/service_probe.ts";

const FINAL = fc.integer({ min: 200, max: 599 });
const INTERIM = fc.integer({ min: 100, max: 199 }).filter((status) => status !== 101);
const TEXT = fc.string({ unit: fc.constantFrom(..."aZ0 :;\t\x80\xff\x1b\r"), maxLength: 12 });
const END = fc.constantFrom("\r\n", "\n");

const line = (status: number, reason: string, version: number, end: string) =>
  `HTTP/1.${version} ${status}${reason === "" ? "" : ` ${reason}`}${end}`;

/** An interim answer: its fields are lines that are not empty. */
const interim = fc.tuple(
  INTERIM,
  TEXT,
  fc.constantFrom(0, 1),
  END,
  fc.array(fc.tuple(TEXT, END), { maxLength: 3 }),
)
  .map(([status, reason, version, end, fields]) =>
    line(status, reason, version, end) + fields.map(([text, last]) => `x${text}${last}`).join("") + end
  );

Deno.test("status: it is found behind any interim answers, and from its line's end on, never before", () => {
  fc.assert(fc.property(
    fc.array(interim, { maxLength: 3 }),
    fc.tuple(FINAL, TEXT, fc.constantFrom(0, 1), END),
    TEXT,
    (before, [status, reason, version, end], after) => {
      const known = before.join("") + line(status, reason, version, end);
      for (let length = 0; length < known.length; length++) {
        assert.equal(statusIn(known.slice(0, length)), "more");
      }
      assert.equal(statusIn(known), status);
      assert.equal(statusIn(`${known}${after}\n${after}`), status);
    },
  ));
});

Deno.test("status: whatever is sent, there is one answer to it, which more of the same does not change", () => {
  const piece = fc.constantFrom(
    "HTTP/1.",
    "1",
    "0",
    " ",
    "200",
    "100",
    "101",
    "OK",
    "\r\n",
    "\n",
    "\r",
    "x",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), fc.array(piece, { maxLength: 4 }), (pieces, more) => {
      const verdict = statusIn(pieces.join(""));
      if (verdict !== "more") assert.equal(statusIn([...pieces, ...more].join("")), verdict);
      if (typeof verdict === "number") assert(verdict >= 200 && verdict <= 599);
    }),
  );
});

for (
  const [head, verdict] of [
    ["", "more"],
    ["HTTP/1.1 200 OK", "more"],
    ["HTTP/1.1 200 OK\n", 200],
    ["HTTP/1.1 200\r\n", 200],
    ["HTTP/1.1 200 \r\n", 200],
    ["HTTP/1.0 404 Not Found\r\n", 404],
    ["HTTP/1.2 200 OK\r\n", "not HTTP"],
    ["HTTP/2 200 OK\r\n", "not HTTP"],
    ["http/1.1 200 OK\r\n", "not HTTP"],
    [" HTTP/1.1 200 OK\r\n", "not HTTP"],
    ["HTTP/1.1  200 OK\r\n", "not HTTP"],
    ["HTTP/1.1 200OK\r\n", "not HTTP"],
    ["HTTP/1.1 600 OK\r\n", "not HTTP"],
    ["HTTP/1.1 099 OK\r\n", "not HTTP"],
    ["HTTP/1.1 101 Switching\r\n\r\n", "not HTTP"],
    ["HTTP/1.1 100\r\n\r\nSSH", "not HTTP"],
    ["HTTP/1.1 100\r\nHTTP/1.1 200\r\n", "more"],
    ["\r\nHTTP/1.1 200\r\n", "not HTTP"],
    ["SSH", "not HTTP"],
    ["H", "more"],
  ] as const
) {
  Deno.test(`status: ${JSON.stringify(head)} is ${verdict}`, () => assert.equal(statusIn(head), verdict));
}
