import fc from "fast-check";
import assert from "node:assert/strict";
import {
  EVENT_TYPES,
  formatEventId,
  heartbeatFrame,
  isEventType,
  messageOf,
  parseEventId,
  retryFrame,
} from "../../src/events/event.ts";
import { parseEventStream } from "./event_stream.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("event: an id that was written is read as it was", () => {
  const boots = fc.stringMatching(/^[0-9a-f]{8}$/);
  fc.assert(fc.property(boots, fc.integer({ min: 0, max: 999_999_999_999_999 }), (boot, sequence) => {
    assert.deepEqual(parseEventId(formatEventId(boot, sequence)), { boot, sequence });
  }));
});

Deno.test("event: whatever else comes as an id is none", () => {
  const wrong = [
    "",
    "1",
    "-1",
    "0123abcd",
    "0123abcd-",
    "0123abcd--1",
    "0123abcd-01",
    "0123abcd-1.5",
    "0123abcd-1e3",
    "0123abcd-1 ",
    "0123abcd-1\n",
    "0123ABCD-1",
    "0123abcd-1000000000000000",
    "00123abcd-1",
    "0123abcg-1",
    "x".repeat(100_000),
  ];
  for (const text of wrong) assert.equal(parseEventId(text), null, text.slice(0, 40));
});

Deno.test("event: the types are a contract, and names of objects' own properties are none of them", () => {
  assert.deepEqual(EVENT_TYPES, ["health", "tool", "breaker", "run"]);
  for (const type of EVENT_TYPES) assert(isEventType(type));
  for (const other of ["", "Run", "run ", "start", "reset", "toString", "__proto__"]) {
    assert(!isEventType(other), other);
  }
});

Deno.test("event: whatever its data holds, it is one message of a stream, whose data is one line of it", () => {
  fc.assert(fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (data) => {
    const message = messageOf("0123abcd-7", "run", data);
    const text = decode(message.frame);
    assert.deepEqual(parseEventStream(text), [{ id: "0123abcd-7", event: "run", data: message.json }]);
    assert.deepEqual(JSON.parse(message.json), JSON.parse(JSON.stringify(data)));
    // deno-lint-ignore no-control-regex -- that is what must not be there
    assert.doesNotMatch(message.json, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
  }));
});

Deno.test("event: data that looks like lines of a stream stays data", () => {
  const error = "x\n\nid: 0123abcd-9\nevent: health\ndata: {}\n\n";
  const { frame } = messageOf("0123abcd-1", "run", { error });
  const [only, ...more] = parseEventStream(decode(frame));
  assert.deepEqual(more, []);
  assert.deepEqual([only!.id, only!.event, JSON.parse(only!.data)], ["0123abcd-1", "run", { error }]);
});

Deno.test("event: what is no event is none to a client", () => {
  assert.equal(decode(retryFrame(2000)), "retry: 2000\n\n");
  assert.equal(decode(heartbeatFrame("0123abcd-3")), ":\nid: 0123abcd-3\n\n");
  assert.deepEqual(parseEventStream("retry: 2000\n\n:\nid: 0123abcd-3\n\n"), []);
});
