import assert from "node:assert/strict";
import { Trash } from "../../../src/confinement/state/trash.ts";

/** Folders of a test: what is to be removed, the trash, and a place that nobody may touch. */
function folders() {
  const root = Deno.makeTempDirSync();
  const paths = { hostile: `${root}/hostile`, trash: `${root}/trash`, outside: `${root}/outside` };
  for (const path of Object.values(paths)) Deno.mkdirSync(path);
  return { ...paths, root, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
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
  await new Trash(test.trash).remove(test.hostile);
  assert.deepEqual([namesIn(test.root), namesIn(test.trash)], [["outside", "trash"], []]);
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

Deno.test("trash: a tree deeper than the longest path", () =>
  removed(`
    name=$(printf '%0200d' 7); i=0
    while [ $i -lt 300 ]; do mkdir $name; cd -P $name; i=$((i+1)); done`));

// With Deno's own recursive removal this ends the test's process: the recursion overflows its stack.
Deno.test("trash: a tree of fifteen thousand levels", async () => {
  using test = folders();
  // Made from the inside out: a path to the innermost would be too long.
  let inner = `${test.root}/inner`;
  await Deno.mkdir(inner);
  for (let level = 0; level < 15_000; level++) {
    const outer = `${test.root}/${level % 2 === 0 ? "even" : "odd"}`;
    Deno.mkdirSync(outer);
    Deno.renameSync(inner, `${outer}/in`);
    inner = outer;
  }
  Deno.renameSync(inner, `${test.hostile}/in`);
  await new Trash(test.trash).remove(test.hostile);
  assert.deepEqual([namesIn(test.root), namesIn(test.trash)], [["outside", "trash"], []]);
});

Deno.test("trash: files whose names are no Unicode", () =>
  removed(`mkdir sub; : > "$(printf '\\377file')"; : > "sub/$(printf '\\376')"`));

Deno.test("trash: a folder whose name is no Unicode is left, said, and harms nothing else", async () => {
  using test = folders();
  await shell(test.hostile, `mkdir -p "$(printf '\\377')/deep" other/sub; : > other/file`);
  const trash = new Trash(test.trash);
  await assert.rejects(trash.remove(test.hostile), /a name that is no Unicode/);
  // It is in the trash, alone, and the place is free.
  assert.deepEqual([namesIn(test.root), namesIn(test.trash).length], [["outside", "trash"], 1]);
  await Deno.mkdir(test.hostile);
  await trash.remove(test.hostile);
  assert.deepEqual(namesIn(test.trash).length, 1);
});

Deno.test("trash: on a file system that does not count folders, such as btrfs", async () => {
  const { lstatSync } = Deno;
  Deno.lstatSync = (path) => ({ ...lstatSync(path), nlink: 1 });
  try {
    await removed("mkdir -p a/b/c d; : > a/file; : > a/b/c/file; mkfifo d/pipe; ln -s ../outside link");
    using test = folders();
    await shell(test.hostile, `mkdir -p "$(printf '\\377')" other/sub; : > other/file; : > file`);
    await assert.rejects(new Trash(test.trash).remove(test.hostile), /a name that is no Unicode/);
    assert.equal(namesIn(test.trash).length, 1);
  } finally {
    Deno.lstatSync = lstatSync;
  }
});

Deno.test("trash: what is not there is removed; a file and a link in a folder's place are too", async () => {
  using test = folders();
  const trash = new Trash(test.trash);
  await trash.remove(`${test.root}/nothing`);
  await Deno.writeTextFile(`${test.root}/file`, "");
  await trash.remove(`${test.root}/file`);
  await Deno.writeTextFile(`${test.outside}/kept`, "kept");
  await Deno.symlink(test.outside, `${test.root}/link`);
  await trash.remove(`${test.root}/link`);
  assert.deepEqual([namesIn(test.root), namesIn(test.trash)], [["hostile", "outside", "trash"], []]);
  assert.equal(await Deno.readTextFile(`${test.outside}/kept`), "kept");
});
