import { reset } from "@logtape/logtape";
import assert from "node:assert/strict";
import { Scribe } from "../../src/confinement/scribe.ts";
import type { ScribeOptions } from "../../src/confinement/scribe_options.ts";
import { scratchRoot } from "../../src/confinement/scribe_protocol.ts";
import { systemClock } from "../../src/core/clock.ts";
import { scribePermissions } from "../../src/confinement/workers.ts";
import { setUpLogging } from "../../src/logging/setup.ts";

/** A folder for state, and scribes that are closed when the test ends. */
function state() {
  const root = Deno.makeTempDirSync();
  const scribes: Scribe[] = [];
  return {
    root,
    stateFolder: `${root}/state`,
    servers: `${root}/state/servers`,
    logFile: { path: `${root}/log`, maxBytes: 1_000_000, backups: 2 },
    open(nonce: string, changes: Partial<ScribeOptions> = {}): Scribe {
      const scribe = new Scribe({
        stateFolder: `${root}/state`,
        nonce,
        tools: ["nmap", "curl"],
        uid: Deno.uid(),
        logFile: null,
        wordListFolders: [],
        readable: [],
        clock: systemClock,
        ...changes,
      });
      scribes.push(scribe);
      return scribe;
    },
    async [Symbol.asyncDispose]() {
      for (const scribe of scribes) await scribe.close();
      await Deno.remove(root, { recursive: true });
    },
  };
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

/** What is logged while `work` runs. */
async function loggedBy(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  setUpLogging({ level: "info", format: "json" }, { isTerminal: false, write: (line) => lines.push(line) });
  try {
    await work();
  } finally {
    await reset();
  }
  return lines.map((line) => JSON.parse(line));
}

Deno.test("scribe: makes the server's folder, and removes it when it is closed", async () => {
  await using test = state();
  const scribe = test.open("ab");
  assert.deepEqual(await scribe.opened, { dead: [] });
  assert.deepEqual(namesIn(`${test.servers}/ab`), ["lock", "scratch", "server.json", "trash"]);
  assert.equal(scribe.scratchRoot("nmap"), scratchRoot(test.stateFolder, "ab", "nmap"));
  assert.equal(Deno.lstatSync(scribe.scratchRoot("nmap")).isDirectory, true);
  await scribe.close();
  assert.deepEqual(namesIn(test.servers), []);
  await scribe.close();
});

Deno.test("scribe: a run that begins when no other is left finds nothing of any", async () => {
  await using test = state();
  const scribe = test.open("ab");
  const runs = [await scribe.makeScratch("nmap"), await scribe.makeScratch("nmap")];
  const root = scribe.scratchRoot("nmap");
  await Deno.writeTextFile(`${root}/beside`, "");
  await Deno.writeTextFile(`${runs[0]!.path}/file`, "");
  const removals = runs.map(({ id }) => scribe.removeScratch("nmap", id));
  // It is ordered right behind.
  const { id } = await scribe.makeScratch("nmap");
  assert.deepEqual(namesIn(root), [id]);
  await Promise.all(removals);
});

Deno.test("scribe: every run has a folder of its own, which can be asked for at once", async () => {
  await using test = state();
  const scribe = test.open("ab");
  const made = await Promise.all(Array.from({ length: 10 }, () => scribe.makeScratch("nmap")));
  assert.equal(new Set(made.map(({ path }) => path)).size, 10);
  for (const { id, path } of made) {
    assert.equal(path, `${scribe.scratchRoot("nmap")}/${id}`);
    assert.deepEqual([namesIn(path), Deno.lstatSync(path).mode! & 0o777], [[], 0o700]);
  }
  await assert.rejects(scribe.makeScratch("unknown"), /no scratch folders/);
});

Deno.test("scribe: removes a run's folder whatever the run left in it", async () => {
  await using test = state();
  const scribe = test.open("ab");
  const { id, path } = await scribe.makeScratch("nmap");
  const outside = `${test.root}/outside`;
  await Deno.mkdir(outside);
  await Deno.writeTextFile(`${outside}/kept`, "kept");
  const script =
    "mkdir -p a/b c; ln -s ../../../../../../outside a/out; mkfifo p; chmod 0 a/b; chmod 500 a c .";
  await new Deno.Command("/bin/sh", { args: ["-c", script], cwd: path }).output();
  await Promise.all([scribe.removeScratch("nmap", id), scribe.removeScratch("nmap", id)]);
  assert.equal(namesIn(scribe.scratchRoot("nmap")).includes(id), false);
  assert.deepEqual([namesIn(`${test.servers}/ab/trash`), namesIn(outside)], [[], ["kept"]]);
});

Deno.test("scribe: what cannot be removed is logged, and waits for nobody", async () => {
  await using test = state();
  const scribe = test.open("ab");
  const { id, path } = await scribe.makeScratch("nmap");
  const script = `mkdir -p "$(printf '\\377')/deep"`;
  await new Deno.Command("/bin/sh", { args: ["-c", script], cwd: path }).output();
  const lines = await loggedBy(() => scribe.removeScratch("nmap", id, "a-run"));
  assert.deepEqual(lines.map(({ message, level }) => [message, level]), [
    ["a scratch folder could not be removed", "warning"],
  ]);
  assert.deepEqual([lines[0]!.folder, lines[0]!.run_id], [id, "a-run"]);
});

Deno.test("scribe: refuses a state folder that others may change, with the reason", async () => {
  await using test = state();
  await Deno.mkdir(`${test.root}/open`);
  await Deno.chmod(`${test.root}/open`, 0o777);
  await Deno.symlink("open", `${test.root}/link`);
  const deaths: string[] = [];
  for (
    const [name, reason] of [
      ["open", /^Error: Cannot keep state in ".*\/open": its group or others may write to it/],
      ["link", /^Error: Cannot keep state in ".*\/link": it is a symbolic link$/],
    ] as const
  ) {
    const scribe = test.open("ab", {
      stateFolder: `${test.root}/${name}`,
      onDeath: (reason) => deaths.push(reason),
    });
    await assert.rejects(scribe.opened, reason);
    await assert.rejects(scribe.makeScratch("nmap"), reason);
    await scribe.close();
  }
  assert.deepEqual([namesIn(`${test.root}/open`), deaths], [[], []]);
});

Deno.test("scribe: two servers at once do not see each other as dead", async () => {
  await using test = state();
  const scribes = [test.open("a1"), test.open("a2")];
  const opened = await Promise.all(scribes.map(({ opened }) => opened));
  assert.deepEqual([...opened, await test.open("a3").opened], [{ dead: [] }, { dead: [] }, { dead: [] }]);
  assert.deepEqual(namesIn(test.servers), ["a1", "a2", "a3"]);
});

/** Starts a process that holds a scribe, and kills it with SIGKILL when asked. */
async function startHolder(stateFolder: string, nonce: string) {
  const holder = decodeURIComponent(new URL("./scribe_holder.ts", import.meta.url).pathname);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-sys", holder, stateFolder, nonce],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    dead: JSON.parse(new TextDecoder().decode(value)) as string[],
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

Deno.test("scribe: a server in another process is alive until it is killed, then dead", async () => {
  await using test = state();
  const holder = await startHolder(test.stateFolder, "d1");
  let killed = false;
  try {
    const first = test.open("a1");
    assert.deepEqual([holder.dead, (await first.opened).dead], [[], []]);
    await first.close();
    assert.deepEqual(namesIn(test.servers), ["d1"]);
    await holder.kill();
    killed = true;
  } finally {
    if (!killed) await holder.kill();
  }
  const second = test.open("a2");
  const third = test.open("a3");
  const found = [(await second.opened).dead, (await third.opened).dead];
  // One of them cleans up, not both.
  assert.deepEqual(found.flat(), ["d1"]);
  assert.equal(namesIn(`${test.servers}/d1/scratch/nmap`).length > 0, true);
  await (found[0]!.length > 0 ? second : third).forget("d1");
  assert.deepEqual(namesIn(test.servers), ["a2", "a3"]);
});

Deno.test("scribe: the log is written in order, from before it was open on, and rotated", async () => {
  await using test = state();
  const scribe = test.open("ab", { logFile: { ...test.logFile, maxBytes: 100 } });
  const lines = Array.from(
    { length: 12 },
    (_, index) => `line ${String(index).padStart(4, "0")}${"x".repeat(10)}\n`,
  );
  for (const line of lines.slice(0, 6)) scribe.writeLog(line);
  await scribe.opened;
  for (const line of lines.slice(6)) scribe.writeLog(line);
  await scribe.close();
  scribe.writeLog("after the end\n");
  const files = ["log.2", "log.1", "log"].map((name) => Deno.readTextFileSync(`${test.root}/${name}`));
  assert.deepEqual(files.map((text) => text.length), [100, 100, 40]);
  assert.equal(files.join(""), lines.join(""));
});

Deno.test("scribe: a log that cannot be written is said once, and harms nothing else", async () => {
  await using test = state();
  const folder = `${test.root}/logs`;
  await Deno.mkdir(folder);
  const scribe = test.open("ab", { logFile: { ...test.logFile, path: `${folder}/log` } });
  await scribe.opened;
  await Deno.remove(folder, { recursive: true });
  const lines = await loggedBy(async () => {
    for (let round = 0; round < 3; round++) {
      scribe.writeLog("lost\n");
      // Lines go out at the end of the turn; orders are obeyed one after the other.
      await Promise.resolve();
      await scribe.removeScratch("nmap", crypto.randomUUID());
    }
  });
  assert.deepEqual(lines.map(({ message, level }) => [message, level]), [
    ["the log file cannot be written", "error"],
  ]);
  await Deno.mkdir(folder);
  scribe.writeLog("kept\n");
  await scribe.close();
  const [lost, kept] = Deno.readTextFileSync(`${folder}/log`).split("\n");
  assert.deepEqual([JSON.parse(lost!).lines, kept], [3, "kept"]);
});

Deno.test("scribe: a log file that cannot be opened stops the start", async () => {
  await using test = state();
  const scribe = test.open("ab", { logFile: { ...test.logFile, path: `${test.root}/no/log` } });
  await assert.rejects(scribe.opened, /^Error: Cannot write the log file ".*\/no\/log"/);
});

Deno.test("scribe: an order that is not in the table ends it; all that wait are told why", async () => {
  await using test = state();
  const death = Promise.withResolvers<string>();
  const scribe = test.open("ab", { onDeath: death.resolve });
  await scribe.opened;
  const lines = await loggedBy(async () => {
    const forgetting = scribe.forget("not a nonce");
    const waiting = Array.from({ length: 5 }, () => scribe.makeScratch("curl"));
    const reason = /^the scribe is gone: it was given an order that is not in the table$/;
    assert.match(await death.promise, reason);
    await forgetting;
    const results = await Promise.allSettled(waiting);
    for (const result of results) {
      assert.match(result.status === "rejected" ? result.reason.message : "made", reason);
    }
    assert.match(scribe.death ?? "", reason);
    await assert.rejects(scribe.makeScratch("nmap"), /the scribe is gone/);
    await scribe.removeScratch("nmap", "0");
    scribe.writeLog("nowhere\n");
  });
  assert.deepEqual(lines.map(({ message, level }) => [message, level]), [["the scribe is gone", "error"]]);
});

Deno.test("scribe: closing while it opens is a refusal, and ends", async () => {
  await using test = state();
  const scribe = test.open("ab");
  await scribe.close();
  await assert.rejects(scribe.opened, /it was closed/);
});

Deno.test("scribe: it can do nothing outside its folders", async () => {
  await using test = state();
  const folders = [`${test.root}/state`, `${test.root}/logs`];
  const elsewhere = `${test.root}/elsewhere`;
  for (const folder of [...folders, elsewhere]) await Deno.mkdir(folder);
  const worker = new Worker(new URL("./scribe_probe_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: scribePermissions(folders[0]!, folders[1]!, [], []) },
  });
  try {
    const results = await new Promise<Record<string, string>>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage({ folders, elsewhere });
    });
    for (const [attempt, result] of Object.entries(results)) {
      assert.equal(result, attempt.startsWith("read and write ") ? "done" : "NotCapable", attempt);
    }
    assert.equal(Object.keys(results).length, 16);
  } finally {
    worker.terminate();
  }
  assert.deepEqual(scribePermissions("/s", null, ["/w"], ["/s", "/etc/b.yaml"]), {
    read: ["/s", "/w", "/etc/b.yaml"],
    write: ["/s"],
    env: false,
    ffi: false,
    import: false,
    net: false,
    run: false,
    sys: ["cpus", "systemMemoryInfo", "statfs"],
  });
});

Deno.test("scribe: reads processors, memory, and the disk of the folder for state", async () => {
  await using test = state();
  const scribe = test.open("ab");
  await scribe.opened;
  const before = await scribe.measure();
  const until = performance.now() + 300;
  while (performance.now() < until);
  const after = await scribe.measure();
  for (const { processors, memory, disk, problems } of [before, after]) {
    assert.deepEqual(problems, []);
    assert(processors !== null && memory !== null && disk !== null);
    assert(memory.totalBytes > 64 * 1_048_576 && memory.availableBytes <= memory.totalBytes);
    assert(disk.availableBytes > 0 && disk.freeBytes <= disk.totalBytes);
  }
  // As it was kept busy, so it counts, in hundredths of a second.
  const busyMs = after.processors!.busyMs - before.processors!.busyMs;
  assert(busyMs >= 100, `${busyMs}`);
});

Deno.test("scribe: what cannot be read of the machine is told, and the rest all the same", async () => {
  await using test = state();
  const scribe = test.open("ab");
  await scribe.opened;
  Deno.renameSync(test.stateFolder, `${test.root}/away`);
  const { processors, memory, disk, problems } = await scribe.measure();
  Deno.renameSync(`${test.root}/away`, test.stateFolder);
  assert(processors !== null && memory !== null);
  assert.equal(disk, null);
  assert.match(problems.join("\n"), /^the disk cannot be read: .*(?:no such file|ENOENT)/i);
});
