import assert from "node:assert/strict";
import { EventFeed } from "../../src/events/event_feed.ts";
import { EventStreams, HEARTBEAT_MS } from "../../src/http/event_streams.ts";
import { FairPlaces } from "../../src/resilience/fair_places.ts";
import { EventStreamParser } from "../events/event_stream.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";

const BOOT = "0123abcd";
/** More than a stream and its reader hold, with what the feed keeps of it. */
const FLOOD = 3000;

function setUp(limit = 4) {
  const clock = new FakeClock();
  let dropped = 0;
  const observer = { recordEvent: () => {}, recordDropped: () => void dropped++ };
  const feed = new EventFeed({ clock, boot: BOOT, observer });
  const places = new FairPlaces(() => limit);
  const barred = new Set<string>();
  const streams = new EventStreams({ feed, places, clock, mayRead: (caller) => !barred.has(caller) });
  const open = (caller = "a", after: string | null = null, signal = new AbortController().signal) =>
    streams.open({ caller, after, types: null, signal });
  return { clock, feed, places, barred, streams, open, dropped: () => dropped };
}

/** Reads a stream as a client does, and on and on. */
class Client {
  readonly events: string[] = [];
  readonly parser = new EventStreamParser();
  text = "";
  ended: "no" | "orderly" | "broken" = "no";

  constructor(stream: ReadableStream<Uint8Array> | null) {
    assert(stream !== null, "no stream was opened");
    void this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of stream) {
        const text = new TextDecoder().decode(chunk);
        this.text += text;
        for (const { event, id } of this.parser.push(text)) this.events.push(`${event} ${id.slice(9)}`);
      }
      this.ended = "orderly";
    } catch {
      this.ended = "broken";
    }
  }
}

Deno.test("event streams: begin with the time to wait, then where it starts, then whatever happens", async () => {
  const { feed, open } = setUp();
  const client = new Client(open());
  feed.publish("run", {});
  await flush();
  assert.match(client.text, /^retry: 2000\n\nid: 0123abcd-0\nevent: start\ndata: \{.*\}\n\n/);
  assert.deepEqual(client.events, ["start 0", "run 1"]);
  feed.publish("tool", {});
  await flush();
  assert.deepEqual(client.events, ["start 0", "run 1", "tool 2"]);
  assert.equal(client.ended, "no");
});

Deno.test("event streams: who comes back goes on where it was", async () => {
  const { feed, open } = setUp();
  for (let nth = 0; nth < 500; nth++) feed.publish("run", { pad: "x".repeat(100) });
  const client = new Client(open("a", `${BOOT}-2`));
  await flush();
  assert.deepEqual([client.events.length, client.events[0], client.events.at(-1)], [498, "run 3", "run 500"]);
});

Deno.test("event streams: a heartbeat every fifteen seconds is no event, and carries the id to come back with", async () => {
  const { clock, feed, open } = setUp();
  const client = new Client(open());
  feed.publish("run", {});
  await flush();
  const before = client.text;
  clock.advance(HEARTBEAT_MS - 1);
  await flush();
  assert.equal(client.text, before);
  clock.advance(1);
  await flush();
  assert.equal(client.text, `${before}:\nid: 0123abcd-1\n\n`);
  clock.advance(10 * HEARTBEAT_MS);
  await flush();
  assert.deepEqual([client.parser.comments.length, client.events], [11, ["start 0", "run 1"]]);
});

Deno.test("event streams: what a client does not read waits in the feed, and it is dropped when that has gone on", async () => {
  const { feed, open, streams, places, dropped } = setUp();
  const idle = open()!;
  const client = new Client(open());
  let most = 0;
  for (let nth = 0; nth < FLOOD; nth++) {
    feed.publish("run", { pad: "x".repeat(100) });
    // One that reads has its turn.
    if (nth % 100 === 0) await flush();
    most = Math.max(most, streams.size);
  }
  await flush();
  assert.deepEqual([most, streams.size, places.taken, feed.readers, dropped()], [2, 1, 1, 1, 1]);
  assert.equal(client.events.length, FLOOD + 1);
  // What it had been given is whole, without a gap, and then there is an end.
  const late = new Client(idle);
  await flush();
  assert.equal(late.ended, "orderly");
  assert(late.text.length < 20_000, `${late.text.length} characters were kept for it`);
  assert.deepEqual(late.events, client.events.slice(0, late.events.length));
  const back = new Client(open("a", late.parser.lastId));
  await flush();
  assert.equal(back.events[0], "reset 2000");
});

Deno.test("event streams: a client that takes nothing for a minute, though something waits, is dropped", async () => {
  const { clock, feed, open, streams, dropped } = setUp();
  open();
  await flush();
  for (let nth = 0; nth < 300; nth++) feed.publish("run", { pad: "x".repeat(100) });
  // The first heartbeat finds that the stream has been read from since it was opened.
  clock.advance(4 * HEARTBEAT_MS);
  assert.deepEqual([streams.size, dropped()], [1, 0]);
  clock.advance(HEARTBEAT_MS);
  assert.deepEqual([streams.size, dropped(), clock.pending], [0, 1, 0]);
});

Deno.test("event streams: a client that has read after all has its whole minute again", async () => {
  const { clock, feed, open, streams } = setUp();
  const reader = open()!.getReader();
  await flush();
  for (let nth = 0; nth < 1000; nth++) feed.publish("run", { pad: "x".repeat(100) });
  clock.advance(4 * HEARTBEAT_MS);
  for (let chunks = 0; chunks < 3; chunks++) await reader.read();
  clock.advance(4 * HEARTBEAT_MS);
  assert.equal(streams.size, 1);
  clock.advance(HEARTBEAT_MS);
  assert.equal(streams.size, 0);
});

Deno.test("event streams: a client that reads slowly, but reads, is not stalled", async () => {
  const { clock, feed, open, streams } = setUp();
  const reader = open()!.getReader();
  for (let nth = 0; nth < 1000; nth++) feed.publish("run", { pad: "x".repeat(100) });
  for (let beats = 0; beats < 20; beats++) {
    for (let chunks = 0; chunks < 3; chunks++) await reader.read();
    clock.advance(HEARTBEAT_MS);
  }
  assert.equal(streams.size, 1);
  await reader.cancel();
});

Deno.test("event streams: a caller that may not read any more gets nothing more: at a reload, an event, a heartbeat", async () => {
  for (const how of ["reload", "event", "heartbeat"] as const) {
    const { clock, feed, open, streams, barred } = setUp();
    const [alice, bob] = [new Client(open("alice")), new Client(open("bob"))];
    await flush();
    barred.add("alice");
    if (how === "reload") streams.recheck();
    else if (how === "event") feed.publish("run", {});
    else clock.advance(HEARTBEAT_MS);
    await flush();
    assert.deepEqual([alice.ended, alice.events], ["orderly", ["start 0"]], how);
    assert.deepEqual([bob.ended, streams.size], ["no", 1], how);
  }
});

Deno.test("event streams: one whose client goes leaves nothing behind", async () => {
  const { clock, feed, places, open, streams } = setUp();
  const gone = new AbortController();
  open("a", null, gone.signal);
  const cancelled = open()!;
  const pending = open()!.getReader();
  await flush();
  assert.equal(places.taken, 3);
  gone.abort();
  await cancelled.cancel();
  const read = pending.read();
  await pending.cancel();
  await read;
  assert.deepEqual([streams.size, places.taken, feed.readers, clock.pending], [0, 0, 0, 0]);
  feed.publish("run", {});
  open("a", null, AbortSignal.abort());
  assert.deepEqual([streams.size, places.taken, feed.readers, clock.pending], [0, 0, 0, 0]);
});

Deno.test("event streams: when all places are taken there is none, but who has most gives its oldest to others", async () => {
  const { open, streams } = setUp(3);
  const alices = [open("alice"), open("alice"), open("alice")].map((stream) => new Client(stream));
  assert.equal(open("alice"), null);
  new Client(open("bob"));
  assert.equal(open("bob"), null);
  await flush();
  assert.deepEqual(alices.map(({ ended }) => ended), ["orderly", "no", "no"]);
  assert.equal(streams.size, 3);
});

Deno.test("event streams: at the end all is given out that was published before, and the streams end", async () => {
  const { clock, feed, open, streams, places } = setUp();
  const [client, idle] = [new Client(open()), open()!];
  await flush();
  for (let nth = 0; nth < 400; nth++) feed.publish("run", { pad: "x".repeat(100) });
  streams.closeAll();
  await flush();
  assert.deepEqual([client.ended, client.events.length, client.events.at(-1)], ["orderly", 401, "run 400"]);
  assert.equal(streams.size, 1, "one that has not read it is still there");
  const late = new Client(idle);
  await flush();
  assert.deepEqual([late.ended, late.events.length], ["orderly", 401]);
  assert.deepEqual([streams.size, places.taken, clock.pending], [0, 0, 0]);
  const newcomer = new Client(open());
  await flush();
  assert.deepEqual([newcomer.ended, newcomer.events, streams.size], ["orderly", ["start 400"], 0]);
});
