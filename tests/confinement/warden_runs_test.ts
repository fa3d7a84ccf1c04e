import assert from "node:assert/strict";
import { RESOURCE } from "../../src/confinement/linux/ceilings.ts";
import { runTag, TAG_RESOURCE } from "../../src/confinement/linux/run_tag.ts";
import type { RunTerms, TreeCeilings } from "../../src/confinement/warden_protocol.ts";
import type { RunGroups } from "../../src/confinement/landing.ts";
import { WardenRuns } from "../../src/confinement/warden_runs.ts";
import { FakeTime } from "../support/fake_time.ts";
import { type FakeProcess, FakeProcessKernel } from "./linux/fake_process_kernel.ts";

const NONCE = "00000000aa";
const DEAD = "00000000bb";
const NO_TREE: TreeCeilings = { memoryBytes: null, processes: null };
const CEILINGS = { memoryBytes: 1 << 29, cpuSec: 11, openFiles: 100, fileBytes: 1 << 20 };
const NOTHING_LEFT = { killed: 0, survivors: 0, note: null };

function termsOf(run: string, changes: Partial<RunTerms> = {}): RunTerms {
  return { run, compartment: "nmap", ceilings: CEILINGS, tree: NO_TREE, killGraceMs: 200, ...changes };
}

/** Groups that note what is asked of them. */
class FakeGroups implements RunGroups {
  readonly asked: string[] = [];
  refusal: string | null = null;
  note: string | null = null;

  add(run: string, pid: number, tree: TreeCeilings) {
    this.asked.push(`add ${run} ${pid} ${tree.memoryBytes} ${tree.processes}`);
    return this.refusal === null ? { ok: true } as const : { ok: false, reason: this.refusal } as const;
  }
  kill(run: string): boolean {
    return this.asked.push(`kill ${run}`) > 0;
  }
  remove(run: string): boolean {
    return this.asked.push(`remove ${run}`) > 0;
  }
  explain(): string | null {
    return this.note;
  }
  close(): boolean {
    return this.asked.push("close") > 0;
  }
}

/** A server with a compartment that forks, as it does before a program starts. */
function machine(groups: RunGroups | null = null, pids: { self?: number; session?: number } = {}) {
  const kernel = new FakeProcessKernel(pids);
  const runs = new WardenRuns(kernel, NONCE, groups);
  const server = kernel.processes.get(kernel.call("getpid"))!;
  const fork = () => kernel.fork(server);
  /** A run whose program has started. */
  const start = (run: string, changes: Partial<RunTerms> = {}): FakeProcess => {
    runs.begin(termsOf(run, changes));
    const process = fork();
    assert.equal(runs.land(run, process.pid), null);
    return process;
  };
  /** Its first process ends, and the compartment, which waits for it, says so. */
  const exit = (run: string, process: FakeProcess) => {
    kernel.exit(process);
    kernel.processes.delete(process.pid);
    runs.exited(run);
  };
  const isAlive = (process: FakeProcess) => kernel.isAlive(process);
  return { kernel, runs, server, fork, start, exit, isAlive };
}

Deno.test("runs: a program is let go in a group of its own, with its limits and, last, its mark", () => {
  const { kernel, runs, fork } = machine();
  runs.begin(termsOf("a"));
  assert.deepEqual([runs.belongsTo("a", "nmap"), runs.belongsTo("a", "other")], [true, false]);
  assert.equal(runs.hasLanded("a"), false);
  const process = fork();
  assert.equal(runs.isMarked(process.pid), false);
  assert.equal(runs.land("a", process.pid), null);
  assert.equal(process.group, process.pid);
  assert.equal(kernel.niceness.get(process.pid), 19, "it stands behind the server");
  assert.deepEqual(kernel.limitsSet.map(({ resource }) => resource), [
    RESOURCE.cpu,
    RESOURCE.fileSize,
    RESOURCE.core,
    RESOURCE.openFiles,
    RESOURCE.addressSpace,
    TAG_RESOURCE,
  ]);
  assert.equal(kernel.tagOf(process), runTag(NONCE, 1));
  assert.deepEqual([runs.hasLanded("a"), runs.isMarked(process.pid), runs.refusalOf("a")], [
    true,
    true,
    null,
  ]);
});

Deno.test("runs: nothing is let go that was not announced, and no second program of a run", () => {
  const { kernel, runs, fork, start } = machine();
  const stranger = fork();
  assert.equal(runs.land("a", stranger.pid), "the run was not announced");
  start("a");
  assert.equal(runs.land("a", stranger.pid), "the run has a program already");
  assert.equal(runs.refusalOf("a"), null, "its own program runs on");
  assert.equal(stranger.limits.size, 0);
  assert.equal(stranger.group, kernel.processes.get(100)!.group);
});

Deno.test("runs: whatever does not land keeps the program from starting, and is told", () => {
  const steps = [
    ["setpgid", /^setpgid: EPERM$/],
    ["setpriority", /^setpriority: EPERM$/],
    ["prlimit64", /did not land: EPERM/],
  ] as const;
  for (const [name, reason] of steps) {
    const { kernel, runs, fork } = machine();
    runs.begin(termsOf("a"));
    kernel.failing.set(name, 1);
    const refusal = runs.land("a", fork().pid);
    assert.match(refusal ?? "", reason);
    assert.deepEqual([runs.refusalOf("a"), runs.hasLanded("a")], [refusal, false]);
  }
});

Deno.test("runs: the limits hold as far as the server could give them", () => {
  const { kernel, runs, server, start } = machine();
  const process = start("a");
  assert.equal(runs.limitsHold("a", process.pid), true);
  for (const [resource, limit] of process.limits) {
    for (const wrong of [[limit[0] + 1n, limit[1]], [limit[0], limit[1] + 1n]] as const) {
      process.limits.set(resource, wrong);
      assert.equal(runs.limitsHold("a", process.pid), false, `resource ${resource}`);
    }
    process.limits.set(resource, limit);
  }
  assert.deepEqual([runs.limitsHold("b", process.pid), runs.limitsHold("a", server.pid)], [false, false]);
  assert.equal(runs.limitsHold("a", 4711), false);

  const lower = machine();
  lower.server.limits.set(RESOURCE.openFiles, [50n, 60n]);
  const runsThen = new WardenRuns(lower.kernel, NONCE, null);
  runsThen.begin(termsOf("a"));
  const child = lower.fork();
  assert.equal(runsThen.land("a", child.pid), null);
  assert.deepEqual(child.limits.get(RESOURCE.openFiles), [60n, 60n]);
  assert.equal(runsThen.limitsHold("a", child.pid), true);
  assert.equal(kernel.open, 0);
});

for (const [own, left] of [[40n, 30n], [1000n, 750n], [1024n, 768n], [30_000n, 29_744n]] as const) {
  Deno.test(`runs: of ${own} processes that the user may have, programs may have ${left}`, () => {
    const { kernel, server, fork } = machine();
    server.limits.set(RESOURCE.processes, [own, own]);
    const runs = new WardenRuns(kernel, NONCE, null);
    runs.begin(termsOf("a"));
    const child = fork();
    assert.equal(runs.land("a", child.pid), null);
    assert.deepEqual(child.limits.get(RESOURCE.processes), [left, left]);
    assert.equal(runs.limitsHold("a", child.pid), true);
    child.limits.set(RESOURCE.processes, [own, own]);
    assert.equal(runs.limitsHold("a", child.pid), false);
  });
}

Deno.test("runs: where the mark cannot be set there is no tier kernel", () => {
  for (const limit of [0n, 1024n, runTag(NONCE, 2 ** 24 - 1) - 1n]) {
    const kernel = new FakeProcessKernel();
    kernel.processes.get(100)!.limits.set(TAG_RESOURCE, [limit, limit]);
    assert.throws(() => new WardenRuns(kernel, NONCE, null), /RLIMIT_LOCKS is set/);
  }
  const kernel = new FakeProcessKernel();
  const enough = runTag(NONCE, 2 ** 24 - 1);
  kernel.processes.get(100)!.limits.set(TAG_RESOURCE, [0n, enough]);
  new WardenRuns(kernel, NONCE, null);
});

Deno.test("runs: signals are for processes of one's own run alone", () => {
  const { kernel, runs, server, start } = machine();
  const [one, other] = [start("a"), start("b")];
  const child = kernel.fork(one);
  const elsewhere = kernel.add({ tag: runTag(DEAD, 1) });
  assert.equal(runs.isOfOneRun(child.pid, one.pid), true);
  assert.equal(runs.isOfOneRun(one.pid, one.pid), true);
  for (const pid of [other.pid, server.pid, elsewhere.pid, 1, 0, -1, 4711]) {
    assert.equal(runs.isOfOneRun(one.pid, pid), false, `to ${pid}`);
  }
  for (const pid of [server.pid, elsewhere.pid, 4711]) {
    assert.equal(runs.isOfOneRun(pid, pid), false, `from ${pid}`);
  }
});

Deno.test("runs: stopping asks once, and after the grace insists on all that there is", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit, isAlive } = machine();
  const root = start("a");
  root.ignoresTerm = true;
  const daemon = kernel.fork(root);
  kernel.setsid(daemon);
  const neighbour = start("b");
  runs.stop("a");
  runs.stop("a");
  assert.deepEqual(kernel.delivered.map(({ pid, signal }) => [pid, signal]), [[root.pid, 15]]);
  await time.advance(199);
  assert.deepEqual([isAlive(root), isAlive(daemon)], [true, true]);
  await time.advance(1);
  assert.deepEqual([isAlive(root), isAlive(daemon), isAlive(neighbour)], [false, false, true]);
  exit("a", root);
  const ended = runs.end("a");
  await time.advance(20);
  assert.equal((await ended).survivors, 0);
  assert.deepEqual(kernel.delivered.filter(({ tag }) => tag !== runTag(NONCE, 1)), []);
});

Deno.test("runs: a program that obeys has its remains ended at once, not after the grace", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit, isAlive } = machine();
  const root = start("a");
  const daemon = kernel.fork(root);
  daemon.ignoresTerm = true;
  runs.stop("a");
  exit("a", root);
  await time.settle();
  assert.equal(isAlive(daemon), false);
  const ended = runs.end("a");
  await time.advance(20);
  assert.deepEqual(await ended, { killed: 1, survivors: 0, note: null });
  await time.advance(1000);
  const toRoot = kernel.delivered.filter(({ pid }) => pid === root.pid);
  assert.deepEqual(toRoot.map(({ signal }) => signal), [15], "its number may be another's by then");
});

Deno.test("runs: what has not begun, has ended or is unknown is not stopped", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit } = machine();
  runs.begin(termsOf("announced"));
  const root = start("a");
  exit("a", root);
  await time.advance(20);
  for (const run of ["announced", "a", "unknown"]) runs.stop(run);
  await time.advance(1000);
  assert.deepEqual(kernel.delivered, []);
});

Deno.test("runs: a first process that left unseen is not signalled, what it left behind is killed", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, isAlive } = machine();
  const root = start("a");
  const daemon = kernel.fork(root);
  kernel.exit(root);
  runs.stop("a");
  await time.settle();
  assert.equal(isAlive(daemon), false);
  assert.ok(kernel.delivered.every(({ signal }) => signal === 9), "there is nobody to be asked");
});

Deno.test("runs: a run that ends with nothing left has two looks for a whole burst", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit } = machine();
  const names = Array.from({ length: 30 }, (_, index) => `run ${index}`);
  const roots = names.map((name) => start(name));
  let looks = 0;
  const call = kernel.call.bind(kernel);
  kernel.call = (name, ...args) => {
    if (name === "openat" && args[1] === "/proc") looks++;
    return call(name, ...args);
  };
  const ends = names.map((name, index) => {
    exit(name, roots[index]!);
    return runs.end(name);
  });
  await time.advance(12);
  assert.deepEqual(await Promise.all(ends), names.map(() => NOTHING_LEFT));
  assert.equal(looks, 2);
  assert.equal(time.pending, 0);
});

Deno.test("runs: what a program left running is killed, and it alone", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit, isAlive } = machine();
  const [root, neighbour] = [start("a"), start("b")];
  const left = [kernel.fork(root), kernel.fork(root)];
  kernel.setsid(left[1]!);
  exit("a", root);
  const ended = runs.end("a");
  await time.advance(20);
  assert.deepEqual(left.map(isAlive), [false, false]);
  assert.equal(isAlive(neighbour), true);
  assert.equal((await ended).survivors, 0);
  assert.deepEqual(kernel.delivered.filter(({ tag }) => tag !== runTag(NONCE, 1)), []);
});

Deno.test("runs: what a program left running is counted, each process once", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit } = machine();
  const root = start("a");
  kernel.fork(root);
  kernel.fork(root);
  exit("a", root);
  const ended = runs.end("a");
  await time.advance(20);
  assert.deepEqual(await ended, { killed: 2, survivors: 0, note: null });
});

Deno.test("runs: what cannot be killed is insisted on for five seconds, and counted", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit } = machine();
  const root = start("a");
  kernel.fork(root).stuck = true;
  exit("a", root);
  let end: unknown = null;
  void runs.end("a").then((value) => end = value);
  const begunMs = performance.now();
  await time.advance(100);
  assert.equal(end, null);
  while (end === null) await time.advance(10);
  assert.deepEqual(end, { killed: 1, survivors: 1, note: null });
  const tookMs = performance.now() - begunMs;
  assert.ok(tookMs >= 5000 && tookMs < 5100, `${tookMs} ms`);
});

Deno.test("runs: what has survived is not forgotten: it is looked for each second, and told when it is gone", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, exit } = machine();
  const root = start("a");
  const child = kernel.fork(root);
  child.stuck = true;
  exit("a", root);
  const told: unknown[] = [];
  void runs.end("a", (end) => told.push(end));
  await time.advance(9000);
  assert.deepEqual([told, runs.belongsTo("a", "nmap")], [[], true]);
  child.stuck = false;
  await time.advance(5000);
  assert.deepEqual(told, [{ killed: 1, survivors: 0, note: null }]);
  assert.equal(runs.belongsTo("a", "nmap"), false);
  assert.deepEqual(kernel.living(() => true).filter(({ pid }) => pid === child.pid), []);
});

Deno.test("runs: a run whose compartment is gone is ended when the server says that it is over", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { runs, start, isAlive } = machine();
  const root = start("a");
  const ended = runs.end("a");
  await time.advance(20);
  assert.equal(isAlive(root), false);
  assert.equal((await ended).survivors, 0);
  assert.equal(runs.belongsTo("a", "nmap"), false, "it is forgotten");
  assert.deepEqual(await runs.end("a"), NOTHING_LEFT);
  runs.begin(termsOf("never started"));
  assert.deepEqual(await runs.end("never started"), NOTHING_LEFT);
});

Deno.test("runs: a compartment's end is the end of its runs, and of no other", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, isAlive } = machine();
  const [a, b, other] = [start("a"), start("b"), start("c", { compartment: "other" })];
  const child = kernel.fork(a);
  runs.begin(termsOf("announced"));
  runs.killCompartment("nmap");
  assert.deepEqual([a, b, child, other].map(isAlive), [false, false, false, true]);
  runs.killCompartment("nmap");
  const ends = [runs.end("a"), runs.end("b"), runs.end("announced")];
  await time.advance(20);
  assert.deepEqual((await Promise.all(ends)).map(({ killed }) => killed), [2, 1, 0]);
});

Deno.test("runs: what a dead server left is killed, all of its runs, and nothing else", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, start, isAlive } = machine();
  const own = start("a");
  const left = [1, 2, 3].map((sequence) => kernel.add({ parent: 1, tag: runTag(DEAD, sequence) }));
  const another = kernel.add({ parent: 1, tag: runTag("00000000cc", 1) });
  const unmarked = kernel.add({ parent: 1 });
  const reaped = runs.reap(DEAD);
  await time.advance(20);
  assert.deepEqual(await reaped, { killed: 3, survivors: 0, note: null });
  assert.deepEqual(left.map(isAlive), [false, false, false]);
  assert.deepEqual([own, another, unmarked].map(isAlive), [true, true, true]);
  await assert.rejects(runs.reap(NONCE), /does not reap itself/);
  assert.equal(isAlive(own), true);
});

Deno.test("runs: the last act kills everything before it returns", () => {
  const { kernel, runs, start, server, isAlive } = machine();
  const roots = ["a", "b", "c"].map((name) => start(name));
  kernel.setsid(kernel.fork(roots[0]!));
  const another = kernel.add({ tag: runTag(DEAD, 1) });
  runs.killEverything();
  assert.deepEqual(roots.map(isAlive), [false, false, false]);
  assert.deepEqual([server, another].map(isAlive), [true, true]);
  kernel.fork(start("d")).stuck = true;
  runs.killEverything();
  assert.ok(kernel.delivered.length < 10_000, "it ends, whatever there is");
});

Deno.test("runs: with ceilings on the tree the process is in its group before its limits land", () => {
  const groups = new FakeGroups();
  const { kernel, runs, fork, start } = machine(groups);
  start("none");
  assert.deepEqual(groups.asked, []);
  const process = start("a", { tree: { memoryBytes: 1000, processes: null } });
  assert.deepEqual(groups.asked, [`add a ${process.pid} 1000 null`]);
  start("b", { tree: { memoryBytes: null, processes: 5 } });
  groups.refusal = "no room";
  runs.begin(termsOf("c", { tree: { memoryBytes: 1, processes: 1 } }));
  const refused = fork();
  assert.equal(runs.land("c", refused.pid), "no room");
  assert.equal(runs.refusalOf("c"), "no room");
  assert.deepEqual(kernel.limitsSet.filter(({ pid }) => pid === refused.pid), []);
});

Deno.test("runs: a run's group ends with it, and says what it knows", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const groups = new FakeGroups();
  const { runs, start, exit } = machine(groups);
  groups.note = "it reached its ceiling";
  exit("a", start("a"));
  start("b");
  const ends = [runs.end("a"), runs.end("b")];
  await time.advance(20);
  assert.deepEqual((await Promise.all(ends)).map(({ note }) => note), [groups.note, groups.note]);
  assert.deepEqual(groups.asked.toSorted(), ["kill b", "remove a", "remove b"]);
  runs.close();
  assert.equal(groups.asked.at(-1), "close");
});

Deno.test("runs: as the first process of a container we wait for what runs leave us, each second", async () => {
  using time = new FakeTime({ readingMs: 1 });
  const { kernel, runs, server, start, exit } = machine(null, { self: 1, session: 1 });
  const root = start("a");
  const orphan = kernel.fork(root);
  kernel.exit(orphan);
  orphan.parent = server.pid;
  const other = start("b");
  kernel.exit(other);
  const stranger = kernel.add({ zombie: true });
  await time.advance(999);
  assert.deepEqual(kernel.waitedFor, []);
  await time.advance(1);
  assert.deepEqual(kernel.waitedFor, [orphan.pid], "not what a compartment waits for, nor what is not ours");
  exit("a", root);
  runs.killCompartment("nmap");
  await time.advance(1000);
  assert.ok(!kernel.processes.has(other.pid), "whoever waited for it is gone");
  assert.ok(kernel.processes.has(stranger.pid));
});
