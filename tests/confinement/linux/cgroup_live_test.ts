import assert from "node:assert/strict";
import { type Cgroups, openCgroups, type TreeCeilingValues } from "../../../src/confinement/linux/cgroup.ts";
import { membersOf } from "../../../src/confinement/linux/cgroup_place.ts";
import { type Kernel, openKernel } from "../../../src/confinement/linux/kernel.ts";
import { listFolder } from "../../../src/confinement/linux/kernel_files.ts";

/** Calls `body` with groups of this very process; says so where there are none to be had. */
async function withCgroups(
  needs: "memory" | "processes",
  body: (cgroups: Cgroups, kernel: Kernel) => Promise<void>,
) {
  const kernel = openKernel();
  if ("reason" in kernel) return skip(kernel.reason);
  try {
    const cgroups = openCgroups(kernel, crypto.randomUUID());
    if ("reason" in cgroups) return skip(cgroups.reason);
    try {
      if (cgroups.enforces.includes(needs)) await body(cgroups, kernel);
      else skip(cgroups.lacks);
    } finally {
      await until(() => cgroups.close());
    }
  } finally {
    kernel.close();
  }
}

function skip(reason: string | null) {
  // deno-lint-ignore no-console -- why a test did nothing is said where its result is read
  console.log(`skipped: no delegated cgroup v2: ${reason}`);
}

/** A shell in a run's group, which begins `script` once it is there. */
async function start(cgroups: Cgroups, script: string, ceilings: TreeCeilingValues) {
  const shell = new Deno.Command("/bin/sh", {
    args: ["-c", `read go; ${script}`],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  assert.deepEqual(cgroups.add("r", shell.pid, ceilings), { ok: true });
  const input = shell.stdin.getWriter();
  await input.write(new TextEncoder().encode("\n"));
  await input.close();
  return shell;
}

/** The processes of the run. Deno shows these files only to those with all permissions. */
function members(kernel: Kernel, cgroups: Cgroups): number[] {
  const names = listFolder(kernel, cgroups.folder) as string[];
  return membersOf(kernel, `${cgroups.folder}/${names.find((name) => name.endsWith("-run-r"))}`);
}

/** Killed processes take a moment to end, and counters to be written. */
async function until(condition: () => boolean) {
  const endMs = performance.now() + 20_000;
  while (!condition()) {
    assert(performance.now() < endMs, "this should be so by now");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("live cgroups: no more processes than the ceiling says, and all of them end at once", async () => {
  await withCgroups("processes", async (cgroups, kernel) => {
    const loop = "while :; do sleep 600 & done";
    const shell = await start(cgroups, loop, { memoryBytes: null, processes: 6 });
    await until(() => cgroups.events("r")!.forksRefused > 0);
    assert(members(kernel, cgroups).length <= 6);
    assert.match(cgroups.explain("r")!, /its ceiling of processes refused/);
    assert.equal(cgroups.remove("r"), false, "the shell is gone or waits, what it started sleeps");
    assert.equal(cgroups.kill("r"), true);
    await shell.status;
    await until(() => cgroups.remove("r"));
  });
});

Deno.test("live cgroups: memory is counted over all processes of a run, and all are killed", async () => {
  await withCgroups("memory", async (cgroups) => {
    // Each tail keeps a line of 16 MB in memory until its input ends: 8 of them are too many, 2 would not be.
    const hold = "{ head -c 16000000 /dev/zero; sleep 600; } | tail >/dev/null";
    const script = `for each in 1 2 3 4 5 6 7 8; do ${hold} & done; wait`;
    const shell = await start(cgroups, script, { memoryBytes: 64 << 20, processes: null });
    const { signal } = await shell.status;
    assert.equal(signal, "SIGKILL", "the shell, which held little, with the others");
    assert(cgroups.events("r")!.killed > 1);
    assert.match(cgroups.explain("r")!, /memory ceiling/);
    await until(() => cgroups.remove("r"));
  });
});
