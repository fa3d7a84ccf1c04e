import assert from "node:assert/strict";
import { MAX_TOOLS, type ScribeOrder } from "../../../src/confinement/scribe_protocol.ts";
import { ServerFolder } from "../../../src/confinement/state/server_folder.ts";

const uid = Deno.uid();

/** A folder for state that is not there yet, and orders for servers in it. */
function state() {
  const root = Deno.makeTempDirSync();
  const stateFolder = `${root}/new/state`;
  const order = (server: string): ScribeOrder => ({
    stateFolder,
    server,
    uid,
    tools: ["nmap", "curl"],
    logFile: null,
    wordListFolders: [],
    readable: [],
  });
  return {
    root,
    stateFolder,
    servers: `${stateFolder}/servers`,
    open: (server: string, changes: Partial<ScribeOrder> = {}) =>
      ServerFolder.open({ ...order(server), ...changes }),
    [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
  };
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();
const modeOf = (path: string) => Deno.lstatSync(path).mode! & 0o777;

Deno.test("server folder: made for its owner alone, and removed when it is closed", async () => {
  using test = state();
  const folder = await test.open("ab");
  const own = `${test.servers}/ab`;
  assert.deepEqual(namesIn(own), ["lock", "scratch", "server.json", "trash"]);
  assert.deepEqual(namesIn(`${own}/scratch`), ["curl", "nmap"]);
  const folders = [test.stateFolder, test.servers, own, `${own}/scratch`, `${own}/scratch/nmap`];
  assert.deepEqual(folders.map(modeOf), folders.map(() => 0o700));
  assert.deepEqual([`${own}/lock`, `${own}/server.json`].map(modeOf), [0o200, 0o600]);
  const about = JSON.parse(Deno.readTextFileSync(`${own}/server.json`));
  assert.deepEqual([about.pid, Object.keys(about)], [Deno.pid, ["pid", "started"]]);
  assert.deepEqual(folder.dead, []);
  await folder.makeScratch("nmap", "1");
  Deno.writeTextFileSync(`${own}/scratch/nmap/1/left`, "");
  await folder.close();
  assert.deepEqual(namesIn(test.servers), []);
});

Deno.test("server folder: a scratch folder is made once, and removed with what is in it", async () => {
  using test = state();
  const folder = await test.open("ab");
  const scratch = `${test.servers}/ab/scratch/nmap`;
  await folder.makeScratch("nmap", "1");
  assert.equal(modeOf(`${scratch}/1`), 0o700);
  await assert.rejects(folder.makeScratch("nmap", "1"), /File exists.*: mkdir/);
  Deno.mkdirSync(`${scratch}/1/a/b`, { recursive: true });
  await folder.removeScratch("nmap", "1");
  await folder.removeScratch("nmap", "never there");
  assert.deepEqual([namesIn(scratch), namesIn(`${test.servers}/ab/trash`)], [[], []]);
  await folder.close();
});

Deno.test("server folder: a tool that comes later has its folder from then on, and keeps what is in it", async () => {
  using test = state();
  const folder = await test.open("ab");
  const scratch = `${test.servers}/ab/scratch`;
  assert.equal(folder.hasTool("late"), false);
  Deno.chmodSync(scratch, 0);
  folder.addTool("late");
  assert.deepEqual([folder.hasTool("late"), modeOf(`${scratch}/late`)], [true, 0o700]);
  await folder.makeScratch("late", "1");
  folder.addTool("late");
  assert.deepEqual(namesIn(`${scratch}/late`), ["1"]);
  await folder.removeScratch("late", "1");
  assert.deepEqual(namesIn(`${scratch}/late`), []);
  // What is in the way was put there by somebody else.
  Deno.mkdirSync(`${scratch}/taken`);
  assert.throws(() => folder.addTool("taken"), /cannot make the folder ".*\/taken": .*exists/i);
  assert.equal(folder.hasTool("taken"), false);
  await folder.close();
});

Deno.test("server folder: there is a number of tools that it has folders for", async () => {
  using test = state();
  const folder = await test.open("ab", {
    tools: Array.from({ length: MAX_TOOLS - 1 }, (_, index) => `t${index}`),
  });
  folder.addTool("last");
  assert.throws(() => folder.addTool("one_more"), /there are 256 already since the start/);
  folder.addTool("last");
  await folder.close();
});

Deno.test("server folder: modes that a program took away are given back", async () => {
  using test = state();
  const folder = await test.open("ab");
  await folder.makeScratch("nmap", "1");
  const own = `${test.servers}/ab`;
  for (const path of [`${own}/scratch/nmap`, `${own}/scratch`, `${own}/trash`, own, test.servers]) {
    Deno.chmodSync(path, 0);
  }
  Deno.chmodSync(test.stateFolder, 0o050);
  await folder.makeScratch("nmap", "2");
  assert.equal(modeOf(test.stateFolder), 0o750);
  Deno.chmodSync(`${own}/scratch/nmap`, 0);
  Deno.chmodSync(own, 0);
  await folder.removeScratch("nmap", "1");
  assert.deepEqual(namesIn(`${own}/scratch/nmap`), ["2"]);
  await folder.close();
});

Deno.test("server folder: whoever gets no folder for a run is told where, why and what to do", async () => {
  using test = state();
  const folder = await test.open("ab");
  const scratch = `${test.servers}/ab/scratch/nmap`;
  const { mkdirSync } = Deno;
  for (
    const [code, advice] of [
      ["ENOSPC", `There is no room in the folder for state "${test.stateFolder}": make some there`],
      ["EDQUOT", `There is no room in the folder for state "${test.stateFolder}": make some there`],
      ["EROFS", `Check that the folder for state "${test.stateFolder}" can be written`],
    ] as const
  ) {
    Deno.mkdirSync = () => {
      throw Object.assign(new Error("No (os error 1)"), { code });
    };
    const message = `cannot make a folder for the run in "${scratch}": No (os error 1). ${advice}`;
    await assert.rejects(folder.makeScratch("nmap", "1"), { message });
    Deno.mkdirSync = mkdirSync;
  }
  await folder.close();
  // As when somebody has removed it.
  await assert.rejects(
    folder.makeScratch("nmap", "1"),
    /No such file or directory.*\. The folder for state ".*\/state" was removed while the server ran: start the server again$/,
  );
});

for (
  const [what, make, reason] of [
    ["a symbolic link", (path) => Deno.symlinkSync("elsewhere", path), /: it is a symbolic link$/],
    ["a link to nowhere", (path) => Deno.symlinkSync("nowhere", path), /: it is a symbolic link$/],
    ["a file", (path) => Deno.writeTextFileSync(path, ""), /: it is not a folder$/],
    ["writable by the group", (path) => made(path, 0o770), /its group or others may write to it/],
    ["writable by others", (path) => made(path, 0o707), /its group or others may write to it/],
  ] as readonly (readonly [string, (path: string) => void, RegExp])[]
) {
  for (const which of ["stateFolder", "servers"] as const) {
    Deno.test(`server folder: refused when ${which} is ${what}`, async () => {
      using test = state();
      const path = test[which];
      const above = path.slice(0, path.lastIndexOf("/"));
      Deno.mkdirSync(`${above}/elsewhere`, { recursive: true, mode: 0o700 });
      make(path);
      await assert.rejects(test.open("ab"), (error: Error) => {
        assert.match(error.message, reason);
        assert.ok(error.message.startsWith(`Cannot keep state in "${path}": `));
        return true;
      });
      assert.deepEqual(namesIn(`${above}/elsewhere`), []);
    });
  }
}

function made(path: string, mode: number): void {
  Deno.mkdirSync(path);
  // The mode of a mkdir is cut by the umask.
  Deno.chmodSync(path, mode);
}

Deno.test("server folder: refused when it belongs to somebody else", async () => {
  using test = state();
  await assert.rejects(test.open("ab", { uid: uid! + 1 }), /it belongs to another user/);
  await (await test.open("ab", { uid: null })).close();
});

Deno.test("server folder: readable by others, or reached through a link, is well", async () => {
  using test = state();
  Deno.mkdirSync(test.stateFolder, { recursive: true });
  Deno.chmodSync(test.stateFolder, 0o755);
  Deno.symlinkSync("new", `${test.root}/link`);
  const folder = await test.open("ab", { stateFolder: `${test.root}/link/state` });
  assert.deepEqual([namesIn(test.servers), modeOf(test.stateFolder)], [["ab"], 0o755]);
  await folder.close();
});

Deno.test("server folder: a nonce that is taken is refused", async () => {
  using test = state();
  const folder = await test.open("ab");
  await assert.rejects(test.open("ab"), Deno.errors.AlreadyExists);
  await folder.close();
});

// Deno 2.6 cannot take a wait for a lock back; it goes on a moment longer than the test, on another thread.
const waiting = { sanitizeOps: false, sanitizeResources: false };

Deno.test("server folder: servers that live do not see each other as dead", waiting, async () => {
  using test = state();
  const first = await test.open("a1");
  const second = await test.open("a2");
  const third = await test.open("a3");
  assert.deepEqual([first.dead, second.dead, third.dead], [[], [], []]);
  await Promise.all([first, second, third].map((each) => each.close()));
  assert.deepEqual(namesIn(test.servers), []);
});

Deno.test(
  "server folder: many that start at the same moment do not see each other as dead",
  waiting,
  async () => {
    using test = state();
    const nonces = Array.from({ length: 8 }, (_, index) => `c${index}`);
    const folders = await Promise.all(nonces.map((nonce) => test.open(nonce)));
    assert.deepEqual(folders.map(({ dead }) => dead), nonces.map(() => []));
    for (const folder of folders) await folder.close();
  },
);

/** What a server leaves behind that was killed: everything, and nobody holds the lock. */
function leftBehind(servers: string, nonce: string): void {
  Deno.mkdirSync(`${servers}/${nonce}/scratch/nmap/1/deep`, { recursive: true });
  Deno.writeTextFileSync(`${servers}/${nonce}/lock`, "");
}

Deno.test("server folder: one whose lock is free is dead, for the first that finds it alone", async () => {
  using test = state();
  await (await test.open("ff")).close();
  leftBehind(test.servers, "dead1");
  leftBehind(test.servers, "dead2");
  const first = await test.open("a1");
  const second = await test.open("a2");
  assert.deepEqual([first.dead.sort(), second.dead], [["dead1", "dead2"], []]);
  await first.forget("dead1");
  assert.deepEqual(namesIn(test.servers), ["a1", "a2", "dead2"]);
  await assert.rejects(first.forget("dead1"), /it was not found dead/);
  await assert.rejects(first.forget("a2"), /it was not found dead/);
  // What it did not get round to is the next one's.
  await first.close();
  const third = await test.open("a3");
  assert.deepEqual(third.dead, ["dead2"]);
  for (const folder of [second, third]) await folder.close();
});

Deno.test("server folder: what cannot be removed is put aside once, and no server looks at it again", async () => {
  using test = state();
  await (await test.open("ff")).close();
  leftBehind(test.servers, "dead");
  const script = `mkdir -p "$(printf '\\377')/a"`;
  const fill = (cwd: string) => new Deno.Command("/bin/sh", { args: ["-ec", script], cwd }).output();
  await fill(`${test.servers}/dead/scratch/nmap/1/deep`);
  const first = await test.open("a1");
  await assert.rejects(first.forget("dead"), /what is left is in "/);
  await first.makeScratch("nmap", "1");
  await fill(`${test.servers}/a1/scratch/nmap/1`);
  await first.close();
  const aside = namesIn(`${test.stateFolder}/unremovable`);
  assert.deepEqual([namesIn(test.servers), aside.length], [[], 2]);
  const second = await test.open("a2");
  assert.deepEqual(second.dead, []);
  await second.close();
  assert.deepEqual(namesIn(`${test.stateFolder}/unremovable`), aside);
});

Deno.test("server folder: one that is being made is not dead, one that was never finished is", async () => {
  using test = state();
  await (await test.open("ff")).close();
  const old = new Date(Date.now() - 61_000);
  for (const nonce of ["aa", "bb"]) {
    Deno.mkdirSync(`${test.servers}/${nonce}`);
    Deno.writeTextFileSync(`${test.servers}/${nonce}/lock.new`, "");
  }
  Deno.utimeSync(`${test.servers}/bb`, old, old);
  const folder = await test.open("a1");
  assert.deepEqual(folder.dead, ["bb"]);
  await folder.forget("bb");
  await folder.close();
  assert.deepEqual(namesIn(test.servers), ["aa"]);
});

Deno.test("server folder: what else is in the folder is nobody's server", async () => {
  using test = state();
  await (await test.open("ff")).close();
  leftBehind(test.servers, "not-hex");
  leftBehind(test.servers, "0".repeat(65));
  Deno.writeTextFileSync(`${test.servers}/abc`, "");
  leftBehind(test.root, "real");
  Deno.symlinkSync(`${test.root}/real`, `${test.servers}/abcd`);
  const folder = await test.open("a1");
  assert.deepEqual(folder.dead, []);
  await folder.close();
});
