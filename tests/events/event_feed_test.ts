import assert from "node:assert/strict";
import type { EventType } from "../../src/events/event.ts";
import { EventFeed, FEED_LIMITS } from "../../src/events/event_feed.ts";
import type { EventReader } from "../../src/events/event_reader.ts";
import { FakeClock } from "../support/fake_clock.ts";

const BOOT = "0123abcd";

function setUp(limits = FEED_LIMITS) {
  const clock = new FakeClock();
  const feed = new EventFeed({ clock, boot: BOOT, limits });
  const subscribe = (after: string | null = null, types: readonly EventType[] | null = null) =>
    feed.subscribe({ after, types: types === null ? null : new Set(types), onNews: () => {} });
  return { clock, feed, subscribe };
}

/** What can be taken, as `NAME N`. */
function all(reader: EventReader): string[] {
  const taken: string[] = [];
  for (let message = reader.take(); message !== null; message = reader.take()) {
    taken.push(`${message.name} ${message.id.slice(BOOT.length + 1)}`);
  }
  return taken;
}

Deno.test("feed: an event has its time, and its data behind it", () => {
  const { clock, feed, subscribe } = setUp();
  const reader = subscribe();
  assert.equal(reader.take()!.json, '{"time":"2026-01-01T00:00:00.000Z","health":null}');
  clock.advance(1500);
  feed.publish("tool", { tool: "dig", enabled: false });
  assert.equal(reader.take()!.json, '{"time":"2026-01-01T00:00:01.500Z","tool":"dig","enabled":false}');
});

Deno.test("feed: who begins is told how well the server is, as far as that is known", () => {
  let health: string | null = null;
  const feed = new EventFeed({ clock: new FakeClock(), boot: BOOT, health: () => health });
  const begins = () =>
    JSON.parse(feed.subscribe({ after: null, types: null, onNews: () => {} }).take()!.json).health;
  assert.equal(begins(), null);
  health = "degraded";
  assert.equal(begins(), "degraded");
});

Deno.test("feed: a reader that comes back goes on where it was, once", () => {
  const { feed, subscribe } = setUp();
  const first = subscribe();
  for (let nth = 1; nth <= 5; nth++) feed.publish("run", { nth });
  assert.deepEqual(all(first).slice(0, 3), ["start 0", "run 1", "run 2"]);
  assert.deepEqual(all(subscribe(`${BOOT}-2`)), ["run 3", "run 4", "run 5"]);
  assert.deepEqual(all(subscribe(`${BOOT}-5`)), []);
});

Deno.test("feed: an id of another server, and what is none, begin with a reset and all that is known", () => {
  const { feed, subscribe } = setUp();
  feed.publish("run", {});
  for (const id of ["deadbeef-1", `${BOOT}-2`, "1", "", "x".repeat(10_000)]) {
    assert.deepEqual(all(subscribe(id)), ["reset 0", "run 1"], id.slice(0, 20));
  }
});

Deno.test("feed: with its usual limits, a thousand missed events are there, and one more is a gap that is told", () => {
  const { feed, subscribe } = setUp();
  for (let nth = 0; nth < 1500; nth++) feed.publish("run", {});
  const within = all(subscribe(`${BOOT}-500`));
  assert.deepEqual([within.length, within[0], within.at(-1)], [1000, "run 501", "run 1500"]);
  const beyond = all(subscribe(`${BOOT}-499`));
  assert.deepEqual([beyond.length, beyond[0], beyond[1]], [1001, "reset 500", "run 501"]);
});

Deno.test("feed: with its usual limits, a reader that has missed a thousand has 256 more to begin in", () => {
  const { feed, subscribe } = setUp();
  for (let nth = 0; nth < 1500; nth++) feed.publish("run", {});
  const [reader, slower] = [subscribe(`${BOOT}-500`), subscribe(`${BOOT}-500`)];
  for (let nth = 0; nth < 256; nth++) feed.publish("run", {});
  assert.deepEqual([reader.wasDropped, all(reader).length], [false, 1256]);
  feed.publish("run", {});
  assert.deepEqual([slower.wasDropped, slower.take(), feed.readers], [true, null, 1]);
  assert.deepEqual(all(reader), ["run 1757"]);
});

Deno.test("feed: with its usual limits, no more than a mebibyte is kept", () => {
  const { feed, subscribe } = setUp();
  const reader = subscribe();
  const pad = "x".repeat(10_000);
  for (let nth = 0; nth < 104; nth++) feed.publish("run", { pad });
  assert.equal(reader.wasDropped, false);
  for (let nth = 0; nth < 2; nth++) feed.publish("run", { pad });
  assert.equal(reader.wasDropped, true);
  assert.deepEqual(all(subscribe(`${BOOT}-1`)).slice(0, 1), ["reset 2"]);
});

Deno.test("feed: who wants a rare type is not dropped for what it does not want, and comes back with a recent id", () => {
  const { feed, subscribe } = setUp({ resumable: 3, backlog: 1, maxBytes: 1e6 });
  const reader = subscribe(null, ["health"]);
  assert.deepEqual(all(reader), ["start 0"]);
  for (let nth = 0; nth < 50; nth++) feed.publish("run", {});
  assert.deepEqual([reader.wasDropped, all(reader), reader.position], [false, [], `${BOOT}-50`]);
  feed.publish("health", {});
  assert.deepEqual(all(reader), ["health 51"]);
});

Deno.test("feed: after its end readers take what there was, and newcomers nothing but where it ended", () => {
  const { feed, subscribe } = setUp();
  const reader = subscribe();
  feed.publish("run", {});
  feed.close();
  assert.equal(reader.isOver, false);
  assert.deepEqual([all(reader), reader.isOver], [["start 0", "run 1"], true]);
  const late = subscribe();
  assert.deepEqual([all(late), late.isOver, feed.readers], [["start 1"], true, 0]);
});

Deno.test("feed: a reader that fails ends alone", () => {
  const { feed, subscribe } = setUp();
  const failing = feed.subscribe({
    after: null,
    types: null,
    onNews: () => {
      throw new Error("no");
    },
  });
  const other = subscribe();
  feed.publish("run", {});
  assert.deepEqual([failing.isOver, failing.wasDropped, feed.readers], [true, false, 1]);
  assert.deepEqual(all(other), ["start 0", "run 1"]);
});
