import assert from "node:assert/strict";
import { JoinedSignal } from "../../src/core/joined_signal.ts";
import { CountedAbortController } from "../resilience/counted_signal.ts";

function setUp() {
  const client = new CountedAbortController();
  const server = new CountedAbortController();
  const joined = new JoinedSignal(client.signal, server.signal);
  return { client, server, joined, listeners: () => [client.listeners, server.listeners] };
}

for (const name of ["client", "server"] as const) {
  Deno.test(`joined signal: is aborted with its ${name}, for the same reason, and lets go of both`, () => {
    const all = setUp();
    assert.equal(all.joined.signal.aborted, false);
    assert.deepEqual(all.listeners(), [1, 1]);
    all[name].abort("enough");
    assert.deepEqual([all.joined.signal.aborted, all.joined.signal.reason], [true, "enough"]);
    assert.deepEqual(all.listeners(), [0, 0]);
  });
}

Deno.test("joined signal: one that is aborted already aborts it at once", () => {
  const before = new CountedAbortController();
  const joined = new JoinedSignal(before.signal, AbortSignal.abort("gone"));
  assert.deepEqual([joined.signal.aborted, joined.signal.reason, before.listeners], [true, "gone", 0]);
});

Deno.test("joined signal: once it is disposed of, nothing leads to it", () => {
  const { client, joined, listeners } = setUp();
  joined[Symbol.dispose]();
  assert.deepEqual(listeners(), [0, 0]);
  client.abort();
  assert.equal(joined.signal.aborted, false);
});
