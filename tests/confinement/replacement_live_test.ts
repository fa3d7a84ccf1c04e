/** Programs of this machine that come, change and go while others run, with real compartments, in both tiers. */
import assert from "node:assert/strict";
import type { Execution } from "../../src/confinement/compartment.ts";
import type { ConfinedTool } from "../../src/confinement/confined_tool.ts";
import { Confinement, type ToolToConfine } from "../../src/confinement/confinement.ts";
import { executableFiles } from "../../src/confinement/executable_files.ts";
import type { Order } from "../../src/confinement/protocol.ts";
import { lookAt } from "../../src/confinement/state/file_reader.ts";
import { survey } from "../../src/confinement/surveyed_files.ts";
import type { Tier } from "../../src/confinement/tier.ts";
import { systemClock } from "../../src/core/clock.ts";
import { needsKernelTier } from "../support/kernel_tier.ts";
import { orderOf } from "./fake_inside.ts";
import { libcHere, LiveWarden, SHELL } from "./live_warden.ts";

const SOURCES = decodeURIComponent(new URL("../../src/", import.meta.url).pathname);
const SLEEP = Deno.realPathSync("/usr/bin/sleep");

/** Says where it runs, then waits until there is a file `go` there, and says that it has seen it. */
const WAIT = 'echo "$HOME"; until test -e "$HOME/go"; do sleep 0.02; done; echo went on; exit 7';

/** How the beginning of a run's output is waited for. */
interface Begun {
  readonly execution: Promise<Execution>;
  /** The run's folder. */
  readonly home: string;
}

/** A folder with programs of its own that only we can write, and a confinement that may start them. */
class Workshop implements AsyncDisposable {
  readonly root = Deno.realPathSync(Deno.makeTempDirSync());
  readonly confinement: Confinement;

  /** @param tools names of tools to begin with, each a copy of the shell */
  constructor(tier: Tier, tools: readonly string[]) {
    Deno.mkdirSync(`${this.root}/bin`, { mode: 0o700 });
    for (const name of tools) this.install(name, SHELL);
    this.confinement = new Confinement({
      tier,
      tools: tools.map((name) => this.tool(name)),
      programs: ["probe", "late"].map((name) => this.program(name)),
      stateFolder: `${this.root}/state`,
      uid: Deno.uid(),
      logFile: null,
      wordListFolders: [],
      readable: [],
      libc: libcHere(),
      sources: SOURCES,
      clock: systemClock,
    });
  }

  program(name: string): string {
    return `${this.root}/bin/${name}`;
  }

  /** Puts a copy of a program in place at once, as a package manager does. */
  install(name: string, from: string): void {
    Deno.copyFileSync(from, `${this.root}/bin/.new`);
    Deno.renameSync(`${this.root}/bin/.new`, this.program(name));
  }

  /** A tool as it is to be confined, by the files that are there now. */
  tool(name: string): ToolToConfine {
    const program = this.program(name);
    const files = executableFiles([program, SLEEP], {
      realPath: Deno.realPathSync,
      readHead: (path, bytes) => Deno.readFileSync(path).subarray(0, bytes),
    });
    return { name, program, executables: files.ok ? files.files : [program], capabilities: [] };
  }

  async begin(
    tool: ConfinedTool,
    changes: Partial<Order> = {},
    signal = new AbortController().signal,
  ): Promise<Begun> {
    const home = Promise.withResolvers<string>();
    let text = "";
    const execution = tool.run(
      orderOf({ args: ["-c", WAIT], env: { PATH: "/usr/bin:/bin" }, ...changes }),
      signal,
      (_, bytes) => {
        text += new TextDecoder().decode(bytes);
        if (text.includes("\n")) home.resolve(text.split("\n")[0]!);
      },
    );
    const ended = execution.then((execution) => Promise.reject(new Error(JSON.stringify(execution))));
    return { execution, home: await Promise.race([home.promise, ended]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.confinement.close();
    Deno.removeSync(this.root, { recursive: true });
  }
}

/** A run of whatever the program is by now, to its end. */
async function output(tool: ConfinedTool, ...args: string[]): Promise<string> {
  const execution = await tool.run(orderOf({ args }), new AbortController().signal);
  return execution.status === "ended"
    ? new TextDecoder().decode(execution.output.stdout)
    : `${execution.status}: ${"reason" in execution ? execution.reason : ""}`;
}

async function endingOf(execution: Promise<Execution>) {
  const done = await execution;
  assert(done.status === "ended", JSON.stringify(done));
  return { ...done.ending, stdout: new TextDecoder().decode(done.output.stdout) };
}

function sh(script: string): string {
  const { stdout } = new Deno.Command(SHELL, { args: ["-c", script], stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}

/** Threads of this process that a filter binds: a compartment each, in tier kernel. */
function compartmentThreads(): number {
  return Number(sh(`grep -l '^Seccomp:.2' /proc/${Deno.pid}/task/*/status | wc -l`));
}

/** Processes that this one has started, but for the shell that looks. */
function children(): string {
  return sh(
    `for s in /proc/[0-9]*/stat; do read -r pid name state parent _ <$s; ` +
      `test "$parent" = ${Deno.pid} && test $pid != $$ && echo "$pid $name $state"; done`,
  );
}

/** Waits until `is` holds, which it soon does, or fails. */
async function eventually(what: string, is: () => boolean): Promise<void> {
  for (let looks = 0; !is(); looks++) {
    assert.ok(looks < 500, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Makes compartments, one after the other, and has each of them dropped at another moment of its making. */
async function dropWhileMade(live: LiveWarden, everyMs: number): Promise<void> {
  const compartments = Array.from({ length: 12 }, (_, index) => live.compartment(`sh.${index}`));
  for (const compartment of compartments) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    compartment.close();
  }
}

Deno.test("a compartment that is dropped while it is made leaves neither thread nor process", {
  ignore: Deno.build.os !== "linux",
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  for (const everyMs of [0, 20, 100]) {
    const live = new LiveWarden("kernel");
    if (!await needsKernelTier(() => live.open())) return;
    const stays = live.compartment("stays");
    await stays.ready;
    await dropWhileMade(live, everyMs);
    await eventually("all but one are gone", () => children() === "" && compartmentThreads() === 1);
    assert.equal((await live.sh(stays, "echo here")).stdout, "here\n");
    // Once more, without the time to come to an end before the warden does.
    await dropWhileMade(live, everyMs);
    await live[Symbol.asyncDispose]();
    await eventually("none is left", () => children() === "" && compartmentThreads() === 0);
  }
});

for (const tier of ["basic", "kernel"] as const) {
  const isKernel = tier === "kernel";
  const options = { ignore: Deno.build.os !== "linux", sanitizeOps: false, sanitizeResources: false };

  Deno.test(`replaced programs, tier ${tier}`, options, async (test) => {
    await using shop = new Workshop(tier, ["probe"]);
    const { confinement } = shop;
    if (isKernel && !await needsKernelTier(() => confinement.decided)) return;
    await confinement.decided;
    const probe = confinement.tools.get("probe")!;

    await test.step("what runs ends where it began, with its output, its deadline and its cancellation", async () => {
      const controller = new AbortController();
      const going = await shop.begin(probe);
      const overdue = await shop.begin(probe, { deadlineMs: 3000 });
      const unwanted = await shop.begin(probe, {}, controller.signal);
      shop.install("probe", "/usr/bin/echo");
      // The kernel's rules are bound to the file that was there; in tier basic there are none.
      const stale = await output(probe, "new file");
      assert.match(stale, isKernel ? /^not_started: / : /^new file\n$/);

      assert.equal(confinement.confine(shop.tool("probe")), probe);
      assert.equal(await output(probe, "new", "file"), "new file\n");
      assert.equal(probe.death, null);

      controller.abort();
      const { signal, cause } = await endingOf(unwanted.execution);
      assert.deepEqual([signal, cause], ["SIGTERM", "cancelled"]);
      assert.deepEqual((await endingOf(overdue.execution)).cause, "timeout");
      if (isKernel) assert.equal(compartmentThreads(), 2);
      Deno.writeTextFileSync(`${going.home}/go`, "");
      const ending = await endingOf(going.execution);
      assert.deepEqual([ending.code, ending.cause, ending.stdout], [7, null, `${going.home}\nwent on\n`]);
      if (isKernel) await eventually("the old one is closed", () => compartmentThreads() === 1);
      assert.equal(await output(probe, "still"), "still\n");
      await eventually("all folders are removed", () => {
        return [...Deno.readDirSync(confinement.scribe.scratchRoot("probe"))].length === 0;
      });
    });

    await test.step("a program that is not there is said not to be, and is taken when it comes", async () => {
      const late = confinement.confine(shop.tool("late"));
      assert.equal(confinement.tools.get("late"), late);
      assert.match(await output(late, "x"), isKernel ? /Landlock: .*\/bin\/late: ENOENT/ : /No such file/);
      assert.equal(late.death !== null, isKernel);
      shop.install("late", SHELL);
      const executed = await survey(
        (files) => executableFiles([shop.program("late"), SLEEP], files),
        (path, headBytes) => Promise.resolve(lookAt(path, headBytes)),
      );
      assert(executed.ok);
      assert.deepEqual(executed.files, shop.tool("late").executables);
      assert.equal(confinement.confine({ ...shop.tool("late"), executables: executed.files }), late);
      const home = await output(late, "-c", 'echo "$HOME"');
      assert.ok(home.startsWith(`${confinement.scribe.scratchRoot("late")}/`), home);
      assert.equal(late.death, null);
    });

    await test.step("a program at a path that was not named at the beginning is refused", async () => {
      const other = confinement.confine({ ...shop.tool("late"), name: "other", program: SHELL });
      assert.match(
        await output(other, "-c", "true"),
        /^not_started: the permission to run \/bin\/sh was not among/,
      );
      assert.match(other.death!, /start it again/);
      confinement.release("other");
      assert.equal(confinement.tools.has("other"), false);
    });

    await test.step("a tool that is taken away begins nothing more, and ends what it has begun", async () => {
      const late = confinement.tools.get("late")!;
      const going = await shop.begin(late);
      confinement.release("late");
      confinement.release("late");
      assert.equal(confinement.tools.has("late"), false);
      assert.match(await output(late, "-c", "true"), /^not_started: the tool was taken away$/);
      Deno.writeTextFileSync(`${going.home}/go`, "");
      assert.equal((await endingOf(going.execution)).code, 7);
      const root = confinement.scribe.scratchRoot("late");
      await eventually("its folder is removed", () => [...Deno.readDirSync(root)].length === 0);
      if (isKernel) await eventually("its compartment is closed", () => compartmentThreads() === 1);
      // And is another tool when it comes back.
      const again = confinement.confine(shop.tool("late"));
      assert.notEqual(again, late);
      assert.equal(await output(again, "-c", "echo back"), "back\n");
    });
  });

  Deno.test(
    `before the tier ${tier} is decided tools are confined, replaced and taken away`,
    options,
    async () => {
      await using shop = new Workshop(tier, ["probe"]);
      const { confinement } = shop;
      shop.install("late", SHELL);
      const probe = confinement.tools.get("probe")!;
      const first = output(probe, "-c", "echo first");
      confinement.confine(shop.tool("probe"));
      const late = confinement.confine(shop.tool("late"));
      const running = output(late, "-c", "echo late");
      const away = confinement.confine({ ...shop.tool("late"), name: "away" });
      const gone = output(away, "-c", "echo away");
      confinement.release("away");
      if (isKernel && !await needsKernelTier(() => confinement.decided)) return;
      assert.deepEqual(await Promise.all([first, running]), ["first\n", "late\n"]);
      assert.equal(await gone, "not_started: the tool was taken away");
      assert.deepEqual([...confinement.tools.keys()], ["probe", "late"]);
      if (isKernel) await eventually("one for each", () => compartmentThreads() === 2);
    },
  );

  Deno.test(
    `closing while compartments of tier ${tier} are made leaves nothing behind`,
    options,
    async () => {
      for (const afterMs of [0, 50, 200]) {
        await using shop = new Workshop(tier, ["probe"]);
        const { confinement } = shop;
        shop.install("late", SHELL);
        if (isKernel && !await needsKernelTier(() => confinement.decided)) return;
        await confinement.decided;
        const probe = confinement.tools.get("probe")!;
        const runs = ["probe", "late", "probe"].map((name) =>
          output(confinement.confine(shop.tool(name)), "-c", "true")
        );
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        const closed = confinement.close();
        const tooLate = confinement.confine({ ...shop.tool("late"), name: "too_late" });
        await closed;
        for (const run of await Promise.all(runs)) assert.match(run, /^(?:$|not_started: |lost: )/);
        assert.match(await output(tooLate, "-c", "true"), /^not_started: /);
        assert.notEqual(probe.death, null);
        await eventually("no thread is left", () => compartmentThreads() === 0);
        assert.equal(children(), "");
        assert.deepEqual([...Deno.readDirSync(`${shop.root}/state/servers`)], []);
      }
    },
  );
}
