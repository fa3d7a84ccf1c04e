import assert from "node:assert/strict";
import { ToolScratch } from "../../../src/confinement/state/tool_scratch.ts";
import { Trash } from "../../../src/confinement/state/trash.ts";

/** A tool's folder, and what a run with the folder of that id can do in it. */
function open() {
  const base = Deno.makeTempDirSync();
  const root = `${base}/tool`;
  for (const name of ["tool", "trash", "outside"]) Deno.mkdirSync(`${base}/${name}`);
  const scratch = new ToolScratch(root, new Trash(`${base}/trash`, `${base}/unremovable`));
  return { base, root, scratch, [Symbol.dispose]: () => Deno.removeSync(base, { recursive: true }) };
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("tool scratch: when the last run goes, whatever is in the tool's folder goes", async () => {
  using test = open();
  await test.scratch.make("1");
  await test.scratch.make("2");
  Deno.writeTextFileSync(`${test.root}/beside`, "");
  Deno.symlinkSync(`${test.base}/outside`, `${test.root}/link`);
  Deno.mkdirSync(`${test.root}/closed/sub`, { recursive: true });
  Deno.chmodSync(`${test.root}/closed`, 0);
  Deno.writeTextFileSync(`${test.base}/outside/kept`, "");
  await test.scratch.remove("1");
  assert.deepEqual(namesIn(test.root), ["2", "beside", "closed", "link"]);
  await test.scratch.remove("2");
  assert.deepEqual([namesIn(test.root), namesIn(`${test.base}/trash`)], [[], []]);
  assert.deepEqual(namesIn(`${test.base}/outside`), ["kept"]);
});

Deno.test("tool scratch: the tool's folder stays the same, whatever the names in it are", async () => {
  using test = open();
  const { ino } = Deno.lstatSync(test.root);
  await test.scratch.make("1");
  // What Deno 2.6 cannot name it does not list either, and cannot remove without the folder.
  const odd = "tryLockSync" in Deno.FsFile.prototype ? `: > "$(printf '\\377')";` : "";
  const script = `${odd} : > file; mkdir -p a/b`;
  await new Deno.Command("/bin/sh", { args: ["-ec", script], cwd: test.root }).output();
  await test.scratch.remove("1");
  assert.deepEqual([namesIn(test.root), Deno.lstatSync(test.root).ino], [[], ino]);
});

Deno.test("tool scratch: what is there is out of reach before the next run has its folder", async () => {
  using test = open();
  await test.scratch.make("1");
  // More than is cleared in one turn.
  const script = "i=0; while [ $i -lt 3000 ]; do : > $i; i=$((i+1)); done";
  await new Deno.Command("/bin/sh", { args: ["-ec", script], cwd: test.root }).output();
  const removal = test.scratch.remove("1");
  await Promise.all([test.scratch.make("a"), test.scratch.make("b")]);
  assert.deepEqual(namesIn(test.root), ["a", "b"]);
  await removal;
  // They are alive, and what they write is theirs.
  Deno.writeTextFileSync(`${test.root}/a/kept`, "");
  await test.scratch.remove("b");
  assert.deepEqual(namesIn(`${test.root}/a`), ["kept"]);
});

for (
  const [what, make] of [
    ["a folder", (path) => Deno.mkdirSync(path)],
    ["a file", (path) => Deno.writeTextFileSync(path, "")],
    ["a link to a folder", (path) => Deno.symlinkSync("/", path)],
    ["a link to nowhere", (path) => Deno.symlinkSync("nowhere", path)],
  ] as readonly (readonly [string, (path: string) => void])[]
) {
  Deno.test(`tool scratch: a name that is taken, by ${what}, is refused`, async () => {
    using test = open();
    make(`${test.root}/1`);
    await assert.rejects(test.scratch.make("1"), Deno.errors.AlreadyExists);
    // It is no run's folder, so it does not keep the rest from being cleared.
    await test.scratch.make("2");
    await test.scratch.remove("2");
    assert.deepEqual(namesIn(test.root), []);
  });
}

Deno.test("tool scratch: a folder that was never made is not removed", async () => {
  using test = open();
  await test.scratch.make("1");
  Deno.mkdirSync(`${test.root}/2`);
  await test.scratch.remove("2");
  assert.deepEqual(namesIn(test.root), ["1", "2"]);
});

Deno.test("tool scratch: what cannot be cleared is said once, and stops nothing", async () => {
  using test = open();
  await test.scratch.make("1");
  const script = `mkdir "$(printf '\\377')"; : > file`;
  await new Deno.Command("/bin/sh", { args: ["-ec", script], cwd: test.root }).output();
  const first = test.scratch.remove("1");
  if ("tryLockSync" in Deno.FsFile.prototype) await assert.rejects(first, /name is no Unicode/);
  else await first;
  await test.scratch.make("2");
  await test.scratch.remove("2");
  assert.equal(namesIn(test.root).includes("file"), false);
  const { nlink } = Deno.lstatSync(test.root);
  assert.equal(nlink, 3);
});
