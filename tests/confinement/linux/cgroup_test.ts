import assert from "node:assert/strict";
import { leftovers, openCgroups } from "../../../src/confinement/linux/cgroup.ts";
import { delegated, FakeCgroupKernel, MOUNT, opened, OWN_PID } from "./fake_cgroup_kernel.ts";

const OWN = "/system.slice/bulkhead.service";

function refused(kernel: FakeCgroupKernel): string {
  const cgroups = openCgroups(kernel, "abc");
  assert("reason" in cgroups, "these groups must not be taken");
  assert.equal(kernel.groupOf(OWN_PID), kernel.own, "this process is where it was");
  assert.deepEqual([...kernel.own.groups.keys()], [], "no group of ours is left");
  assert.deepEqual([...kernel.own.enabled], [], "no controller is left on");
  assert.equal(kernel.open, 0, "all files are closed");
  return cgroups.reason;
}

Deno.test("cgroups: as root, only a group that says it was delegated", () => {
  assert.match(refused(new FakeCgroupKernel()), /does not carry the delegate attribute/);
  for (const name of ["trusted.delegate", "user.delegate"]) {
    const kernel = new FakeCgroupKernel();
    kernel.own.attributes.set(name, "0");
    assert.match(refused(kernel), /does not carry/);
    kernel.own.attributes.set(name, "1");
    assert.equal(opened(kernel).folder, `${MOUNT}${OWN}`);
  }
});

Deno.test("cgroups: the root of a namespace is a delegation, the root of the hierarchy is none", () => {
  assert.match(refused(new FakeCgroupKernel({ path: "/" })), /does not carry/);
  assert.equal(opened(new FakeCgroupKernel({ path: "/", namespace: true })).folder, MOUNT);
  const readOnly = new FakeCgroupKernel({ path: "/", namespace: true });
  readOnly.readOnly.add(`${MOUNT}/cgroup.procs`);
  assert.match(refused(readOnly), /cgroup\.procs cannot be written to/);
});

Deno.test("cgroups: for others, a group that they may write to below one that they may not", () => {
  const own = new FakeCgroupKernel({ root: false });
  assert.match(refused(own), /belongs to whoever manages \/sys\/fs\/cgroup\/system\.slice/);
  own.readOnly.add(`${MOUNT}/system.slice`);
  assert.match(refused(own), /belongs to/, "its processes could still be moved out");
  own.readOnly.add(`${MOUNT}/system.slice/cgroup.procs`);
  assert.deepEqual(opened(own).enforces, ["memory", "processes"]);
  for (const file of ["", "/cgroup.procs", "/cgroup.subtree_control"]) {
    const kernel = delegated({ root: false });
    kernel.readOnly.add(`${MOUNT}${OWN}${file}`);
    assert.match(refused(kernel), /cannot be written to/);
  }
});

Deno.test("cgroups: no v2, no mount of it, or one that does not show our group", () => {
  assert.match(refused(new FakeCgroupKernel({ mounts: "" })), /no cgroup v2 is mounted/);
  const hidden = `30 23 0:26 /user.slice ${MOUNT} rw - cgroup2 cgroup2 rw\n`;
  assert.match(refused(new FakeCgroupKernel({ mounts: hidden })), /is not seen under/);
  // A mount that shows a folder of that name, where this process is not.
  const other = `30 23 0:26 / /elsewhere rw - cgroup2 cgroup2 rw\n`;
  assert.match(refused(new FakeCgroupKernel({ mounts: other })), /is not seen under/);
  const missing = delegated();
  missing.missing.add("/proc/self/cgroup");
  assert.match(refused(missing), /in no cgroup v2/);
});

Deno.test("cgroups: moves this process into a leaf, then turns the controllers on; close() undoes it", () => {
  const kernel = delegated();
  const cgroups = opened(kernel);
  assert.deepEqual(kernel.log, [
    "bulkhead-abc-server/cgroup.procs=0",
    "bulkhead.service/cgroup.subtree_control=+memory +pids",
  ]);
  assert.deepEqual(cgroups.enforces, ["memory", "processes"]);
  assert.equal(cgroups.lacks, null);
  assert.equal(cgroups.close(), true);
  assert.equal(kernel.groupOf(OWN_PID), kernel.own);
  assert.deepEqual([...kernel.own.groups.keys()], []);
  assert.deepEqual([...kernel.own.enabled], []);
  assert.equal(kernel.open, 0);
});

Deno.test("cgroups: other processes in the group stop it, seen before or met on the way", () => {
  const kernel = delegated();
  kernel.own.procs.add(7);
  assert.match(refused(kernel), /holds other processes besides this one \(1\)/);
  assert.deepEqual(kernel.log, []);
  const late = delegated();
  late.failing.set("subtree_control", 16);
  assert.match(refused(late), /Cannot write \+memory \+pids to .*subtree_control: EBUSY/);
});

Deno.test("cgroups: whatever fails on the way, everything is as before", () => {
  const moving = delegated();
  moving.failing.set("server/cgroup.procs", 95);
  assert.match(refused(moving), /Cannot move into .*: EOPNOTSUPP/);
  const useless = delegated();
  for (const file of ["memory.max", "pids.max"]) useless.missing.add(file);
  assert.match(refused(useless), /no controller of memory; no controller of processes/);
  const taken = delegated();
  taken.own.make("bulkhead-abc-server");
  const result = openCgroups(taken, "abc");
  assert("reason" in result && /Cannot make .*: EEXIST/.test(result.reason));
});

Deno.test("cgroups: enforces what the controllers give, and says what is lacking", () => {
  assert.match(refused(delegated({ controllers: ["io"] })), /neither memory nor pids/);
  const pids = opened(delegated({ controllers: ["pids"] }));
  assert.deepEqual(pids.enforces, ["processes"]);
  assert.match(pids.lacks!, /no controller of memory/);
  const memory = opened(delegated({ controllers: ["memory"] }));
  assert.deepEqual(memory.enforces, ["memory"]);
});

Deno.test("cgroups: a ceiling of memory that swap would lift is none", () => {
  const swapping = delegated({ swaps: "Filename Type Size\n/dev/sda2 partition 1\n" });
  assert.deepEqual(opened(swapping).enforces, ["memory", "processes"]);
  swapping.missing.add("memory.swap.max");
  const unlimited = delegated({ swaps: "Filename Type Size\n/dev/sda2 partition 1\n" });
  unlimited.missing.add("memory.swap.max");
  const cgroups = opened(unlimited);
  assert.deepEqual(cgroups.enforces, ["processes"]);
  assert.match(cgroups.lacks!, /ceiling on swap/);
  const without = delegated();
  without.missing.add("memory.swap.max").add("/proc/swaps");
  const run = opened(without);
  without.root.procs.add(7);
  assert.deepEqual(run.add("r", 7, { memoryBytes: 4096, processes: null }), { ok: true });
});

Deno.test("cgroups: leftovers of a dead server go, with what is in them; nothing else does", () => {
  for (const first of [true, false]) {
    const kernel = delegated();
    const others = ["bulkhead-dead2-run-1", "bulkhead-dead-x-run-1", "bulkhead-abc-run-1", "dead"];
    if (!first) opened(kernel);
    for (const name of ["bulkhead-dead-server", "bulkhead-dead-run-1", "bulkhead-dead-run-2", ...others]) {
      kernel.own.make(name);
    }
    const killed = kernel.own.make("bulkhead-dead-run-1");
    killed.procs.add(7);
    const dying = kernel.own.make("bulkhead-dead-run-2");
    dying.groups.set("below", kernel.root);
    const gone = leftovers(kernel, "dead");
    assert(!("reason" in gone));
    assert.deepEqual(gone.removed, ["server", "run-1"].map((name) => `${MOUNT}${OWN}/bulkhead-dead-${name}`));
    assert.deepEqual(gone.remaining, [`${MOUNT}${OWN}/bulkhead-dead-run-2`]);
    assert(others.every((name) => kernel.own.groups.has(name)));
    dying.groups.clear();
    assert.deepEqual(leftovers(kernel, "dead"), { removed: gone.remaining, remaining: [] });
  }
});

Deno.test("cgroups: a server never takes its own groups for leftovers", () => {
  const kernel = delegated();
  opened(kernel);
  const gone = leftovers(kernel, "abc");
  assert(!("reason" in gone));
  assert.deepEqual(gone.remaining, [`${MOUNT}${OWN}/bulkhead-abc-server`]);
  assert(!kernel.log.some((line) => line.includes("cgroup.kill")));
  assert.match(
    (leftovers(new FakeCgroupKernel({ mounts: "" }), "x") as { reason: string }).reason,
    /mounted/,
  );
});

Deno.test("cgroups: a nonce that is no part of a folder's name is a mistake", () => {
  for (const nonce of ["", "../x", "a b", "x".repeat(65)]) {
    assert.throws(() => openCgroups(delegated(), nonce), TypeError);
    assert.throws(() => leftovers(delegated(), nonce), TypeError);
  }
});
