import assert from "node:assert/strict";
import fc from "fast-check";
import { checkClient } from "../../src/runs/check_client.ts";
import { MAX_READ_BYTES, MemoryShelf, type ShelvedRun } from "../../src/runs/run_shelf.ts";
import { RunStore, type RunStoreSettings } from "../../src/runs/run_store.ts";
import type { StartedRun } from "../../src/runs/run_observer.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { outputOf, reportedRun, runIdOf, startedRun } from "../support/runs.ts";

/** A shelf that knows what is on it. */
class CountedShelf extends MemoryShelf {
  readonly there = new Map<string, ShelvedRun>();
  puts = 0;

  override put(id: string, run: ShelvedRun): void {
    assert.equal(this.there.has(id), false, "a run was put there twice");
    this.there.set(id, run);
    this.puts++;
    super.put(id, run);
  }

  override remove(ids: readonly string[]): void {
    for (const id of ids) this.there.delete(id);
    super.remove(ids);
  }
}

function makeStore(settings: Partial<RunStoreSettings> = {}) {
  const held = { settings: { keep: 10, maxBytes: 1_000_000, ...settings } };
  const shelf = new CountedShelf();
  const clock = new FakeClock();
  const store = new RunStore(() => held.settings, shelf, clock);
  const end = (run: StartedRun, output = outputOf(), changes = {}) =>
    store.ended(run, reportedRun(run, output, changes), output);
  return {
    held,
    shelf,
    clock,
    store,
    end,
    add(number: number, output = outputOf(), changes = {}) {
      const run = startedRun(number);
      store.started(run);
      end(run, output, changes);
    },
    ids: () => [...store.newestFirst()].map(({ summary }) => parseInt(summary.run_id.slice(-12), 16)),
  };
}

/** What a run of `outputBytes` is counted with, worked out apart from the store. */
function sizeOf(number: number, outputBytes: number): number {
  const run = startedRun(number);
  const output = outputOf("x".repeat(outputBytes));
  const { result } = reportedRun(run, output);
  return outputBytes +
    new TextEncoder().encode(JSON.stringify({ ...result, stdout: "", stderr: "" })).length + 1024;
}

type Step =
  | { readonly kind: "start" }
  | { readonly kind: "write"; readonly which: number; readonly bytes: number }
  | { readonly kind: "end"; readonly which: number; readonly bytes: number }
  | { readonly kind: "abandon"; readonly which: number }
  | { readonly kind: "reload"; readonly keep: number; readonly maxBytes: number };

const which = fc.nat({ max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: "start" } as const) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("write" as const), which, bytes: fc.nat({ max: 500 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      which,
      bytes: fc.oneof(fc.nat({ max: 3000 }), fc.constantFrom(0, 8000, 20_000)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abandon" as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reload" as const),
      keep: fc.constantFrom(0, 1, 2, 3, 5, 8, 100),
      maxBytes: fc.constantFrom(0, 1500, 4000, 9000, 20_000, 1_000_000),
    }),
  },
);

/** A run of the model. */
interface Modelled {
  readonly number: number;
  /** Null while it goes on. */
  bytes: number | null;
  written: number;
}

/** The most of the runs that ended last, which fit together. */
function newestThatFit(ended: readonly Modelled[], { keep, maxBytes }: RunStoreSettings): Modelled[] {
  for (let first = Math.max(0, ended.length - keep); first < ended.length; first++) {
    const some = ended.slice(first);
    if (some.reduce((sum, { number, bytes }) => sum + sizeOf(number, bytes!), 0) <= maxBytes) return some;
  }
  return [];
}

Deno.test("run store: at every moment it holds what runs, and the newest of what has ended that fit", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { store, shelf, held, end, ids } = makeStore({ keep: 3, maxBytes: 9000 });
      let going: Modelled[] = [];
      let ended: Modelled[] = [];
      let number = 0;
      for (const one of steps) {
        const run = "which" in one ? going[one.which % Math.max(1, going.length)] : undefined;
        if (one.kind === "start") {
          going.push({ number: ++number, bytes: null, written: 0 });
          store.started(startedRun(number));
        } else if (one.kind === "reload") {
          held.settings = { keep: one.keep, maxBytes: one.maxBytes };
          store.refresh();
        } else if (run === undefined) continue;
        else if (one.kind === "write") {
          run.written += one.bytes;
          const soFar = new Uint8Array(run.written).fill(run.number);
          store.output(startedRun(run.number), "stdout", soFar.subarray(run.written - one.bytes), soFar);
        } else {
          going = going.filter((other) => other !== run);
          if (one.kind === "abandon") store.abandoned(startedRun(run.number));
          else {
            end(startedRun(run.number), outputOf("", new Uint8Array(one.bytes).fill(run.number)));
            run.bytes = one.bytes;
            // What is too large alone moves nothing else.
            if (sizeOf(run.number, one.bytes) <= held.settings.maxBytes) ended.push(run);
          }
        }
        ended = newestThatFit(ended, held.settings);
        const all = [...going, ...ended].toSorted((a, b) => b.number - a.number);
        assert.deepEqual(ids(), all.map((run) => run.number));
        assert.deepEqual([...shelf.there.keys()], ended.map((run) => runIdOf(run.number)));
        const bytes = ended.reduce((sum, run) => sum + sizeOf(run.number, run.bytes!), 0);
        assert.deepEqual(store.kept, { runs: ended.length, bytes });
        for (const run of all) {
          const id = runIdOf(run.number);
          const kept = store.find(id)!;
          if (run.bytes === null) {
            assert(kept.state === "running");
            assert.deepEqual(kept.output.stdout, new Uint8Array(run.written).fill(run.number));
            assert.equal(await store.read(id, "stdout", 0, 1), null);
          } else {
            assert(kept.state === "ended");
            const stderr = await store.read(id, "stderr", 0, MAX_READ_BYTES);
            assert.deepEqual(stderr, new Uint8Array(run.bytes).fill(run.number));
          }
        }
        for (let gone = 1; gone <= number; gone++) {
          if (all.some((run) => run.number === gone)) continue;
          assert.equal(store.find(runIdOf(gone)), null);
          assert.equal(await store.read(runIdOf(gone), "stderr", 0, 1), null);
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("run store: keep 0 keeps none, and what goes on is seen all the same", () => {
  const { store, shelf, end, ids } = makeStore({ keep: 0 });
  store.started(startedRun(1));
  assert.deepEqual(ids(), [1]);
  end(startedRun(1));
  assert.deepEqual([ids(), shelf.there.size, shelf.puts], [[], 0, 0]);
});

Deno.test("run store: what fits to the byte is kept", () => {
  const { store, add, ids } = makeStore({ maxBytes: sizeOf(1, 100) + sizeOf(2, 50) });
  add(1, outputOf("x".repeat(100)));
  add(2, outputOf("x".repeat(50)));
  assert.deepEqual([ids(), store.kept.bytes], [[2, 1], sizeOf(1, 100) + sizeOf(2, 50)]);
  add(3, outputOf("x".repeat(1)));
  assert.deepEqual(ids(), [3, 2]);
});

Deno.test("run store: a run that ends late is as new as when it ended, and stands where it began", () => {
  const { store, add, end, ids } = makeStore({ keep: 2 });
  store.started(startedRun(1));
  add(2);
  add(3);
  end(startedRun(1));
  assert.deepEqual(ids(), [3, 1]);
});

Deno.test("run store: bytes are kept as they are, in a buffer of their own", async () => {
  const { store, shelf, add } = makeStore();
  const grown = new Uint8Array(4096).fill(7);
  const stdout = Uint8Array.of(0xff, 0xfe, 0, 0xc3, 0x28);
  grown.set(stdout);
  add(1, { stdout: grown.subarray(0, 5), stderr: new Uint8Array(0) });
  assert.deepEqual(await store.read(runIdOf(1), "stdout", 0, 100), stdout);
  assert.deepEqual(await store.read(runIdOf(1), "stdout", 3, 1), stdout.slice(3, 4));
  const { parts } = shelf.there.get(runIdOf(1))!;
  for (const part of Object.values(parts)) assert.equal(part.buffer.byteLength, part.length);
});

Deno.test("run store: what a result says is what it said, its texts made of the bytes", async () => {
  const { store, end } = makeStore();
  const run = startedRun(1);
  const changes = { parsed: { hosts: ["a"] }, metadata: { confinement: "kernel" }, stdout_bytes: 99 };
  const output = outputOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff), "x" + "é".repeat(MAX_READ_BYTES));
  const { result } = reportedRun(run, output, changes);
  store.started(run);
  end(run, output, changes);
  // Too large for this store.
  assert.equal(store.find(run.runId), null);
  const large = makeStore({ maxBytes: 10_000_000 });
  large.store.started(run);
  large.end(run, output, changes);
  const { started_at, client, ...record } = (await large.store.record(large.store.find(run.runId)!))!;
  // In the same order, too.
  assert.equal(JSON.stringify(record), JSON.stringify(result));
  assert.deepEqual([started_at, client], ["2026-01-01T00:00:00.001Z", "127.0.0.1"]);
});

Deno.test("run store: a run that goes on says how long it has, and nothing that is not decided", () => {
  const { store, clock } = makeStore();
  store.started(startedRun(1));
  clock.advance(1500);
  const { summary } = store.find(runIdOf(1))!;
  assert.deepEqual(summary, {
    run_id: runIdOf(1),
    tool: "probe",
    target: "10.0.0.5",
    outcome: "running",
    returncode: null,
    signal: null,
    stdout_bytes: 0,
    stderr_bytes: 0,
    truncated_stdout: false,
    truncated_stderr: false,
    timed_out: false,
    execution_time_sec: 1.5,
    queue_time_sec: 0.25,
    error: null,
    error_type: null,
    correlation_id: "c1",
    started_at: "2026-01-01T00:00:00.001Z",
    client: "127.0.0.1",
  });
});

Deno.test("run store: runs of an earlier server come before its own, and go before them", () => {
  const earlier = makeStore({ keep: 10 });
  for (const number of [9, 5, 2]) {
    earlier.clock.advance(1);
    earlier.add(number);
  }
  const found = [...earlier.store.newestFirst()].flatMap((run) => run.state === "ended" ? [run] : []);
  const { store, add, ids, held } = makeStore({ keep: 10 });
  store.started(startedRun(3));
  add(4);
  // One of them is known here: it was found while it was being put there.
  store.adopt([...found, ...[...store.newestFirst()].flatMap((run) => run.state === "ended" ? [run] : [])]);
  assert.deepEqual(ids(), [4, 3, 9, 5, 2]);
  assert.equal(store.kept.runs, 4);
  assert.equal(store.kept.bytes, [9, 5, 2, 4].reduce((sum, number) => sum + sizeOf(number, 0), 0));
  held.settings = { keep: 2, maxBytes: 1_000_000 };
  store.refresh();
  // Of those, 9 ended first and 2 last.
  assert.deepEqual(ids(), [4, 3, 2]);
});

Deno.test("run store: of the runs of a check only the latest is kept, and they drive out nobody else's", () => {
  const { store, shelf, end, ids } = makeStore({ keep: 4 });
  const add = (number: number, client: string) => {
    const run = startedRun(number, { client });
    store.started(run);
    end(run);
  };
  add(1, "token:me");
  for (let number = 2; number < 20; number++) add(number, checkClient(number % 2 === 0 ? "even" : "odd"));
  add(20, "token:me");
  assert.deepEqual(ids(), [20, 19, 18, 1]);
  assert.deepEqual([...shelf.there.keys()], [1, 18, 19, 20].map(runIdOf));
  assert.equal(store.kept.runs, 4);
  // The one that went on while another of the same check ended is the latest all the same.
  const slow = startedRun(21, { client: checkClient("even") });
  store.started(slow);
  add(22, checkClient("even"));
  assert.deepEqual(ids(), [22, 21, 20, 19, 1]);
  end(slow);
  assert.deepEqual(ids(), [21, 20, 19, 1]);
  // Where the latest is too large to be kept, the one before it is there still.
  add(23, checkClient("even"));
  const huge = startedRun(24, { client: checkClient("even") });
  store.started(huge);
  end(huge, outputOf("x".repeat(2_000_000)));
  assert.deepEqual(ids(), [23, 20, 19, 1]);
});

Deno.test("run store: what turns out to be lost is gone", async () => {
  const { store, shelf, add, ids } = makeStore();
  add(1);
  add(2);
  store.lost(runIdOf(1));
  store.lost(runIdOf(1));
  assert.deepEqual([ids(), store.kept.runs], [[2], 1]);
  // Another server that shares the folder has removed it.
  shelf.remove([runIdOf(2)]);
  assert.equal(await store.record(store.find(runIdOf(2))!), null);
  assert.deepEqual([ids(), store.kept], [[], { runs: 0, bytes: 0 }]);
});
