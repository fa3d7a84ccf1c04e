import assert from "node:assert/strict";
import { Scribe } from "../../src/confinement/scribe.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A worker that says what a test lets it say. */
class FakeWorker {
  static readonly made: FakeWorker[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onmessageerror: (() => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly orders: { readonly type: string; readonly id?: string }[] = [];
  isTerminated = false;

  constructor() {
    FakeWorker.made.push(this);
  }

  postMessage(order: { readonly type: string }): void {
    this.orders.push(order);
  }

  terminate(): void {
    this.isTerminated = true;
  }
}

/** A scribe with such a worker. */
function openFake() {
  const clock = new FakeClock();
  const deaths: string[] = [];
  const real = globalThis.Worker;
  Object.assign(globalThis, { Worker: FakeWorker });
  try {
    const scribe = new Scribe({
      stateFolder: "/state",
      nonce: "ab",
      tools: ["nmap"],
      uid: 0,
      logFile: { path: "/log", maxBytes: 1, backups: 0 },
      wordListFolders: [],
      readable: [],
      clock,
      onDeath: (reason) => deaths.push(reason),
    });
    const worker = FakeWorker.made.at(-1)!;
    return { scribe, worker, clock, deaths, say: (data: unknown) => worker.onmessage!({ data }) };
  } finally {
    Object.assign(globalThis, { Worker: real });
  }
}

for (
  const [what, message] of [
    ["what is in no table", { type: "opened", dead: [], more: 1 }],
    ["nothing", null],
    ["that it is open, twice", { type: "opened", dead: [] }],
    ["that it failed, once open", { type: "failed", reason: "r" }],
    ["of a folder that was not ordered", { type: "made", id: "0" }],
    ["of a failure that was not ordered", { type: "not_made", id: "0", reason: "r" }],
    ["of a removal that was not ordered", { type: "removed", id: "0" }],
    ["of a server that it was not to forget", { type: "not_forgotten", nonce: "0", reason: "r" }],
    ["of lines that it was not given", { type: "logged" }],
    ["of a tool that it was not to know", { type: "tool_added", tool: "nmap" }],
    ["of a tool that it was not to fail at", { type: "tool_not_added", tool: "nmap", reason: "r" }],
    ["of a file that nobody asked for", { type: "file", id: "0", file: null }],
    ["of a machine that nobody asked about", {
      type: "measured",
      reading: { processors: null, memory: null, disk: null, problems: [] },
    }],
    ["of a look that nobody asked for", { type: "watching", id: "0" }],
    ["of a refusal that nobody asked for", { type: "not_read", id: "0", reason: "r" }],
    ["of a run that it was not to keep", { type: "run_kept", run: "00000000-0000-4000-8000-000000000000" }],
    ["of runs that nobody wanted listed", { type: "runs_found", runs: [] }],
    ["that it is closed, unasked", { type: "closed" }],
    ["that it is broken", { type: "broken", reason: "r" }],
  ] as const
) {
  Deno.test(`scribe: a worker that speaks ${what} is ended`, async () => {
    const { scribe, worker, deaths, say, clock } = openFake();
    say({ type: "opened", dead: [] });
    await scribe.opened;
    say(message);
    assert.deepEqual([worker.isTerminated, deaths.length, clock.pending], [true, 1, 0]);
    assert.match(scribe.death ?? "", /^the scribe is gone: /);
    await scribe.close();
    say(message);
    assert.equal(deaths.length, 1);
  });
}

Deno.test("scribe: a worker that fails, or sends what cannot be read, is ended", () => {
  const failed = openFake();
  const event = new ErrorEvent("error", { message: "out of memory", cancelable: true });
  failed.worker.onerror!(event);
  assert.deepEqual([event.defaultPrevented, failed.deaths], [
    true,
    ["the scribe is gone: it failed: out of memory"],
  ]);
  const unreadable = openFake();
  unreadable.worker.onmessageerror!();
  assert.equal(unreadable.deaths.length, 1);
});

Deno.test("scribe: a worker that never opens is not waited for", async () => {
  const { scribe, worker, clock } = openFake();
  clock.advance(10_000);
  await assert.rejects(scribe.opened, /it did not open in time/);
  assert.equal(worker.isTerminated, true);
});

Deno.test("scribe: closing takes a second at most", async () => {
  const { scribe, worker, clock, deaths, say } = openFake();
  say({ type: "opened", dead: [] });
  scribe.writeLog("line\n");
  let isClosed = false;
  const closed = scribe.close().then(() => isClosed = true);
  clock.advance(999);
  await Promise.resolve();
  assert.equal(isClosed, false);
  clock.advance(1);
  await closed;
  assert.deepEqual([worker.isTerminated, deaths, clock.pending], [true, [], 0]);
  // The line was not answered, so it was never told to close.
  assert.equal(worker.orders.at(-1)!.type, "log");
});

Deno.test("scribe: a folder that cannot be made fails the run that waits for it", async () => {
  const { scribe, worker, say } = openFake();
  say({ type: "opened", dead: [] });
  const making = [scribe.makeScratch("nmap"), scribe.makeScratch("nmap")];
  await scribe.opened;
  await Promise.resolve();
  const [, first, second] = worker.orders;
  say({ type: "not_made", id: first!.id, reason: "no space" });
  say({ type: "made", id: second!.id });
  await assert.rejects(making[0]!, /^Error: no space$/);
  assert.equal((await making[1]!).path, `/state/servers/ab/scratch/nmap/${second!.id}`);
});

Deno.test("scribe: an answer of another kind than the question ends it, and whoever waits is told", async () => {
  const { scribe, worker, say, deaths } = openFake();
  say({ type: "opened", dead: [] });
  const reading = scribe.readFile("/a");
  await scribe.opened;
  await Promise.resolve();
  say({ type: "folder", id: worker.orders[1]!.id, names: [] });
  await assert.rejects(reading, /the scribe is gone: it sent "folder" unasked/);
  assert.equal(deaths.length, 1);
});

Deno.test("scribe: changes of what is not watched any more are told to nobody", async () => {
  const { scribe, worker, say } = openFake();
  say({ type: "opened", dead: [] });
  await scribe.opened;
  say({ type: "changed", paths: ["/early"] });
  const told: (readonly string[])[] = [];
  const watching = scribe.watch({ files: ["/a"], folders: ["/f"] }, (paths) => told.push(paths));
  await Promise.resolve();
  await Promise.resolve();
  say({ type: "changed", paths: ["/before"] });
  say({ type: "changed", paths: ["/before", "/f"] });
  say({ type: "watching", id: worker.orders[1]!.id });
  await watching;
  say({ type: "changed", paths: ["/a", "/f"] });
  assert.deepEqual(told, [["/f"], ["/a", "/f"]]);
  // What is refused takes nobody's place.
  const refused = scribe.watch({ files: ["/other"], folders: [] }, () => assert.fail("it is not watched"));
  await Promise.resolve();
  await Promise.resolve();
  say({ type: "not_read", id: worker.orders[2]!.id, reason: "not among what is read" });
  await assert.rejects(refused, /not among what is read/);
  say({ type: "changed", paths: ["/a", "/other"] });
  assert.deepEqual(told.at(-1), ["/a"]);
});

Deno.test("scribe: a folder that comes while it closes is nobody's", async () => {
  const { scribe, worker, say, deaths } = openFake();
  say({ type: "opened", dead: [] });
  const making = scribe.makeScratch("nmap");
  await scribe.opened;
  await Promise.resolve();
  const closed = scribe.close();
  await assert.rejects(making, /the scribe is closing/);
  say({ type: "made", id: worker.orders[1]!.id });
  say({ type: "closed" });
  await closed;
  assert.deepEqual(deaths, []);
});

Deno.test("scribe: the machine is asked about once at a time, and whoever asks meanwhile has the same answer", async () => {
  const { scribe, worker, say } = openFake();
  say({ type: "opened", dead: [] });
  const asked = [scribe.measure(), scribe.measure()];
  await scribe.opened;
  await Promise.resolve();
  const count = () => worker.orders.filter(({ type }) => type === "measure").length;
  assert.equal(count(), 1);
  const reading = { processors: { busyMs: 1, idleMs: 2 }, memory: null, disk: null, problems: ["no"] };
  say({ type: "measured", reading });
  assert.deepEqual(await Promise.all(asked), [reading, reading]);
  const again = scribe.measure();
  await Promise.resolve();
  assert.equal(count(), 2);
  worker.onmessageerror!();
  await assert.rejects(again, /the scribe is gone/);
  await assert.rejects(scribe.measure(), /the scribe is gone/);
});

Deno.test("scribe: whoever asks about the machine while it closes is told so, and a late answer is no fault", async () => {
  const { scribe, say, deaths } = openFake();
  say({ type: "opened", dead: [] });
  await scribe.opened;
  const asked = scribe.measure();
  await Promise.resolve();
  const closing = scribe.close();
  await assert.rejects(asked, /the scribe is closing/);
  say({ type: "measured", reading: { processors: null, memory: null, disk: null, problems: [] } });
  assert.deepEqual(deaths, []);
  say({ type: "closed" });
  await closing;
});
