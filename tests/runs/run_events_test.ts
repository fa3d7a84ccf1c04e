import assert from "node:assert/strict";
import { EventFeed } from "../../src/events/event_feed.ts";
import type { EventReader } from "../../src/events/event_reader.ts";
import { RunEvents } from "../../src/runs/run_events.ts";
import { endedWith, type EngineOptions, flush, makeEngine, resultIn } from "../support/engine.ts";

/** An engine whose runs are published, and a reader of that. */
function setUp(options: EngineOptions = {}) {
  let answered: RunEvents["answered"] = () => {};
  let events: RunEvents | null = null;
  const engine = makeEngine({
    ...options,
    observers: [{
      started: (run) => events!.started(run),
      ended: (run, reported) => events!.ended(run, reported),
      abandoned: (run) => events!.abandoned(run),
    }],
    onRecord: (request) => answered(request),
  });
  const feed = new EventFeed({ clock: engine.clock, boot: "0123abcd" });
  events = new RunEvents(feed, (tool) => engine.toolbox.has(tool));
  answered = (request) => events.answered(request);
  const reader = feed.subscribe({ after: null, types: null, onNews: () => {} });
  reader.take();
  return { ...engine, events, all: () => all(reader) };
}

function all(reader: EventReader): Record<string, unknown>[] {
  const taken: Record<string, unknown>[] = [];
  for (let message = reader.take(); message !== null; message = reader.take()) {
    assert.equal(message.name, "run");
    const { time, ...data } = JSON.parse(message.json);
    assert.match(time, /^2026-01-01T/);
    taken.push(data);
  }
  return taken;
}

Deno.test("run events: a run starts and ends, with all that says which one it is, and no arguments", async () => {
  const { run, executor, all } = setUp();
  const answer = run({ target: "10.0.0.5", correlation_id: "c-1", extra_args: "-sn" }, { client: "token:a" });
  await flush();
  executor.pending[0]!.end(endedWith({ code: 3, durationMs: 1500 }, "out"));
  const { run_id } = resultIn(await answer);
  const about = { run_id, tool: "probe", target: "10.0.0.5", correlation_id: "c-1", client: "token:a" };
  assert.deepEqual(all(), [
    { state: "started", ...about },
    {
      state: "ended",
      ...about,
      outcome: "failure",
      error_type: "execution_error",
      returncode: 3,
      execution_time_sec: 1.5,
      queue_time_sec: 0,
    },
  ]);
});

Deno.test("run events: a refusal says its reason, as metrics call it, and when to come again", async () => {
  const { run, all } = setUp();
  for (let count = 0; count < 4; count++) void run({ target: "10.0.0.5", correlation_id: `c-${count}` });
  await flush();
  const [refused, started, ...more] = all();
  assert.deepEqual([started!.state, more], ["started", []]);
  const { error, ...rest } = refused!;
  assert.match(error as string, /waiting/);
  assert.deepEqual(rest, {
    state: "refused",
    tool: "probe",
    correlation_id: "c-3",
    client: "test",
    reason: "queue_full",
    error_type: "queue_full",
    retry_after_sec: rest.retry_after_sec,
  });
  assert.equal(typeof rest.retry_after_sec, "number");
});

Deno.test("run events: a program that does not start is abandoned, and refused", async () => {
  const { run, executor, all } = setUp();
  executor.answer = () => ({ status: "cancelled" });
  await run();
  const [started, abandoned, refused, ...more] = all();
  assert.deepEqual(more, []);
  assert.deepEqual([started!.state, abandoned!.state, refused!.state], ["started", "abandoned", "refused"]);
  assert.equal(abandoned!.run_id, started!.run_id);
  assert.deepEqual([refused!.reason, refused!.correlation_id], ["cancelled", started!.correlation_id]);
});

Deno.test("run events: what callers invent is quoted, short, and without secrets", async () => {
  const { run, all } = setUp();
  await run({ target: "10.0.0.5" }, {}, "x\n".repeat(5000));
  await run({ target: "http://bob:hunter2-secret@10.0.0.5/" });
  const events = all();
  assert.equal(events.length, 2);
  const [unknown, invalid] = events;
  assert.match(unknown!.tool as string, /^"x\\nx\\n.*…"$/);
  assert((unknown!.tool as string).length < 200);
  assert.equal(invalid!.reason, "invalid");
  for (const event of events) assert((event.error as string).length <= 501);
  assert.doesNotMatch(JSON.stringify(events), /hunter2/);
});

Deno.test("run events: what a bug left unanswered is no refusal", () => {
  const { events, all } = setUp();
  events.answered({ tool: "probe", client: "test", answer: null });
  assert.deepEqual(all(), []);
});
