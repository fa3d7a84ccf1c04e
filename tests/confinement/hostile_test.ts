/**
 * A hostile program against the tier kernel: at the level of the warden and its compartments, in this process. What is
 * tried is in `tests/support/hostile.c`.
 */
import assert from "node:assert/strict";
import type { Compartment } from "../../src/confinement/compartment.ts";
import {
  Arena,
  buildHostile,
  CEILINGS,
  inParallel,
  Life,
  type Outcome,
  pause,
  percentiles,
  results,
} from "../support/hostile.ts";
import { FEW as FEW_ROUNDS } from "../support/few.ts";
import { hasProgram, TestFolder } from "../integration/support/programs.ts";

/** Where the tests are run again as an ordinary user, fewer of each must do. */
const SETUID = Deno.env.get("BULKHEAD_HOSTILE_SETUID");
const FEW = SETUID !== undefined || FEW_ROUNDS;
const GRABS = FEW ? 100 : 500;
const RUNS = FEW ? 120 : 600;
const TIMES = FEW ? 4 : 10;

const NOBODY = 65534;
const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const isRoot = () => Deno.build.os === "linux" && Deno.uid() === 0;

const WHO = isRoot() ? "as root" : "as an ordinary user";
// deno-lint-ignore no-console -- numbers that are worth a look, and no reason to fail
const note = (line: string) => console.log(`    ${line.startsWith("as ") ? "" : `${WHO}: `}${line}`);

function test(name: string, body: (arena: Arena, t: Deno.TestContext) => Promise<void>): void {
  Deno.test(`hostile: ${name}`, async (t) => {
    await using arena = await Arena.open();
    if (arena !== null) await body(arena, t);
  });
}

/** How a run ended, in one word or two. */
function ended({ execution }: Outcome): string {
  if (execution.status === "cancelled") return "cancelled";
  if (execution.status !== "ended") return `${execution.status}: ${execution.reason}`;
  const { cause, code, signal } = execution.ending;
  return `${cause ?? "end"} ${code ?? signal}`;
}

test(`${GRABS} programs that grab before main get no more than their ceilings`, async (arena) => {
  const line = /^(program|child|grandchild) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) ([0-9a-f]+)$/;
  const read = (said: string) =>
    said.trimEnd().split("\n").map((text) => {
      const [, who, mapped, files, written, stretched, , , mark] = line.exec(text)!;
      return { who, mapped, files: Number(files), written: Number(written), stretched, mark };
    }).toSorted((a, b) => a.who!.localeCompare(b.who!));
  // Outside they get it all.
  for (const one of read(await arena.outside(["grab", arena.scratch]))) {
    assert.deepEqual(
      [one.mapped, one.files > CEILINGS.openFiles, one.written, one.stretched],
      ["1", true, 2 ** 22, "1"],
      one.who,
    );
  }
  const marks = new Set<string>();
  let escapes = 0;
  await inParallel(GRABS, 4, async (index) => {
    const outcome = await arena.run(index % 2 ? arena.first : arena.second, ["grab", arena.scratch]);
    assert.equal(ended(outcome), "end 0");
    const three = read(outcome.said);
    assert.deepEqual(three.map(({ who }) => who), ["child", "grandchild", "program"]);
    for (const { mapped, files, written, stretched, mark } of three) {
      const held = mapped === "0" && files <= CEILINGS.openFiles && written <= CEILINGS.fileBytes &&
        stretched === "0" && mark === three[0]!.mark;
      if (!held) escapes++;
      marks.add(mark!);
    }
  });
  assert.equal(escapes, 0);
  assert.equal(marks.size, GRABS, "each run has a mark of its own");
});

/** A long run beside others: it answers all the time, and ends by itself. */
class Neighbour {
  readonly pid: Promise<string>;
  readonly done: Promise<Outcome>;
  longestSilenceMs = 0;

  constructor(arena: Arena, compartment: Compartment, ms: number) {
    const pid = Promise.withResolvers<string>();
    this.pid = pid.promise;
    let heard: number | null = null;
    const decoder = new TextDecoder();
    let said = "";
    this.done = arena.run(compartment, ["neighbour", String(ms)], {}, undefined, (_stream, bytes) => {
      const now = performance.now();
      if (heard !== null) this.longestSilenceMs = Math.max(this.longestSilenceMs, now - heard);
      heard = now;
      said += decoder.decode(bytes);
      const end = said.indexOf("\n");
      if (end > 0) pid.resolve(said.slice(0, end));
    });
    // A neighbour that never began is seen where it is waited for.
    void this.done.then(() => pid.resolve("1"));
  }

  async assertUnharmed(): Promise<void> {
    assert.equal(ended(await this.done), "end 0", "a neighbour was harmed");
    assert.ok(
      this.longestSilenceMs < 1500,
      `a neighbour was silent for ${this.longestSilenceMs.toFixed(0)} ms`,
    );
  }
}

const GRACE_MS = 100;

/** What is started, how often, and how often at once. */
const TREES: readonly {
  readonly kind: string;
  readonly mode?: string;
  readonly atOnce?: number;
}[] = [
  { kind: "polite", mode: "polite" },
  { kind: "plain" },
  { kind: "daemon" },
  { kind: "closed" },
  { kind: "renamed" },
  { kind: "undumpable" },
  { kind: "groups" },
  { kind: "joined" },
  { kind: "siblings" },
  { kind: "namespace" },
  { kind: "stopped" },
  { kind: "vfork" },
  { kind: "executes" },
  { kind: "signals", atOnce: 2 },
  { kind: "bomb", atOnce: 2 },
  { kind: "chain", atOnce: 1 },
  { kind: "chain_groups", atOnce: 1 },
  { kind: "chain_sessions", atOnce: 1 },
  { kind: "chain_daemon", atOnce: 1 },
  { kind: "leaderless" },
  { kind: "leaderless program", mode: "leaderless" },
];

Deno.test(`hostile: ${TREES.length * TIMES} trees that resist time-outs leave nothing, harm nobody, and end in time`, async (t) => {
  const late: { readonly kind: string; readonly ms: number }[] = [];
  let arena = await Arena.open();
  if (arena === null) return;
  for (const { kind, mode = "tree", atOnce = 5 } of TREES) {
    const passed = await t.step(kind, async () => {
      const here = arena!;
      const before = await zombies();
      const neighbours = [here.first, here.second].map((compartment) =>
        new Neighbour(here, compartment, FEW ? 700 : 1000)
      );
      const pid = await neighbours[0]!.pid;
      const lives: Life[] = [];
      const ends: string[] = [];
      let survivors = 0;
      await inParallel(TIMES, atOnce, async (index) => {
        const life = new Life(here.scratch);
        lives.push(life);
        const deadlineMs = 150 + index * 15;
        const args = mode === "tree" ? ["tree", kind, life.path, pid] : [mode, life.path];
        // Who heeds SIGTERM must not be killed because the machine was busy.
        const killGraceMs = mode === "polite" ? 1000 : GRACE_MS;
        const outcome = await here.run(here.first, args, { deadlineMs, killGraceMs });
        late.push({ kind, ms: outcome.tookMs - deadlineMs - (mode === "polite" ? 0 : GRACE_MS) });
        ends.push(ended(outcome));
        assert.ok(life.born > 0, "the tree never came to life");
        survivors += (await here.gone(outcome.id)).survivors;
        survivors += await life.alive();
      });
      for (const life of lives) survivors += await life.alive(20);
      assert.equal(survivors, 0, "survivors");
      assert.deepEqual(new Set(ends), new Set([mode === "polite" ? "timeout SIGTERM" : "timeout SIGKILL"]));
      for (const neighbour of neighbours) await neighbour.assertUnharmed();
      assert.deepEqual(await newZombies(before), [], "zombies");
    });
    if (passed) continue;
    await arena[Symbol.asyncDispose]();
    arena = (await Arena.open())!;
  }
  await arena[Symbol.asyncDispose]();
  note(
    `${late.length} time-outs, the answer after deadline and grace, ms: ${
      percentiles(late.map(({ ms }) => ms))
    }`,
  );
  const worst = late.toSorted((a, b) => b.ms - a.ms)[0]!;
  assert.ok(worst.ms < 1500, `an answer came ${worst.ms.toFixed(0)} ms late: ${worst.kind}`);
});

/** Dead children of this process that nobody waits for. */
async function zombies(): Promise<string[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=,stat=", "--ppid", String(Deno.pid)] })
    .output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([pid, stat]) => stat?.startsWith("Z") ? [pid!] : []);
}

/** Those that were not there before. One that has just died is given a moment. */
async function newZombies(before: readonly string[]): Promise<string[]> {
  for (let left = 20;; left--) {
    const found = (await zombies()).filter((pid) => !before.includes(pid));
    if (found.length === 0 || left === 0) return found;
    await pause(20);
  }
}

test(`${RUNS} runs, mixed with ends by deadline and by hand, end as they should`, async (arena) => {
  const wrong: string[] = [];
  await inParallel(RUNS, 24, async (index) => {
    const compartment = index % 3 ? arena.first : arena.second;
    const life = new Life(arena.scratch);
    const expect = async (expected: string, args: string[], deadlineMs = 20_000, signal?: AbortSignal) => {
      const outcome = ended(
        await arena.run(
          compartment,
          args,
          { deadlineMs, killGraceMs: args[0] === "tree" ? 100 : 5000 },
          signal,
        ),
      );
      // One that was cancelled before it began was not started at all.
      if (outcome === "cancelled" && signal !== undefined) return;
      // One that had no time to refuse SIGTERM did not; it has not begun then.
      if (args[0] === "tree" && outcome === "timeout SIGTERM" && life.born === 0) return;
      if (outcome !== expected) wrong.push(`${args[0]}: ${outcome} instead of ${expected}`);
    };
    switch (index % 6) {
      case 0:
      case 1:
        return await expect(`end ${index % 256}`, ["exit", String(index % 256)]);
      case 2:
        return await expect("end SIGSEGV", ["signal", "11"]);
      case 3:
        return await expect("timeout SIGTERM", ["wait"], 20 + index % 100);
      case 4:
        return await expect("timeout SIGKILL", ["tree", "daemon", life.path], 60 + index % 100);
      case 5: {
        const controller = new AbortController();
        const cancelled = expect("cancelled SIGTERM", ["wait"], 20_000, controller.signal);
        await pause(index % 50);
        controller.abort();
        return await cancelled;
      }
    }
  });
  assert.deepEqual(wrong, []);
});

const LEFT = [
  "plain",
  "daemon",
  "closed",
  "renamed",
  "undumpable",
  "groups",
  "siblings",
  "namespace",
  "stopped",
  "vfork",
  "executes",
  "bomb",
  "chain",
  "chain_groups",
  "chain_sessions",
  "chain_daemon",
  "leaderless",
];

Deno.test("hostile: what a program leaves behind is gone soon, and nobody waits for it", async (t) => {
  const lastMs: number[] = [];
  const tookMs: number[] = [];
  await using arena = await Arena.open();
  if (arena === null) return;
  for (const kind of LEFT) {
    await t.step(kind, async () => {
      const before = await zombies();
      const neighbours = [arena.first, arena.second].map((compartment) =>
        new Neighbour(arena, compartment, 450)
      );
      await neighbours[0]!.pid;
      for (const env of [{}, { HOLD: "1" }, {}]) {
        const life: Life = new Life(arena.scratch);
        const outcome = await arena.run(arena.first, ["leave", kind, life.path], { env });
        assert.equal(ended(outcome), "end 0");
        assert.equal(outcome.said, "HOLD" in env ? "" : "left\n");
        tookMs.push(outcome.tookMs);
        const seenMs = await life.lastSeen(1000);
        assert.ok(life.born > 0, "nobody was left behind");
        assert.ok(seenMs < 600, `still there after ${seenMs} ms`);
        lastMs.push(seenMs);
        assert.equal((await arena.gone(outcome.id)).survivors, 0);
        assert.equal(await life.alive(20), 0);
      }
      for (const neighbour of neighbours) await neighbour.assertUnharmed();
      assert.deepEqual(await newZombies(before), [], "zombies");
    });
  }
  note(`what is left behind was last seen after the answer, ms: ${percentiles(lastMs)}`);
  note(`and the answers came after, ms: ${percentiles(tookMs)}`);
  assert.ok(Math.max(...tookMs) < 1500, `an answer took ${Math.max(...tookMs).toFixed(0)} ms`);
});

/** What succeeded, of what should not. */
const successes = (said: string, names?: readonly string[]) =>
  Object.entries(results(said)).filter(([name, result]) => result === "ok" && (names?.includes(name) ?? true))
    .map(([name]) => name);

/** Needs no look into the other process: a run must not do it to any process but its own. */
const HARMING = [
  "kill",
  "tkill",
  "tgkill",
  "rt_sigqueueinfo",
  "rt_tgsigqueueinfo",
  "pidfd_send_signal",
  "pidfd_send_signal_thread",
  "pidfd_send_signal_proc",
  "kill_group",
  "f_setown",
  "f_setown_ex",
  "fiosetown",
  "siocspgrp",
  "ptrace",
  "process_vm_readv",
  "write_mem",
  "pidfd_getfd",
  "prlimit",
  "sched_setscheduler",
  "setpriority",
  "sched_setaffinity",
  "ioprio_set",
  "setpgid",
];

test("nothing can be done to the server, through none of its threads", async (arena) => {
  const outcome = await arena.run(arena.first, ["against", String(Deno.pid)]);
  assert.equal(ended(outcome), "end 0");
  assert.deepEqual(successes(outcome.said), []);
  // Outside the same means work on another process of the same user.
  await using victim = unconfined(arena);
  const possible = successes(await arena.outside(["against", String(victim.pid)]));
  const missing = HARMING.filter((name) => !possible.includes(name));
  // Where Yama is, tracing is for parents only.
  assert.deepEqual(
    missing.filter((name) => !/^(ptrace|process_vm_readv|write_mem|pidfd_getfd)$/.test(name)),
    [],
  );
});

function unconfined(arena: Arena) {
  const child = new Deno.Command(arena.program, { args: ["wait"], stdin: "null" }).spawn();
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

test("nothing can be done to another run, in the same compartment or in another", async (arena) => {
  for (const compartment of [arena.first, arena.second]) {
    const neighbour = new Neighbour(arena, compartment, 300);
    const outcome = await arena.run(arena.first, ["against", await neighbour.pid]);
    assert.deepEqual(successes(outcome.said, HARMING), [], compartment.terms.compartment);
    await neighbour.assertUnharmed();
  }
});

Deno.test("hostile: attempts to kill another run fail", async (t) => {
  await using arena = await Arena.open();
  if (arena === null) return;
  for (
    const how of [
      "kill_all",
      "join_and_kill",
      "kill_group",
      "tgkill",
      "pidfd_send_signal",
      "pidfd_send_signal_proc",
    ]
  ) {
    await t.step(how, async () => {
      const neighbours = [arena.first, arena.second].map((compartment) =>
        new Neighbour(arena, compartment, 300)
      );
      for (const neighbour of neighbours) {
        // One that kills all that it may kill can end with itself.
        await arena.run(arena.first, ["harm", how, await neighbour.pid]);
      }
      for (const neighbour of neighbours) await neighbour.assertUnharmed();
    });
  }
});

test("limits are what they should be, cannot be raised, and the mark cannot be changed", async (arena) => {
  const { said } = await arena.run(arena.first, ["limits"]);
  const { as, cpu, nofile, fsize, core, int80, x32, listener, ...attempts } = results(said);
  const { memoryBytes, cpuSec, openFiles, fileBytes } = CEILINGS;
  assert.deepEqual({ as, cpu, nofile, fsize }, {
    as: `${memoryBytes} ${memoryBytes}`,
    cpu: `${cpuSec} ${cpuSec + 1}`,
    nofile: `${openFiles} ${openFiles}`,
    fsize: `${fileBytes} ${fileBytes}`,
  });
  assert.match(core!, /^(0 0|1 1)$/);
  if (Deno.build.arch === "x86_64") assert.match(int80!, /^SIG(SYS|SEGV)$/);
  assert.equal(x32, "ENOSYS");
  assert.equal(listener, "EBUSY");
  delete attempts["unshare_user"];
  assert.deepEqual(Object.entries(attempts).filter(([, result]) => result !== "EPERM"), []);
  assert.equal(Object.keys(attempts).length, 15);
});

test("nothing is written outside of the scratch folder", async (arena) => {
  const outside = (name: string) => {
    const path = `${arena.folder.path}/${name}`;
    Deno.mkdirSync(`${path}/folder`, { recursive: true });
    Deno.writeTextFileSync(`${path}/there`, "there\n");
    return [path, `${arena.scratch}/${name}-1`, `${arena.scratch}/${name}-2`];
  };
  const free = outside("free");
  const possible = successes(await arena.outside(["outside", ...free]));
  assert.ok(possible.includes("create") && possible.includes("rename_out") && possible.includes("tmpfile"));
  const confined = outside("confined");
  const { said } = await arena.run(arena.first, ["outside", ...confined]);
  assert.deepEqual(successes(said), ["inside_create"]);
  assert.deepEqual([...Deno.readDirSync(confined[0]!)].map(({ name }) => name).toSorted(), [
    "folder",
    "there",
  ]);
  assert.equal(Deno.readTextFileSync(`${confined[0]}/there`), "there\n");
});

test("what is not a file's content stays as it is, nobody is kept waiting, and there is no session of one's own", async (arena) => {
  const make = (name: string) => {
    const path = `${arena.folder.path}/${name}`;
    Deno.mkdirSync(`${path}/folder`, { recursive: true });
    Deno.writeTextFileSync(`${path}/there`, "there\n");
    return ["attributes", `${path}/there`, `${path}/folder`];
  };
  const free = results(await arena.outside(make("free")));
  const names = Object.keys(free);
  // The others depend on the file system and on the kernel's age.
  const anywhere = names.filter((name) => /^(lease|notify|utime|futime|touch|setsid)/.test(name));
  assert.ok(anywhere.length >= 7);
  for (const name of anywhere) assert.equal(free[name], "ok", name);
  const confined = make("confined");
  const before = Deno.statSync(confined[1]!);
  const { said } = await arena.run(arena.first, confined);
  assert.deepEqual(results(said), Object.fromEntries(names.map((name) => [name, "EPERM"])));
  const after = Deno.statSync(confined[1]!);
  assert.deepEqual([after.mtime, after.ctime], [before.mtime, before.ctime]);
});

test("what is typed into a terminal of the same user is not read", async (arena) => {
  const typist = new Deno.Command(arena.program, { args: ["typist"], stdin: "null", stdout: "piped" })
    .spawn();
  try {
    const first = await typist.stdout.pipeThrough(new TextDecoderStream()).values().next();
    const terminal = first.value!.trim();
    assert.match(terminal, /^\/dev\/pts\/\d+$/);
    const listened = async () => results((await arena.run(arena.first, ["eavesdrop", terminal])).said);
    assert.deepEqual(await listened(), { typed: "EACCES", typed_by_root: "EACCES" });
    assert.deepEqual(results(await arena.outside(["eavesdrop", terminal])), {
      typed: "ok",
      typed_by_root: "ok",
    });
  } finally {
    typist.kill("SIGKILL");
    await typist.status;
  }
});

test("only what was declared is executed", async (arena) => {
  const other = Deno.realPathSync("/usr/bin/true");
  const arguments_ = (name: string) => ["execute", arena.program, other, `${arena.scratch}/${name}`];
  const free = results(await arena.outside(arguments_("free")));
  assert.deepEqual(free, { declared: "ok", not_declared: "ok", memory: "ok", written: "ok" });
  const { said } = await arena.run(arena.first, arguments_("confined"), {
    ceilings: { ...CEILINGS, fileBytes: 1 << 20 },
  });
  assert.deepEqual(successes(said), ["declared"]);
  assert.deepEqual(Object.keys(results(said)), Object.keys(free));
});

test("no powers are left, not even of root, and none can be gained", async (arena) => {
  const { said } = await arena.run(arena.first, ["root"]);
  const { CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, euid, tty, ...attempts } = results(said);
  const none = "0000000000000000";
  assert.deepEqual([CapInh, CapPrm, CapEff, CapAmb, NoNewPrivs], [none, none, none, none, "1"]);
  assert.equal(euid, String(Deno.uid()));
  // Without the capability to do so an ordinary user cannot empty the bounding set; no_new_privs makes it void.
  if (Deno.uid() === 0) assert.equal(CapBnd, none);
  assert.notEqual(tty, "ok");
  assert.deepEqual(Object.entries(attempts).filter(([, result]) => result === "ok"), []);
});

Deno.test(
  "hostile: a set-user-ID program is one like any other",
  { ignore: SETUID === undefined },
  async () => {
    await using arena = await Arena.open([SETUID!]);
    if (arena === null) return;
    const outside = results(await arena.outside(["become", SETUID!]));
    // Not where file systems are mounted nosuid.
    if (outside.euid !== "0") return note(`a set-user-ID program has euid ${outside.euid} outside`);
    const { said } = await arena.run(arena.first, ["become", SETUID!]);
    const inside = results(said);
    assert.deepEqual([inside.euid, inside.CapEff], [String(Deno.uid()), "0000000000000000"]);
  },
);

const LOAD = decodeURIComponent(new URL("hostile_load.ts", import.meta.url).pathname);

/** Measures in a process that does nothing else. Started by a shell, which can leave a descriptor open. */
// deno-lint-ignore no-explicit-any -- as the script says
async function load(mode: string): Promise<any> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `exec 9</dev/null; exec "$@"`,
      "sh",
      ...[
        Deno.execPath(),
        "run",
        "--quiet",
        "--no-check",
        "-A",
        "--unstable-worker-options",
        // What is young and dead is let go of soon, so that what grows is what is kept.
        "--v8-flags=--expose-gc,--max-semi-space-size=1",
      ],
      ...[LOAD, mode],
    ],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout).trimEnd().split("\n").at(-1)!);
}

const loads = { ignore: FEW };

Deno.test(
  "hostile: 1 GiB of output is counted, and 1 MiB of it kept, in less than 32 MiB",
  loads,
  async () => {
    const measured = await load("flood");
    if (measured === null) return;
    const { grownMib, kept, counted, code, tookMs } = measured;
    note(`1 GiB in ${tookMs.toFixed(0)} ms, grown by ${grownMib.toFixed(1)} MiB`);
    assert.deepEqual({ kept, counted, code }, { kept: 2 ** 20, counted: 2 ** 30, code: 0 });
    assert.ok(grownMib < 32, `grown by ${grownMib} MiB`);
  },
);

Deno.test("hostile: 10,000 runs leave neither memory nor descriptors behind", loads, async () => {
  const measured = await load("many");
  if (measured === null) return;
  const { wrong, early, late, tookMs } = measured;
  note(
    `10,000 runs in ${(tookMs / 1000).toFixed(1)} s; after 2,000 and after all: ` +
      `${early.rssMib.toFixed(1)} and ${late.rssMib.toFixed(1)} MiB, ` +
      `${early.descriptors} and ${late.descriptors} descriptors`,
  );
  assert.deepEqual(wrong, []);
  assert.ok(
    late.descriptors <= early.descriptors + 4,
    `${early.descriptors} and ${late.descriptors} descriptors`,
  );
  assert.ok(late.rssMib < early.rssMib + 32, `${early.rssMib} and ${late.rssMib} MiB`);
});

Deno.test("hostile: what the server was started with open is not open in a program", loads, async () => {
  const measured = await load("inherited");
  if (measured !== null) assert.equal(measured.inside, "0 1 2");
});

Deno.test(
  "hostile: all of it again as an ordinary user",
  { ignore: !isRoot() || SETUID !== undefined },
  async () => {
    if (Deno.build.os !== "linux" || !hasProgram("setpriv")) return;
    using folder = new TestFolder();
    const program = buildHostile(folder);
    if (program === null) return;
    const setuid = `${folder.path}/setuid`;
    Deno.copyFileSync(program, setuid);
    Deno.chmodSync(setuid, 0o4755);
    // The project may lie where only root can read.
    for (
      const part of ["src", "tests/support", "tests/integration/support", "tests/confinement", "deno.json"]
    ) {
      const to = `${folder.path}/${part}`;
      Deno.mkdirSync(to.slice(0, to.lastIndexOf("/")), { recursive: true });
      const copied = await new Deno.Command("cp", { args: ["-r", `${ROOT}${part}`, to] }).output();
      assert.ok(copied.success);
    }
    const cache = `${folder.path}/cache`;
    Deno.mkdirSync(cache);
    Deno.chownSync(cache, NOBODY, NOBODY);
    const { code, stdout, stderr } = await new Deno.Command("setpriv", {
      args: [
        ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", Deno.execPath()],
        ...["test", "--no-check", "--no-lock", "-P=test", "tests/confinement/hostile_test.ts"],
      ],
      cwd: folder.path,
      env: {
        HOME: cache,
        DENO_DIR: cache,
        BULKHEAD_HOSTILE: program,
        BULKHEAD_HOSTILE_SETUID: setuid,
        NO_COLOR: "1",
      },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    const said = decoder.decode(stdout) + decoder.decode(stderr);
    for (const [, line] of said.matchAll(/^ *(as an ordinary user: .*)$/gm)) note(line!);
    assert.equal(code, 0, said);
  },
);
