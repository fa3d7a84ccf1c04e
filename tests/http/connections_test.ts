import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectionKeeper } from "../../src/http/connections.ts";
import {
  type CloseReason,
  type KeptConnection,
  type KeptRequest,
  TIMES,
} from "../../src/http/kept_connection.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A keeper, and what it has done: the names of connections with the reasons why they were closed. */
function setUp(max = 2) {
  const clock = new FakeClock();
  const limit = { max };
  const closed: string[] = [];
  let refused = 0;
  let reason: CloseReason | null = null;
  const keeper = new ConnectionKeeper(clock, () => limit.max, {
    closed: (why) => reason = why,
    refused: () => refused++,
  });
  const take = (name: string, peer = "10.0.0.1"): KeptConnection | null =>
    keeper.take(peer, () => closed.push(`${name}: ${reason}`));
  return { clock, keeper, limit, take, closed, refused: () => refused };
}

/** Lets time pass as it does in a process that is awake; the keeper is asked all the while. */
function pass(clock: FakeClock, keeper: ConnectionKeeper, ms: number): void {
  const stepwiseMs = Math.min(ms, 600);
  clock.advance(ms - stepwiseMs);
  void keeper.roomInMs("10.0.0.1");
  for (let leftMs = stepwiseMs; leftMs > 0; leftMs -= 20) {
    clock.advance(Math.min(20, leftMs));
    void keeper.roomInMs("10.0.0.1");
  }
}

/** The connection in an answer that must be one. */
function taken(connection: KeptConnection | null): KeptConnection {
  assert(connection !== null, "it was refused");
  return connection;
}

/** The request in an answer that must be one. */
function begun(connection: KeptConnection, hasBody = false): KeptRequest {
  const request = connection.begin(hasBody);
  assert(request !== null, "it was too many");
  return request;
}

Deno.test("connections: a first header is waited for 10 s, and then the connection is closed once", () => {
  const { clock, keeper, take, closed } = setUp();
  taken(take("a"));
  clock.advance(TIMES.firstHeaderMs - 1);
  assert.deepEqual(closed, []);
  clock.advance(TIMES.lookEveryMs + 1);
  assert.deepEqual([closed, keeper.open], [["a: header_timeout"], 0]);
  clock.advance(1_000_000);
  assert.deepEqual([closed, clock.pending], [["a: header_timeout"], 0]);
});

Deno.test("connections: after an answer the next header is waited for longer", () => {
  const { clock, take, closed } = setUp();
  const connection = taken(take("a"));
  begun(connection).ended();
  clock.advance(TIMES.nextHeaderMs - 1);
  assert.deepEqual(closed, []);
  clock.advance(TIMES.lookEveryMs + 1);
  assert.deepEqual(closed, ["a: idle_timeout"]);
});

Deno.test("connections: a run takes as long as it takes; the last of its answer does not", () => {
  const { clock, take, closed } = setUp();
  const request = begun(taken(take("a")), true);
  request.received();
  clock.advance(10_000_000);
  assert.deepEqual(closed, []);
  request.sending();
  clock.advance(TIMES.sendMs - 1);
  assert.deepEqual(closed, []);
  clock.advance(TIMES.lookEveryMs + 1);
  assert.deepEqual(closed, ["a: send_timeout"]);
});

Deno.test("connections: one whose body was late is soon closed once it has been told", () => {
  const { clock, take, closed } = setUp();
  const request = begun(taken(take("a")), true);
  request.late();
  clock.advance(TIMES.spentMs + TIMES.lookEveryMs);
  assert.deepEqual(closed, []);
  request.ended();
  clock.advance(TIMES.spentMs + TIMES.lookEveryMs);
  assert.deepEqual(closed, ["a: body_timeout"]);
});

Deno.test("connections: the one that has waited longest makes room, and one that has only just come does not", () => {
  const { clock, keeper, take, closed, refused } = setUp();
  taken(take("a"));
  clock.advance(10);
  taken(take("b"));
  assert.equal(keeper.roomInMs("10.0.0.1"), 20);
  assert.deepEqual([take("c"), closed, refused()], [null, [], 1]);
  pass(clock, keeper, TIMES.roomAfterMs - 11);
  assert.equal(keeper.roomInMs("10.0.0.1"), 1);
  clock.advance(1);
  assert.equal(keeper.roomInMs("10.0.0.1"), 0);
  taken(take("d"));
  assert.deepEqual([closed, keeper.open], [["a: room"], 2]);
});

Deno.test("connections: a process that stood still has looked at nobody meanwhile, and closes nobody for it", () => {
  const { clock, keeper, take, closed } = setUp(1);
  taken(take("a"));
  clock.advance(5_000);
  assert.deepEqual([take("b"), keeper.roomInMs("10.0.0.1") > 0], [null, true]);
  pass(clock, keeper, TIMES.roomAfterMs);
  taken(take("c"));
  assert.deepEqual(closed, ["a: room"]);
});

Deno.test("connections: of two that could go, the one that has waited longer does", () => {
  const { clock, keeper, take, closed } = setUp(2);
  const first = taken(take("a"));
  clock.advance(1);
  taken(take("b"));
  clock.advance(1);
  begun(first).ended();
  pass(clock, keeper, TIMES.roomAfterMs);
  taken(take("c"));
  assert.deepEqual(closed, ["b: room"]);
});

Deno.test("connections: a body is there once; what is sent already is not answered anew", () => {
  const { clock, take, closed } = setUp();
  const request = begun(taken(take("a")), true);
  request.sending();
  request.received();
  clock.advance(TIMES.sendMs + TIMES.lookEveryMs);
  assert.deepEqual(closed, ["a: send_timeout"]);
});

Deno.test("connections: whoever answers loses nothing, a slow body does, and the address with the most does first", () => {
  const { clock, keeper, take, closed } = setUp(4);
  begun(taken(take("running", "10.0.0.9")));
  begun(taken(take("slow", "10.0.0.9")), true);
  taken(take("other", "10.0.0.2"));
  clock.advance(1);
  taken(take("many", "10.0.0.9"));
  pass(clock, keeper, TIMES.roomAfterReceivingMs);
  taken(take("1"));
  // It has waited for less time than the other's only one.
  assert.deepEqual(closed, ["many: room"]);
  taken(take("2"));
  assert.deepEqual(closed, ["many: room", "other: room"]);
  taken(take("3"));
  assert.deepEqual(closed, ["many: room", "other: room", "slow: room"]);
  assert.deepEqual([take("4"), keeper.open], [null, 4]);
});

Deno.test("connections: an address that has more than half keeps no other out, whatever it does", () => {
  const { clock, keeper, take, closed } = setUp(5);
  begun(taken(take("running", "10.0.0.9")));
  clock.advance(10);
  begun(taken(take("sends 1", "10.0.0.9")), true);
  begun(taken(take("takes", "10.0.0.9"))).sending();
  clock.advance(10);
  begun(taken(take("sends 2", "10.0.0.9")), true);
  taken(take("fresh", "10.0.0.9"));
  assert.equal(keeper.roomInMs("10.0.0.2"), 0);
  begun(taken(take("1", "10.0.0.2")));
  assert.deepEqual(closed, ["sends 1: room"]);
  begun(taken(take("2", "10.0.0.2")));
  assert.deepEqual(closed, ["sends 1: room", "takes: room"]);
  // Three of five are more than half, two are not.
  begun(taken(take("3", "10.0.0.3")));
  assert.deepEqual(closed.slice(2), ["sends 2: room"]);
  assert.equal(take("4", "10.0.0.4"), null);
});

Deno.test("connections: an address that has more than half makes room for itself only", () => {
  const { clock, keeper, take, closed } = setUp(4);
  taken(take("other", "10.0.0.2"));
  clock.advance(TIMES.roomAfterMs);
  for (const name of ["a", "b", "c"]) begun(taken(take(name, "10.0.0.9")), true);
  assert.deepEqual([take("d", "10.0.0.9"), closed, keeper.open], [null, [], 4]);
  clock.advance(TIMES.roomAfterReceivingMs);
  taken(take("e", "10.0.0.9"));
  assert.deepEqual(closed, ["a: room"]);
});

Deno.test("connections: a body that has arrived is none that is slow", () => {
  const { clock, keeper, take } = setUp(1);
  const request = begun(taken(take("a")), true);
  request.received();
  pass(clock, keeper, TIMES.roomAfterReceivingMs);
  assert.deepEqual([take("b"), keeper.roomInMs("10.0.0.1")], [null, 0]);
});

Deno.test("connections: another limit holds for the next connection", () => {
  const { clock, keeper, limit, take, closed } = setUp(1);
  taken(take("a"));
  limit.max = 3;
  taken(take("b"));
  taken(take("c"));
  limit.max = 1;
  pass(clock, keeper, TIMES.roomAfterMs);
  taken(take("d"));
  assert.deepEqual([closed, keeper.open], [["a: room", "b: room", "c: room"], 1]);
});

Deno.test("connections: a few requests at once on one connection, and no more", () => {
  const connection = taken(setUp().take("a"));
  const requests = [1, 2, 3, 4].map(() => begun(connection));
  assert.equal(connection.begin(false), null);
  requests[0]!.ended();
  begun(connection);
  assert.equal(connection.begin(false), null);
});

Deno.test("connections: without files some are closed, and fewer are kept for a while", () => {
  const { clock, keeper, take, closed } = setUp(1_000);
  for (let index = 0; index < 64; index++) taken(take(String(index)));
  pass(clock, keeper, TIMES.roomAfterMs);
  assert.equal(keeper.runOutOfFiles(), 8);
  assert.deepEqual([closed[0], closed.at(-1), keeper.open], ["0: shortage", "7: shortage", 56]);
  taken(take("next"));
  assert.deepEqual([closed.at(-1), keeper.open], ["8: room", 56]);
  clock.advance(TIMES.shortageMs);
  for (let index = 0; index < 100; index++) taken(take("more"));
  // The first ones were overdue meanwhile.
  assert.equal(keeper.open, 100);
});

Deno.test("connections: without files and with nothing to close, some are still taken", () => {
  const { keeper, take } = setUp(1_000);
  begun(taken(take("a")));
  assert.equal(keeper.runOutOfFiles(), 0);
  for (let index = 1; index < 16; index++) taken(take("b"));
  assert.equal(take("c"), null);
});

// ---- anything in any order -------------------------------------------------------------------------------------------

type Step =
  | { readonly do: "take"; readonly peer: string }
  | { readonly do: "begin"; readonly which: number; readonly hasBody: boolean }
  | { readonly do: "received" | "sending" | "ended" | "gone"; readonly which: number }
  | { readonly do: "advance"; readonly ms: number };

const which = fc.nat({ max: 7 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("take"), peer: fc.constantFrom("a", "b", "c") }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("begin"), which, hasBody: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom("received", "sending", "ended", "gone"), which }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("advance"),
      ms: fc.oneof(fc.nat({ max: 400 }), fc.nat({ max: 6_000 }), fc.nat({ max: 90_000 })),
    }),
  },
) as fc.Arbitrary<Step>;

/** What the test itself knows of a connection: at most one request at a time. */
interface Known {
  readonly peer: string;
  readonly kept: KeptConnection;
  phase: "fresh" | "idle" | "receiving" | "answering" | "sending";
  sinceMs: number;
  request: KeptRequest | null;
  closedMs: number | null;
}

/** Milliseconds that each phase may last, and after how many it may make room. */
const MOST_MS = { fresh: 10_000, idle: 75_000, receiving: Infinity, answering: Infinity, sending: 75_000 };
const ROOM_MS = { fresh: 250, idle: 250, receiving: 5_000, answering: Infinity, sending: Infinity };

Deno.test("connections: never more than the limit, none closed that is needed, none kept that is overdue", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 120, size: "max" }),
      (max, steps) => {
        const clock = new FakeClock();
        const all: Known[] = [];
        let reason: CloseReason | null = null;
        const keeper = new ConnectionKeeper(clock, () => max, {
          closed: (why) => reason = why,
          refused: () => {},
        });
        const open = () => all.filter(({ closedMs }) => closedMs === null);
        const ageMs = ({ sinceMs }: Known) => clock.now() - sinceMs;
        const mayGo = () => open().filter((one) => ageMs(one) >= ROOM_MS[one.phase]);
        const crowd = ({ peer }: Known) => open().filter((other) => other.peer === peer).length;
        for (const one of steps) {
          if (one.do === "take") {
            const rank = (
              known: Known,
            ) => [known.phase === "receiving" ? 1 : 0, -crowd(known), known.sinceMs];
            const crowded = open().find((known) => 2 * crowd(known) > max)?.peer;
            // Who has more than half makes room for itself only, and for others with all that is not answered.
            const free = mayGo().filter(({ peer }) => crowded !== one.peer || peer === crowded);
            const more = open().filter(({ peer, phase }) =>
              crowded !== one.peer && peer === crowded && phase !== "answering"
            ).sort((a, b) => a.sinceMs - b.sinceMs);
            const oldest = more.filter(({ sinceMs }) => sinceMs === more[0]!.sinceMs);
            const ranked = (free.length > 0 ? free : oldest).map((known) => ({
              known,
              key: free.length > 0 ? rank(known) : [0, 0, 0],
            }))
              .sort((a, b) => a.key[0]! - b.key[0]! || a.key[1]! - b.key[1]! || a.key[2]! - b.key[2]!);
            const isFull = open().length >= max;
            const before = open();
            let self: Known | null = null;
            const kept = keeper.take(one.peer, () => {
              assert.equal(self!.closedMs, null, "closed twice");
              self!.closedMs = clock.now();
              if (reason === "room") return;
              assert.ok(ageMs(self!) >= MOST_MS[self!.phase], `${reason} in phase ${self!.phase}`);
            });
            const gone = before.filter(({ closedMs }) => closedMs !== null);
            if (!isFull) assert.deepEqual(gone, []);
            else if (ranked.length === 0) assert.deepEqual([gone, kept], [[], null]);
            else {
              assert.equal(gone.length, 1);
              const best = ranked[0]!.key;
              assert.deepEqual(ranked.find(({ known }) => known === gone[0])?.key, best);
            }
            if (kept === null) assert.ok(isFull);
            else {
              self = {
                peer: one.peer,
                kept,
                phase: "fresh",
                sinceMs: clock.now(),
                request: null,
                closedMs: null,
              };
              all.push(self);
            }
          } else if (one.do === "advance") {
            pass(clock, keeper, one.ms);
            for (const known of open()) {
              // It is looked once a second.
              assert.ok(ageMs(known) < MOST_MS[known.phase] + 1_000, `${known.phase} for ${ageMs(known)} ms`);
            }
          } else {
            const known = open()[one.which];
            if (known === undefined) continue;
            const { request } = known;
            const go = (phase: Known["phase"]) => {
              known.phase = phase;
              known.sinceMs = clock.now();
            };
            if (one.do === "gone") {
              known.closedMs = clock.now();
              known.kept.gone();
            } else if (one.do === "begin") {
              if (request !== null) continue;
              known.request = known.kept.begin(one.hasBody);
              go(one.hasBody ? "receiving" : "answering");
            } else if (request !== null) {
              request[one.do]();
              if (one.do === "ended") {
                known.request = null;
                go("idle");
              } else if (one.do === "sending") go("sending");
              else if (known.phase === "receiving") go("answering");
            }
          }
          assert.equal(keeper.open, open().length);
          assert.ok(keeper.open <= max);
        }
        for (const known of open()) known.kept.gone();
        clock.advance(1_000);
        assert.deepEqual([keeper.open, clock.pending], [0, 0]);
      },
    ),
  );
});
