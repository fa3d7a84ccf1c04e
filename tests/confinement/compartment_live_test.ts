import assert from "node:assert/strict";
import type { Execution } from "../../src/confinement/compartment.ts";
import type { Tier } from "../../src/confinement/tier.ts";
import { orderOf } from "./fake_inside.ts";
import { isAlive, LiveWarden, SHELL } from "./live_warden.ts";

/** A run that must have ended. */
function endingIn(execution: Execution) {
  assert(execution.status === "ended", JSON.stringify(execution));
  return execution.ending;
}

function startedFrom({ execution }: { readonly execution: Execution }): string {
  assert(execution.status === "not_started", JSON.stringify(execution));
  return execution.reason;
}

for (const tier of ["basic", "kernel"] as const satisfies readonly Tier[]) {
  const isKernel = tier === "kernel";
  const ignore = isKernel && Deno.build.os !== "linux";

  // The undertaker's port is left open, which Deno 2.6 counts.
  Deno.test({ name: `compartments, tier ${tier}`, ignore, sanitizeResources: false }, async (test) => {
    await using live = new LiveWarden(tier, [SHELL, "/nonexistent/program"]);
    const report = await live.open();
    assert.equal(report === null, !isKernel);
    const compartment = live.compartment("sh");
    await compartment.ready;
    const sh = live.sh.bind(live, compartment);

    await test.step("a run ends with its exit code, its output and the bytes that it wrote", async () => {
      const { execution, stdout, stderr } = await sh("printf out; printf err >&2; exit 3");
      const ending = endingIn(execution);
      assert.deepEqual([ending.code, ending.signal, ending.cause], [3, null, null]);
      assert.deepEqual(ending.bytes, { stdout: 3, stderr: 3 });
      assert.deepEqual([stdout, stderr], ["out", "err"]);
    });

    await test.step("a run has its folder, its environment, no input, and nothing else", async () => {
      const { stdout } = await sh("pwd; read line || echo no input; /usr/bin/env", { env: { A: "b c" } });
      const lines = stdout.trim().split("\n");
      assert.deepEqual(lines.slice(0, 2), [live.folder, "no input"]);
      // A shell sets these itself.
      const own = lines.slice(2).filter((line) => !/^(?:PWD|OLDPWD|SHLVL|_)=/.test(line));
      assert.deepEqual(own, ["A=b c"]);
    });

    await test.step("many runs at once keep their outputs apart", async () => {
      const runs = Array.from({ length: 100 }, (_, index) => sh(`echo ${index}; exit ${index}`));
      for (const [index, { execution, stdout }] of (await Promise.all(runs)).entries()) {
        assert.deepEqual([endingIn(execution).code, stdout], [index, `${index}\n`]);
      }
    });

    await test.step("output is told while it comes, and capped for each stream", async () => {
      const seen: number[] = [];
      const order = orderOf({
        args: ["-c", "head -c 5000 /dev/zero; head -c 5000 /dev/zero >&2"],
        maxBytes: { stdout: 100_000, stderr: 1000 },
      });
      const execution = await compartment.run(
        order,
        live.folder,
        new AbortController().signal,
        (_, bytes) => seen.push(bytes.length),
      );
      assert(execution.status === "ended");
      assert.deepEqual([execution.output.stdout.length, execution.output.stderr.length], [5000, 1000]);
      assert.deepEqual(execution.ending.bytes, { stdout: 5000, stderr: 5000 });
      assert.equal(seen.reduce((sum, length) => sum + length, 0), 6000);
    });

    await test.step("at the cap a run is stopped, if that is what was asked for", async () => {
      const { execution, stdout } = await sh("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", {
        maxBytes: { stdout: 5000, stderr: 5000 },
        onFlood: "kill",
      });
      assert.equal(endingIn(execution).cause, "flood");
      assert.equal(stdout.length, 5000);
    });

    await test.step("a signal that is aborted stops the run, also when it was aborted before", async () => {
      const controller = new AbortController();
      const order = orderOf({ args: ["-c", "echo begun; exec sleep 10"] });
      const during = await compartment.run(order, live.folder, controller.signal, () => controller.abort());
      assert.deepEqual([endingIn(during).cause, endingIn(during).signal], ["cancelled", "SIGTERM"]);
      const { execution } = await sh("exec sleep 10", {}, controller.signal);
      assert.equal(execution.status, "cancelled");
    });

    await test.step("past its deadline a run is asked to end, then made to; its output is kept", async () => {
      const obeys = await sh("echo begun; exec sleep 10", { deadlineMs: 50 });
      assert.deepEqual([endingIn(obeys.execution).signal, obeys.stdout], ["SIGTERM", "begun\n"]);
      const script = "trap '' TERM; echo begun; while :; do sleep 0.02; done";
      const resists = await sh(script, { deadlineMs: 50, killGraceMs: 100 });
      const ending = endingIn(resists.execution);
      assert.deepEqual([ending.cause, ending.signal, ending.code], ["timeout", "SIGKILL", null]);
      assert.equal(resists.stdout, "begun\n");
    });

    await test.step("the end by a signal is told by its name", async () => {
      const { execution } = await sh("kill -USR1 $$");
      assert.deepEqual([endingIn(execution).signal, endingIn(execution).code], ["SIGUSR1", null]);
    });

    await test.step("what cannot be started is said not to have started", async () => {
      const order = orderOf({ args: ["-c", "true"] });
      const execution = await compartment.run(order, `${live.folder}/missing`, new AbortController().signal);
      startedFrom({ execution });
      assert.equal(endingIn((await sh("exit 5")).execution).code, 5, "and the next one can be");
    });

    await test.step("a program that is not there: nothing starts", async () => {
      const missing = live.compartment("missing", "/nonexistent/program", []);
      const reason = startedFrom(await live.sh(missing, ""));
      assert.match(reason, isKernel ? /Landlock: .*\/nonexistent\/program: ENOENT/ : /NotFound|No such file/);
      assert.equal(missing.death !== null, isKernel);
    });

    await test.step("a process that the run leaves behind does not hold it up", async () => {
      const { execution, stdout, run } = await sh("sleep 2 & echo $!");
      const ending = endingIn(execution);
      assert.equal(ending.code, 0);
      assert.equal(
        ending.heldOpen,
        !isKernel,
        "in tier kernel it is ended, and does not hold anything any more",
      );
      await live.gone(run);
      if (isKernel) assert.equal(isAlive(stdout.trim()), false);
    });

    if (isKernel) await kernelSteps(test, live, sh);

    await test.step("one that dies loses what runs in it, and is made again", async () => {
      const begun = Promise.withResolvers<void>();
      const order = orderOf({ args: ["-c", "echo $$; exec sleep 5"] });
      let pid = "";
      const running = compartment.run(order, live.folder, new AbortController().signal, (_, bytes) => {
        pid = new TextDecoder().decode(bytes).trim();
        begun.resolve();
      });
      await begun.promise;
      live.warden.drop("sh");
      compartment.died("the test says so");
      assert.equal((await running).status, "lost");
      const after = await sh("echo again");
      assert.deepEqual([endingIn(after.execution).code, after.stdout], [0, "again\n"]);
      await live.gone(order.id);
      assert.equal(isAlive(pid), false);
    });

    await test.step("closing ends what runs, and says what it was", async () => {
      const begun = Promise.withResolvers<void>();
      const order = orderOf({ args: ["-c", "echo begun; exec sleep 5"] });
      const never = new AbortController().signal;
      const running = compartment.run(order, live.folder, never, () => begun.resolve());
      await begun.promise;
      await live.warden.close();
      const lost = await running;
      assert(lost.status === "lost");
      assert.equal(new TextDecoder().decode(lost.output.stdout), "begun\n");
      if (isKernel) assert.equal((await live.gone(order.id)).survivors, 0);
    });
  });
}

/** What tier kernel adds. */
async function kernelSteps(
  test: Deno.TestContext,
  live: LiveWarden,
  sh: (script: string, changes?: Parameters<LiveWarden["sh"]>[2]) => ReturnType<LiveWarden["sh"]>,
): Promise<void> {
  await test.step("every process has its limits, and can gain nothing (D17)", async () => {
    const { stdout } = await sh(
      "ulimit -v; ulimit -t; ulimit -Ht; ulimit -n; ulimit -f; ulimit -c; cat /proc/self/status",
    );
    const lines = stdout.split("\n");
    // In KiB, seconds, seconds, descriptors, blocks of 512 bytes, blocks.
    assert.deepEqual(lines.slice(0, 6), [
      `${(1 << 29) / 1024}`,
      "11",
      "12",
      "100",
      `${(1 << 20) / 512}`,
      "0",
    ]);
    const status = new Map(lines.slice(6).map((line) => line.split(":\t") as [string, string]));
    assert.deepEqual([status.get("NoNewPrivs"), status.get("Seccomp")], ["1", "2"]);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) assert.match(status.get(set)!, /^0+$/, set);
  });

  await test.step("a ceiling that is reached is felt: files have a size limit (D17)", async () => {
    const { execution } = await sh("head -c 2000000 /dev/zero >big");
    assert.notEqual(endingIn(execution).code, 0);
    assert.equal(Deno.statSync(`${live.folder}/big`).size, 1 << 20);
  });

  await test.step("a ceiling cannot be raised, nor the mark be changed", async () => {
    const { stdout } = await sh("ulimit -n 50 && ulimit -n; ulimit -Hn 200 2>/dev/null || echo no");
    assert.equal(stdout, "50\nno\n");
  });

  await test.step("files are written in the folder alone, and only named programs start", async () => {
    const outside = Deno.makeTempFileSync({ prefix: "bulkhead-outside-" });
    try {
      const { stdout } = await sh(
        `echo x >inside && cat inside; echo x >${outside} || echo no; /usr/bin/id || echo no`,
      );
      assert.equal(stdout, "x\nno\nno\n");
    } finally {
      Deno.removeSync(outside);
    }
  });

  await test.step("signals go to one's own processes, not to the server, its threads or another run", async () => {
    const neighbour = sh("echo ready; exec sleep 1", { deadlineMs: 5000 });
    const script = `kill -0 ${Deno.pid} || echo no
      for thread in /proc/${Deno.pid}/task/*; do kill -0 \${thread##*/} 2>/dev/null && echo yes; done
      sleep 5 & kill $! && wait $!; echo $?`;
    assert.equal((await sh(script)).stdout, `no\n${128 + 15}\n`);
    assert.equal(endingIn((await neighbour).execution).code, 0);
  });

  await test.step("the server's memory and environment cannot be read", async () => {
    const { stdout } = await sh(
      `for file in environ mem maps; do cat /proc/${Deno.pid}/$file >/dev/null || echo no; done`,
    );
    assert.equal(stdout, "no\nno\nno\n");
  });

  await test.step("whatever it does to hide, nothing of a run is left", async () => {
    const resists = `env -i /bin/sh -c 'trap "" TERM; echo $$ >hidden; exec sleep 20'`;
    const hide = `rm -f hidden; (trap '' TERM; timeout 20 ${resists} &)
      until test -s hidden; do sleep 0.01; done; cat hidden`;
    for (const [script, changes] of [[hide, {}], [`${hide}; exec sleep 20`, { deadlineMs: 300 }]] as const) {
      const { stdout, run } = await sh(script, changes);
      const { survivors } = await live.gone(run);
      assert.equal(survivors, 0);
      assert.match(stdout, /^\d+\n$/);
      assert.equal(isAlive(stdout.trim()), false);
    }
  });

  await test.step("what forks and ends at once, again and again, does not get away", async () => {
    const alive = `${live.folder}/alive`;
    const stop = `${live.folder}/stop`;
    const { run } = await sh("step() { test -e stop && exit; : >alive; step & }; step");
    assert.equal((await live.gone(run)).survivors, 0);
    Deno.removeSync(alive);
    await sh("sleep 0.1");
    const isGone = !exists(alive);
    Deno.writeTextFileSync(stop, "");
    await sh("sleep 0.1");
    assert.ok(isGone);
  });
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
