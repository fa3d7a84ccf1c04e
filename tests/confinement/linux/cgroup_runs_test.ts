import assert from "node:assert/strict";
import { delegated, opened, OWN_PID } from "./fake_cgroup_kernel.ts";

const NONE = { memoryBytes: null, processes: null };

Deno.test("cgroups: a run's process moves last, when all ceilings are set", () => {
  const kernel = delegated();
  const cgroups = opened(kernel);
  kernel.groupOf(OWN_PID)!.procs.add(7);
  kernel.log.length = 0;
  assert.deepEqual(cgroups.add("r-1", 7, { memoryBytes: 1 << 20, processes: 5 }), { ok: true });
  assert.deepEqual(kernel.log.map((line) => line.replace("bulkhead-abc-run-r-1/", "")), [
    "memory.oom.group=1",
    "memory.swap.max=0",
    "memory.max=1048576",
    "pids.max=5",
    "cgroup.procs=7",
  ]);
  kernel.log.length = 0;
  kernel.groupOf(OWN_PID)!.procs.add(8);
  assert.deepEqual(cgroups.add("r-2", 8, NONE), { ok: true });
  assert.deepEqual(kernel.log, ["bulkhead-abc-run-r-2/cgroup.procs=8"]);
});

Deno.test("cgroups: a ceiling that does not land leaves neither group nor a moved process", () => {
  for (const file of ["memory.oom.group", "memory.swap.max", "memory.max", "pids.max", "r/cgroup.procs"]) {
    const kernel = delegated();
    const cgroups = opened(kernel);
    const server = kernel.groupOf(OWN_PID)!;
    server.procs.add(7);
    kernel.failing.set(file, 22);
    const added = cgroups.add("r", 7, { memoryBytes: 4096, processes: 1 });
    assert(!added.ok && /EINVAL/.test(added.reason));
    assert.equal(kernel.groupOf(7), server);
    assert.equal(kernel.own.groups.size, 1);
    assert.equal(kernel.open, 0);
  }
});

Deno.test("cgroups: refuses what it cannot hold to, and what is no ceiling, run or process", () => {
  const kernel = delegated({ controllers: ["pids"] });
  const cgroups = opened(kernel);
  kernel.groupOf(OWN_PID)!.procs.add(7);
  const reason = (run: string, pid: number, memoryBytes: number | null, processes: number | null) => {
    const added = cgroups.add(run, pid, { memoryBytes, processes });
    assert.equal(kernel.own.groups.size, 1);
    return added.ok ? "" : added.reason;
  };
  assert.match(reason("r", 7, 4096, null), /no cgroup here holds a tree to a ceiling of memory/);
  for (const value of [0, -1, 1.5, NaN, Infinity, 1e21]) {
    assert.match(reason("r", 7, null, value), /Cannot set/);
  }
  for (const pid of [0, -1, 1.5, NaN]) assert.match(reason("r", pid, null, 1), /not a process id/);
  for (const run of ["", "..", "a/b", "a\0", "ä"]) {
    assert.match(reason(run, 7, null, 1), /Cannot name a group/);
  }
  assert.match(reason("r", 99, null, 1), /ESRCH/);
});

Deno.test("cgroups: one group a run", () => {
  const kernel = delegated();
  const cgroups = opened(kernel);
  kernel.groupOf(OWN_PID)!.procs.add(7).add(8);
  assert.equal(cgroups.add("r", 7, NONE).ok, true);
  const again = cgroups.add("r", 8, NONE);
  assert(!again.ok && /EEXIST/.test(again.reason));
  assert.equal(cgroups.kill("r"), true);
  assert.equal(kernel.groupOf(7), null);
  assert.notEqual(kernel.groupOf(8), null);
});

Deno.test("cgroups: a group is removed when its processes have ended, by a later call if need be", () => {
  const kernel = delegated();
  const cgroups = opened(kernel);
  const server = kernel.groupOf(OWN_PID)!;
  kernel.killsAtOnce = false;
  server.procs.add(7).add(8);
  cgroups.add("r", 7, NONE);
  assert.equal(cgroups.kill("r"), true);
  assert.equal(cgroups.remove("r"), false);
  assert.notEqual(cgroups.events("r"), null);
  kernel.bury(kernel.groupOf(7)!);
  cgroups.add("s", 8, NONE);
  assert.deepEqual([...kernel.own.groups.keys()], ["bulkhead-abc-server", "bulkhead-abc-run-s"]);
  assert.equal(cgroups.remove("r"), true);
  assert.equal(cgroups.events("r"), null);
});

Deno.test("cgroups: of a run without a group there is nothing to kill, to remove or to tell", () => {
  const cgroups = opened(delegated());
  assert.equal(cgroups.kill("../../x"), false);
  assert.equal(cgroups.remove("../../x"), true);
  assert.equal(cgroups.events("../../x"), null);
  assert.equal(cgroups.explain("../../x"), null);
});

Deno.test("cgroups: before Linux 5.14 kill() says that it cannot", () => {
  const kernel = delegated();
  const cgroups = opened(kernel);
  kernel.groupOf(OWN_PID)!.procs.add(7);
  cgroups.add("r", 7, NONE);
  kernel.missing.add("cgroup.kill");
  assert.equal(cgroups.kill("r"), false);
});

Deno.test("cgroups: tells what happened at the ceilings", () => {
  const kernel = delegated();
  const cgroups = opened(kernel);
  kernel.groupOf(OWN_PID)!.procs.add(7);
  cgroups.add("r", 7, NONE);
  assert.equal(cgroups.explain("r"), null);
  const { written } = kernel.groupOf(7)!;
  written.set("memory.events", "low 0\nhigh 0\nmax 31\noom 1\noom_kill 2\noom_group_kill 1\n");
  written.set("pids.events", "max 12\n");
  assert.deepEqual(cgroups.events("r"), { killed: 2, forksRefused: 12 });
  assert.match(cgroups.explain("r")!, /memory ceiling .*\(2\); .* refused 12/);
  kernel.missing.add("memory.events").add("pids.events");
  assert.deepEqual(cgroups.events("r"), { killed: 0, forksRefused: 0 });
});

Deno.test("cgroups: close() kills, and says when killed processes still hold a group", () => {
  const kernel = delegated();
  const cgroups = opened(kernel);
  kernel.groupOf(OWN_PID)!.procs.add(7);
  cgroups.add("r", 7, NONE);
  kernel.killsAtOnce = false;
  assert.equal(cgroups.close(), false);
  assert.equal(kernel.groupOf(OWN_PID), kernel.own);
  assert(kernel.log.includes("bulkhead-abc-run-r/cgroup.kill=1"));
  const closed = cgroups.add("s", 7, NONE);
  assert(!closed.ok && /closed/.test(closed.reason));
  kernel.bury(kernel.groupOf(7)!);
  assert.equal(cgroups.close(), true);
  assert.deepEqual([...kernel.own.groups.keys()], []);
});
