import assert from "node:assert/strict";
import fc from "fast-check";
import { isFromCompartment } from "../../src/confinement/protocol.ts";
import { endingOf } from "../support/engine.ts";

const bytes = new Uint8Array([1]);
const ending = endingOf();

/** One message of each type. */
const MESSAGES: readonly Record<string, unknown>[] = [
  { type: "output", id: "r", stream: "stdout", bytes },
  { type: "output", id: "r", stream: "stderr", bytes: new Uint8Array(0) },
  { type: "ended", id: "r", ending },
  {
    type: "ended",
    id: "r",
    ending: { ...ending, code: null, signal: "SIGKILL", cause: "flood", heldOpen: true },
  },
  { type: "not_started", id: "r", reason: "no such file" },
];

for (const message of MESSAGES) {
  const shown = JSON.stringify(message).slice(0, 60);

  Deno.test(`protocol: ${shown} is a message, also after it was passed between threads`, () => {
    assert.equal(isFromCompartment(message), true);
    assert.equal(isFromCompartment(structuredClone(message)), true);
  });

  Deno.test(`protocol: ${shown} with a field more or less is none`, () => {
    assert.equal(isFromCompartment({ ...message, more: 1 }), false);
    for (const key of Object.keys(message)) {
      const { [key]: _, ...rest } = message;
      assert.equal(isFromCompartment(rest), false, `without ${key}`);
      assert.equal(isFromCompartment({ ...rest, other: message[key] }), false, `${key} renamed`);
      assert.equal(
        isFromCompartment({ ...message, [key]: Symbol.iterator }),
        false,
        `${key} of another type`,
      );
    }
  });
}

const BAD: readonly unknown[] = [
  null,
  undefined,
  "ready",
  7,
  [],
  {},
  [{ type: "not_started", id: "r", reason: "" }],
  // What others say, and the server itself.
  { type: "ready" },
  { type: "open", program: "/bin/sh" },
  { type: "run" },
  { type: "abandon" },
  { type: "cancel", id: "r" },
  { type: "stop", run: "r" },
  { type: "gone", run: "r", killed: 0, survivors: 0, note: null },
  { type: "__proto__" },
  { type: "constructor" },
  { type: "toString" },
  { type: ["not_started"], id: "r", reason: "" },
  { type: "output", id: "r", stream: "stdin", bytes },
  { type: "output", id: "r", stream: "stdout", bytes: "text" },
  { type: "output", id: "r", stream: "stdout", bytes: [1] },
  { type: "output", id: "r", stream: "stdout", bytes: bytes.buffer },
  { type: "output", id: "x".repeat(65), stream: "stdout", bytes },
  { type: "output", id: "r", stream: "stdout", bytes: new Uint16Array(1) },
  { type: "output", id: "r", stream: "__proto__", bytes },
  { type: "not_started", id: "r", reason: "x".repeat(4097) },
  { type: "ended", id: "r", ending: null },
  { type: "ended", id: "r", ending: { ...ending, more: 1 } },
  { type: "ended", id: "r", ending: { ...ending, code: 1.5 } },
  { type: "ended", id: "r", ending: { ...ending, code: "0" } },
  { type: "ended", id: "r", ending: { ...ending, signal: 9 } },
  { type: "ended", id: "r", ending: { ...ending, signal: "S".repeat(65) } },
  { type: "ended", id: "r", ending: { ...ending, bytes: [0, 0] } },
  { type: "ended", id: "r", ending: { ...ending, cause: "other" } },
  { type: "ended", id: "r", ending: { ...ending, cause: undefined } },
  { type: "ended", id: "r", ending: { ...ending, durationMs: NaN } },
  { type: "ended", id: "r", ending: { ...ending, durationMs: -1 } },
  { type: "ended", id: "r", ending: { ...ending, durationMs: Infinity } },
  { type: "ended", id: "r", ending: { ...ending, bytes: { stdout: 0 } } },
  { type: "ended", id: "r", ending: { ...ending, bytes: { stdout: 0, stderr: -1 } } },
  { type: "ended", id: "r", ending: { ...ending, bytes: { stdout: 0, stderr: 0, more: 0 } } },
  { type: "ended", id: "r", ending: { ...ending, heldOpen: 1 } },
  Object.create({ type: "not_started", id: "r", reason: "" }),
];

for (const [index, data] of BAD.entries()) {
  Deno.test(`protocol: what is no message, ${index}: ${JSON.stringify(data)?.slice(0, 70)}`, () => {
    assert.equal(isFromCompartment(data), false);
  });
}

Deno.test("protocol: no value that can be sent makes the check throw", () => {
  const values = fc.anything({
    withNullPrototype: true,
    withBigInt: true,
    withTypedArray: true,
    withMap: true,
  });
  fc.assert(fc.property(values, fc.constantFrom(...MESSAGES), fc.string(), (value, message, key) => {
    isFromCompartment(value);
    assert.equal(isFromCompartment({ ...message, [`extra ${key}`]: value }), false);
  }));
});

// A compartment could change such bytes, and their length, while they are being read.
Deno.test("protocol: bytes that are shared with the sender are none", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(1, { maxByteLength: 8 }));
  assert.equal(isFromCompartment({ type: "output", id: "r", stream: "stdout", bytes: shared }), false);
});
