/**
 * The feed against a model that keeps everything and works out, from what was published and taken, what each reader must
 * be given next.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { EVENT_TYPES, type EventType } from "../../src/events/event.ts";
import { EventFeed } from "../../src/events/event_feed.ts";
import type { EventReader } from "../../src/events/event_reader.ts";
import { FakeClock } from "../support/fake_clock.ts";

const BOOT = "0123abcd";

type Step =
  | { readonly kind: "publish"; readonly type: EventType; readonly pad: number }
  | { readonly kind: "subscribe"; readonly after: After; readonly types: readonly EventType[] | null }
  | { readonly kind: "take"; readonly nth: number; readonly count: number }
  | { readonly kind: "close"; readonly nth: number }
  | { readonly kind: "drop"; readonly nth: number }
  | { readonly kind: "end" };

/** `back`: so many events before the latest, which may be more than there were, or an id that is still to come. */
type After = null | "nonsense" | "other" | { readonly back: number };

const typesArb = fc.constantFrom(...EVENT_TYPES);
const nthArb = fc.nat({ max: 5 });
const stepArb: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("publish" as const), type: typesArb, pad: fc.nat(200) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("subscribe" as const),
      after: fc.oneof(
        fc.constantFrom(null, "nonsense" as const, "other" as const),
        fc.record({ back: fc.integer({ min: -2, max: 12 }) }),
      ),
      types: fc.option(fc.uniqueArray(typesArb, { minLength: 1 })),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      nth: nthArb,
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const), nth: nthArb }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), nth: nthArb }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const) }) },
);

/** One reader of the model. */
interface ModelReader {
  readonly real: EventReader;
  readonly types: readonly EventType[] | null;
  /** What it must be told first, or null. */
  greeting: { readonly name: string; readonly id: string; readonly data: Record<string, unknown> } | null;
  /** The number of the event that it has seen last. */
  seen: number;
  state: "open" | "dropped" | "closed";
  /** Calls since they were last looked at. */
  news: number;
}

class Model {
  readonly published: { readonly type: EventType; readonly bytes: number; readonly marker: number }[] = [];
  readonly readers: ModelReader[] = [];
  hasEnded = false;
  dropped = 0;

  constructor(
    readonly resumable: number,
    readonly backlog: number,
    readonly maxBytes: number,
  ) {}

  get last(): number {
    return this.published.length;
  }

  /** The smallest number from which on all fits. */
  get oldestKept(): number {
    let [first, bytes] = [this.last + 1, 0];
    while (first > 1) {
      const more = bytes + this.published[first - 2]!.bytes;
      const count = this.last - first + 2;
      if (count > 1 && (count > this.resumable + this.backlog || more > this.maxBytes)) break;
      bytes = more;
      first--;
    }
    return first;
  }

  wanted(reader: ModelReader, from: number): number | null {
    for (let number = from; number <= this.last; number++) {
      const { type } = this.published[number - 1]!;
      if (reader.types === null || reader.types.includes(type)) return number;
    }
    return null;
  }

  /** Drops whoever has lost something. */
  dropLosers(): void {
    for (const reader of this.readers.filter(({ state }) => state === "open")) {
      const next = this.wanted(reader, reader.seen + 1);
      if (next === null || next >= this.oldestKept) continue;
      reader.state = "dropped";
      this.dropped++;
    }
  }
}

const limitsArb = fc.record({
  resumable: fc.integer({ min: 1, max: 6 }),
  backlog: fc.integer({ min: 1, max: 4 }),
  maxBytes: fc.integer({ min: 1, max: 1500 }),
});

Deno.test("feed: every reader sees what it wants without a gap and without a duplicate, or is told, or is dropped", () => {
  fc.assert(
    fc.property(limitsArb, fc.array(stepArb, { maxLength: 120, size: "max" }), (limits, steps) => {
      const clock = new FakeClock();
      const model = new Model(limits.resumable, limits.backlog, limits.maxBytes);
      const counted = { events: 0, dropped: 0 };
      const observer = {
        recordEvent: () => void counted.events++,
        recordDropped: () => void counted.dropped++,
      };
      const health = () => `after ${model.last}`;
      const feed = new EventFeed({ clock, boot: BOOT, limits, observer, health });
      for (const step of steps) play(step, feed, model);
      assert.equal(feed.readers, model.readers.filter(({ state }) => state === "open").length);
      assert.deepEqual(counted, { events: model.last, dropped: model.dropped });
      // At the end everyone reads on to the end.
      for (let nth = 0; nth < model.readers.length; nth++) take(model, nth, model.last + 3);
    }),
    { numRuns: 1000 },
  );
});

function play(step: Step, feed: EventFeed, model: Model): void {
  const reader = "nth" in step ? model.readers[step.nth] : undefined;
  switch (step.kind) {
    case "publish": {
      const data = { marker: model.last + 1, pad: "x".repeat(step.pad) };
      const json = JSON.stringify({ time: "2026-01-01T00:00:00.000Z", ...data });
      const text = `id: ${BOOT}-${model.last + 1}\nevent: ${step.type}\ndata: ${json}\n\n`;
      for (const one of model.readers) one.news = 0;
      const open = model.readers.filter(({ state }) => state === "open");
      feed.publish(step.type, data);
      model.published.push({ type: step.type, bytes: text.length, marker: model.last + 1 });
      model.dropLosers();
      for (const one of open) assert(one.news > 0, "a reader was not told of news");
      break;
    }
    case "subscribe":
      subscribe(step, feed, model);
      break;
    case "take":
      if (reader !== undefined) take(model, step.nth, step.count);
      break;
    case "close":
      reader?.real.close();
      if (reader?.state === "open") reader.state = "closed";
      break;
    case "drop":
      reader?.real.drop();
      if (reader?.state !== "open") break;
      reader.state = "dropped";
      model.dropped++;
      break;
    case "end":
      feed.close();
      model.hasEnded = true;
      break;
  }
  for (const { real, state } of model.readers) {
    assert.deepEqual([real.isOver, real.wasDropped], [state !== "open", state === "dropped"]);
  }
}

function subscribe(step: Extract<Step, { kind: "subscribe" }>, feed: EventFeed, model: Model): void {
  const { last, resumable } = model;
  const oldest = Math.max(model.oldestKept, last - resumable + 1, 1);
  const { after } = step;
  const number = typeof after === "object" && after !== null ? last - after.back : null;
  const text = after === null
    ? null
    : after === "nonsense"
    ? "what?"
    : after === "other"
    ? `deadbeef-${last}`
    : `${BOOT}-${number}`;
  let news = () => {};
  const real = feed.subscribe({
    after: text,
    types: step.types === null ? null : new Set(step.types),
    onNews: () => news(),
  });
  const reset = (reason: string, missed: number | null) => ({
    greeting: {
      name: "reset",
      id: `${BOOT}-${oldest - 1}`,
      data: { reason, missed, health: `after ${last}` },
    },
    seen: oldest - 1,
  });
  const begins = after === null
    ? { greeting: { name: "start", id: `${BOOT}-${last}`, data: { health: `after ${last}` } }, seen: last }
    : after === "other"
    ? reset("other_server", null)
    : number === null || number < 0 || number > last
    ? reset("unknown_id", null)
    : number < oldest - 1
    ? reset("too_old", oldest - 1 - number)
    : { greeting: null, seen: number };
  const reader: ModelReader = { real, types: step.types, ...begins, state: "open", news: 0 };
  news = () => void reader.news++;
  model.readers.push(reader);
}

function take(model: Model, nth: number, count: number): void {
  const reader = model.readers[nth]!;
  for (let turn = 0; turn < count; turn++) {
    const message = reader.real.take();
    if (reader.state !== "open") {
      assert.equal(message, null);
      return;
    }
    if (reader.greeting !== null) {
      assert.deepEqual([message?.name, message?.id], [reader.greeting.name, reader.greeting.id]);
      const { time: _, ...data } = JSON.parse(message!.json);
      assert.deepEqual(data, reader.greeting.data);
      reader.greeting = null;
      continue;
    }
    const next = model.wanted(reader, reader.seen + 1);
    if (next === null) {
      assert.equal(message, null);
      reader.seen = model.last;
      if (model.hasEnded) reader.state = "closed";
      else assert.equal(reader.real.position, `${BOOT}-${model.last}`);
      continue;
    }
    const { type, marker } = model.published[next - 1]!;
    assert.deepEqual(
      [message?.id, message?.name, JSON.parse(message!.json).marker],
      [`${BOOT}-${next}`, type, marker],
    );
    reader.seen = next;
    assert.equal(reader.real.position, `${BOOT}-${next}`);
  }
}
