import assert from "node:assert/strict";
import { EventFeed } from "../../src/events/event_feed.ts";
import { EventStreams } from "../../src/http/event_streams.ts";
import { FairPlaces } from "../../src/resilience/fair_places.ts";
import { EventStreamParser } from "../events/event_stream.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type Ask, makeService } from "../support/http.ts";

function setUp() {
  const clock = new FakeClock();
  const feed = new EventFeed({ clock, boot: "0123abcd" });
  const events = new EventStreams({ feed, places: new FairPlaces(() => 2), clock, mayRead: () => true });
  const service = makeService({ http: { events } });
  for (const type of ["health", "tool", "breaker", "run"] as const) feed.publish(type, {});
  /** The events that there are by now, as `NAME N`. */
  const read = async (path: string, ask: Ask = {}) => {
    const response = await service.ask(`GET ${path}`, ask);
    assert.equal(response.status, 200);
    const taken: string[] = [];
    const parser = new EventStreamParser();
    const reader = response.body!.getReader();
    for (let isOver = false; !isOver;) {
      const next = await Promise.race([reader.read(), flush().then(flush).then(() => null)]);
      isOver = next === null || next.done;
      if (next?.value === undefined) continue;
      const events = parser.push(new TextDecoder().decode(next.value));
      taken.push(...events.map(({ event, id }) => `${event} ${id.slice(9)}`));
    }
    await reader.cancel();
    return taken;
  };
  return { ...service, feed, events, read };
}

Deno.test("GET /events: a stream of events, which nobody is to keep or collect", async () => {
  const { ask } = setUp();
  const response = await ask("GET /events");
  const { headers } = response;
  assert.deepEqual(
    ["content-type", "cache-control", "x-accel-buffering"].map((name) => headers.get(name)),
    ["text/event-stream", "no-store", "no"],
  );
  await response.body!.cancel();
});

Deno.test("GET /events: goes on from the header, or from the query where there is none", async () => {
  const { read } = setUp();
  assert.deepEqual(await read("/events"), ["start 4"]);
  assert.deepEqual(await read("/events?last_event_id=0123abcd-2"), ["breaker 3", "run 4"]);
  const headers = { "last-event-id": "0123abcd-3" };
  assert.deepEqual(await read("/events", { headers }), ["run 4"]);
  assert.deepEqual(await read("/events?last_event_id=0123abcd-1", { headers }), ["run 4"]);
  assert.deepEqual((await read("/events?last_event_id="))[0], "reset 0");
  assert.deepEqual((await read("/events", { headers: { "last-event-id": "?" } }))[0], "reset 0");
});

Deno.test("GET /events: only the types that are asked for", async () => {
  const { read } = setUp();
  const from = "last_event_id=0123abcd-0";
  assert.deepEqual(await read(`/events?${from}&types=run,health`), ["health 1", "run 4"]);
  assert.deepEqual(await read(`/events?types=breaker%2Crun&${from}`), ["breaker 3", "run 4"]);
  assert.deepEqual(await read(`/events?${from}&types=tool,tool`), ["tool 2"]);
});

Deno.test("GET /events: a query that is not understood is refused, and opens nothing", async () => {
  const { ask, events } = setUp();
  const wrong: [string, string, RegExp][] = [
    ["types=", "types", /"" is no type of event; name some of health,tool,breaker,run/],
    ["types=run,", "types", /"" is no type/],
    ["types=runs", "types", /"runs" is no type/],
    ["types=Run", "types", /"Run" is no type/],
    ["types=run,%20tool", "types", /" tool" is no type/],
    ["types=start", "types", /"start" is no type/],
    ["types=run&types=tool", "types", /given twice/],
    ["last_event_id=a&last_event_id=b", "last_event_id", /given twice/],
    ["type=run", "type", /unknown/],
    ["%E2%80%AE=1", '"\\u202e"', /unknown.*\\u202e/],
  ];
  for (const [query, field, detail] of wrong) {
    const response = await ask(`GET /events?${query}`);
    assert.equal(response.status, 400, query);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    const body = await response.json();
    assert.deepEqual([body.error_type, body.field], ["validation_error", `query.${field}`], query);
    assert.match(body.detail, detail);
  }
  assert.equal(events.size, 0);
});

Deno.test("GET /events: when all streams are taken it says so, and when to come again", async () => {
  const { ask, events } = setUp();
  const open = [await ask("GET /events"), await ask("GET /events")];
  const refused = await ask("GET /events");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  assert.match(refused.headers.get("retry-after")!, /^[1-9]\d*$/);
  assert.match((await refused.json()).recovery_suggestion, /server\.max_connections/);
  await open[0]!.body!.cancel();
  const again = await ask("GET /events");
  assert.deepEqual([again.status, events.size], [200, 2]);
  for (const { body } of [open[1]!, again]) await body!.cancel();
});

Deno.test("GET /events: HEAD would open a stream that nobody reads", async () => {
  const { ask, events } = setUp();
  const response = await ask("HEAD /events");
  assert.deepEqual([response.status, response.headers.get("allow"), events.size], [405, "GET", 0]);
});
