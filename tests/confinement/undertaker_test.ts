/** What ends the programs when the warden is no more: its own last act, or the undertaker. */
import assert from "node:assert/strict";
import { LIBC_PATHS } from "../../src/confinement/linux/kernel.ts";
import { newServerNonce } from "../../src/confinement/linux/run_tag.ts";
import { Warden } from "../../src/confinement/warden.ts";
import { wardenPermissions } from "../../src/confinement/workers.ts";
import type { Clock } from "../../src/core/clock.ts";
import { systemClock } from "../../src/core/clock.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { needsKernelTier } from "../support/kernel_tier.ts";

const SOURCES = decodeURIComponent(new URL("../../src/", import.meta.url).pathname);

/** A warden with a program that goes on, as a child in a session of its own does; null where there is no tier kernel. */
async function linger(clock: Clock) {
  const scratch = Deno.makeTempDirSync();
  const warden = new Warden(wardenPermissions(["/bin/sh"], LIBC_PATHS, SOURCES), clock, () => {});
  if (!await needsKernelTier(() => warden.open("kernel", newServerNonce()))) {
    await warden.close();
    return null;
  }
  const executables = ["/bin/sh", "/lib64/ld-linux-x86-64.so.2", "/usr/bin/sleep", "/usr/bin/timeout"]
    .map((path) => Deno.realPathSync(path));
  const rules = { executables, writableFolder: scratch, capabilities: [] };
  const compartment = warden.compartment({ compartment: "linger", program: "/bin/sh", rules });
  await compartment.ready;
  const pids = Promise.withResolvers<number[]>();
  const run = compartment.run(
    {
      id: "linger",
      args: ["-c", "timeout 60 sleep 60 & echo $$ $!; exec sleep 60"],
      env: { PATH: "/usr/bin" },
      deadlineMs: 60_000,
      killGraceMs: 0,
      maxBytes: { stdout: 100, stderr: 100 },
      onFlood: "drain",
      ceilings: { memoryBytes: 536_870_912, cpuSec: 60, openFiles: 64, fileBytes: 0 },
      tree: { memoryBytes: null, processes: null },
    },
    scratch,
    new AbortController().signal,
    (_stream, bytes) => pids.resolve(new TextDecoder().decode(bytes).trim().split(" ").map(Number)),
  );
  return {
    warden,
    run,
    pids: await pids.promise,
    clean: () => Deno.removeSync(scratch, { recursive: true }),
  };
}

/** Whether a process is there and has not ended. */
async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] }).output();
  const state = new TextDecoder().decode(stdout).trim();
  return state !== "" && !state.startsWith("Z");
}

async function assertEnded(pids: readonly number[]): Promise<void> {
  // The undertaker may still be coming up, which takes a busy machine seconds.
  const untilMs = performance.now() + 30_000;
  for (const pid of pids) {
    while (await isAlive(pid)) assert.ok(performance.now() < untilMs, `${pid} goes on`);
  }
}

// What a worker that ends takes with it is not counted by the test's own books.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "a warden that falls silent is buried: what ran is ended, and the reason is told",
  options,
  async () => {
    const clock = new FakeClock();
    const living = await linger(clock);
    if (living === null) return;
    assert.deepEqual(await Promise.all(living.pids.map(isAlive)), [true, true]);
    // Its answers are read only when this test waits for something, so now it is silent for as long as the clock says.
    clock.advance(6000);
    clock.advance(6000);
    clock.advance(6000);
    await assertEnded(living.pids);
    clock.advance(6000);
    assert.match(await living.warden.lost, /has not answered for 10 s/);
    assert.equal((await living.run).status, "lost");
    living.clean();
  },
);

Deno.test("a warden that fails ends what ran as its last act", options, async () => {
  const living = await linger(systemClock);
  if (living === null) return;
  // Not in the table: more text than any name has.
  living.warden.end("x".repeat(1000));
  assert.match(await living.warden.lost, /the warden failed: .*not in the table/);
  await assertEnded(living.pids);
  // Its compartment may still have had time to tell of the end.
  assert.match((await living.run).status, /^(?:lost|ended)$/);
  living.clean();
});
