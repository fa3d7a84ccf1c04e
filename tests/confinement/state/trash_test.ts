import assert from "node:assert/strict";
import { LeftBehind, Trash } from "../../../src/confinement/state/trash.ts";
import { withoutThreads } from "./without_threads.ts";

/** Folders of a test: what is to be removed, the trash, and a place that nobody may touch. */
function folders() {
  const root = Deno.makeTempDirSync();
  const paths = { hostile: `${root}/hostile`, trash: `${root}/trash`, outside: `${root}/outside` };
  for (const path of Object.values(paths)) Deno.mkdirSync(path);
  const unremovable = `${root}/unremovable`;
  const trash = new Trash(paths.trash, unremovable);
  return {
    hostile: paths.hostile,
    trashFolder: paths.trash,
    outside: paths.outside,
    unremovable,
    trash,
    root,
    [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
  };
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

/** Does what no file API of Deno can: a shell can make pipes, odd names and paths of any length. */
async function shell(folder: string, script: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("/bin/sh", { args: ["-ec", script], cwd: folder })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Removes a folder that a script has filled, and holds that nothing of it is left. */
async function removed(script: string): Promise<void> {
  using test = folders();
  await Deno.writeTextFile(`${test.outside}/kept`, "kept");
  await shell(test.hostile, script);
  await withoutThreads(() => test.trash.remove(test.hostile));
  assert.deepEqual([namesIn(test.root), namesIn(test.trashFolder)], [["outside", "trash"], []]);
  assert.equal(await Deno.readTextFile(`${test.outside}/kept`), "kept");
}

Deno.test("trash: an empty folder", () => removed("true"));

Deno.test("trash: thousands of files and folders", () =>
  removed(`
    i=0; while [ $i -lt 60 ]; do
      mkdir -p d$i/e/f; (cd d$i; set -- a b c d e f g; for x; do for y; do : > $x$y; done; done); i=$((i+1))
    done`));

Deno.test("trash: folders that forbid everything, at the top and below", () =>
  removed(`
    mkdir -p a/b/c closed/d readonly/e; : > a/b/c/file; : > closed/file; : > readonly/file
    chmod 0 a/b/c; chmod 0 a/b closed; chmod 500 readonly/e readonly a; chmod 0 .`));

Deno.test("trash: symbolic links are removed and not followed", () =>
  removed(`
    ln -s ../outside folder; ln -s ../outside/kept file; ln -s nowhere gone; ln -s . self; ln -s loop loop
    mkdir -p sub; ln -s ../../outside sub/folder; ln ../outside/kept hard`));

Deno.test("trash: pipes, and names of every kind that Unicode has", () =>
  removed(`
    mkfifo pipe; mkdir -- -r ' ' '*'; : > '-rf'; : > "$(printf 'new\\nline')"; mkdir "$(printf '\\033[2J')"
    mkdir 'ü' '文'; : > '文/文'`));

Deno.test("trash: of a tree deeper than the longest path no removal recurses, neither ours nor the system's", async () => {
  using test = folders();
  // Made from the inside out: a path to the innermost would be too long.
  let inner = `${test.root}/inner`;
  Deno.mkdirSync(inner);
  for (let level = 0; level < 300; level++) {
    const outer = `${test.root}/${level % 2 === 0 ? "even" : "odd"}`;
    Deno.mkdirSync(outer);
    Deno.writeTextFileSync(`${outer}/file`, "");
    Deno.renameSync(inner, `${outer}/${"long".repeat(50)}`);
    inner = outer;
  }
  Deno.renameSync(inner, `${test.hostile}/in`);
  const { removeSync } = Deno;
  const { stackTraceLimit } = Error;
  const depths = new Set<number>();
  Error.stackTraceLimit = Infinity;
  Deno.removeSync = (path, options) => {
    depths.add(new Error().stack!.split("\n").length);
    if (options?.recursive) assert.ok(![...Deno.readDirSync(path)].some(({ isDirectory }) => isDirectory));
    removeSync(path, options);
  };
  try {
    await test.trash.remove(test.hostile);
  } finally {
    Deno.removeSync = removeSync;
    Error.stackTraceLimit = stackTraceLimit;
  }
  // Files and folders are removed at different places in the code: a depth for each, or two around a turn.
  assert.ok(depths.size <= 4, `${depths.size} depths of the stack`);
  assert.deepEqual([namesIn(test.root), namesIn(test.trashFolder)], [["outside", "trash"], []]);
});

Deno.test("trash: files whose names are no Unicode", () =>
  removed(`mkdir sub; : > "$(printf '\\377file')"; : > "sub/$(printf '\\376')"`));

Deno.test("trash: a folder whose name is no Unicode is put aside, said, and harms nothing else", async () => {
  using test = folders();
  const fill = `mkdir -p "$(printf '\\377')/deep" other/sub; : > other/file; : > file; mkdir a; chmod 500 .`;
  await shell(test.hostile, fill);
  const failure: Error = await test.trash.remove(test.hostile).then(() => assert.fail(), (error) => error);
  assert.ok(failure instanceof LeftBehind);
  assert.match(failure.message, /something in it whose name is no Unicode; what is left is in "/);
  const [aside] = namesIn(test.unremovable);
  assert.ok(failure.message.includes(`"${test.unremovable}/${aside}"`));
  // It is there alone, and neither in the trash nor in its place.
  // Deno 2.6 does not list it.
  assert.equal(Deno.lstatSync(`${test.unremovable}/${aside}`).nlink, 3);
  assert.deepEqual([namesIn(test.root), namesIn(test.trashFolder)], [
    ["outside", "trash", "unremovable"],
    [],
  ]);
});

Deno.test("trash: everything that cannot be removed is put aside", async () => {
  using test = folders();
  await shell(test.hostile, `for d in a b c; do mkdir -p $d/"$(printf '\\377')/deep"; done`);
  await assert.rejects(test.trash.remove(test.hostile), LeftBehind);
  assert.deepEqual([namesIn(test.unremovable).length, namesIn(test.trashFolder)], [3, []]);
});

Deno.test("trash: what cannot be put aside either stays in the trash, and is said", async () => {
  using test = folders();
  await shell(test.hostile, `mkdir -p "$(printf '\\377')/deep"`);
  await Deno.writeTextFile(test.unremovable, "in the way");
  await assert.rejects(test.trash.remove(test.hostile), (error) => !(error instanceof LeftBehind));
  assert.equal(namesIn(test.trashFolder).length, 1);
});

Deno.test("trash: on a file system that does not count folders, such as btrfs", async () => {
  const { lstatSync } = Deno;
  Deno.lstatSync = (path) => ({ ...lstatSync(path), nlink: 1 });
  try {
    await removed("mkdir -p a/b/c d; : > a/file; : > a/b/c/file; mkfifo d/pipe; ln -s ../outside link");
    using test = folders();
    await shell(test.hostile, `mkdir other; : > "$(printf '\\376')"`);
    await assert.rejects(test.trash.remove(test.hostile), /whose name is no Unicode/);
    assert.equal(namesIn(test.unremovable).length, 1);
  } finally {
    Deno.lstatSync = lstatSync;
  }
});

for (const [nlink, outcome] of [[2, "removed"], [3, "put aside"]] as const) {
  Deno.test(`trash: a folder that is too large to be listed, with ${nlink - 2} folders, is ${outcome}`, async () => {
    using test = folders();
    await shell(test.hostile, `: > file; : > "$(printf '\\376')"; ${nlink === 3 ? "mkdir folder" : ""}`);
    const { lstatSync } = Deno;
    Deno.lstatSync = (path) => ({ ...lstatSync(path), size: 8_388_609 });
    try {
      const removal = test.trash.remove(test.hostile);
      if (outcome === "removed") await removal;
      else await assert.rejects(removal, /^LeftBehind|Error: there are too many names in one folder/);
    } finally {
      Deno.lstatSync = lstatSync;
    }
    const isAside = namesIn(test.root).includes("unremovable");
    assert.deepEqual([namesIn(test.trashFolder), isAside], [[], outcome === "put aside"]);
  });
}

Deno.test("trash: while something large is removed others have their turn", async () => {
  using test = folders();
  await shell(test.hostile, "i=0; while [ $i -lt 3000 ]; do : > $i; i=$((i+1)); done");
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await test.trash.remove(test.hostile);
  clearInterval(timer);
  assert.ok(turns >= 2, `${turns} turns`);
  assert.deepEqual(namesIn(test.trashFolder), []);
});

// To be moved, a folder must let its owner write to it, unless that is root.
const notAsRoot = { ignore: Deno.uid() === 0 };

Deno.test("trash: where a program may interfere no mode is changed", notAsRoot, () => {
  using test = folders();
  Deno.mkdirSync(`${test.hostile}/closed`, { mode: 0 });
  assert.equal(test.trash.take(`${test.hostile}/closed`, true), null);
  assert.equal(Deno.lstatSync(`${test.hostile}/closed`).mode! & 0o777, 0);
  assert.notEqual(test.trash.take(`${test.hostile}/closed`), null);
  assert.deepEqual(namesIn(test.hostile), []);
});

Deno.test("trash: where a program may interfere nothing but a rename is done", () => {
  using test = folders();
  const { renameSync, chmodSync, lstatSync } = Deno;
  const done: string[] = [];
  Deno.renameSync = () => {
    done.push("rename");
    throw new Deno.errors.PermissionDenied();
  };
  Deno.chmodSync = () => void done.push("chmod");
  Deno.lstatSync = (path) => {
    done.push("lstat");
    return lstatSync(path);
  };
  try {
    assert.equal(test.trash.take(test.hostile, true), null);
  } finally {
    Object.assign(Deno, { renameSync, chmodSync, lstatSync });
  }
  assert.deepEqual(done, ["rename"]);
});

Deno.test("trash: what is not there is removed; a file and a link in a folder's place are too", async () => {
  using test = folders();
  const { trash } = test;
  await trash.remove(`${test.root}/nothing`);
  await Deno.writeTextFile(`${test.root}/file`, "");
  await trash.remove(`${test.root}/file`);
  await Deno.writeTextFile(`${test.outside}/kept`, "kept");
  await Deno.symlink(test.outside, `${test.root}/link`);
  await trash.remove(`${test.root}/link`);
  assert.deepEqual([namesIn(test.root), namesIn(test.trashFolder)], [["hostile", "outside", "trash"], []]);
  assert.equal(await Deno.readTextFile(`${test.outside}/kept`), "kept");
});
