import assert from "node:assert/strict";
import { inspectFile } from "../../../src/confinement/state/word_lists.ts";
import { withoutThreads } from "./without_threads.ts";

async function withLists(test: (root: string) => Promise<void>): Promise<void> {
  const root = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    for (const folder of ["first/sub", "second"]) Deno.mkdirSync(`${root}/${folder}`, { recursive: true });
    await test(root);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

Deno.test("word lists: a file is found in the first folder that has it, with its size and lines", () =>
  withLists(async (root) => {
    Deno.writeTextFileSync(`${root}/first/sub/a.txt`, "one\ntwo\nthree");
    Deno.writeTextFileSync(`${root}/second/b.txt`, "one\n");
    Deno.writeTextFileSync(`${root}/second/empty.txt`, "");
    const folders = [`${root}/none`, `${root}/first`, `${root}/second`];
    const inspect = (name: string) => inspectFile(folders, name);
    assert.deepEqual(await inspect("sub/a.txt"), { path: `${root}/first/sub/a.txt`, bytes: 13, lines: 3 });
    assert.deepEqual(await inspect("b.txt"), { path: `${root}/second/b.txt`, bytes: 4, lines: 1 });
    assert.deepEqual(await inspect("empty.txt"), { path: `${root}/second/empty.txt`, bytes: 0, lines: 0 });
  }));

Deno.test("word lists: lines are counted over the ends of what is read at once", () =>
  withLists(async (root) => {
    Deno.writeTextFileSync(`${root}/first/long.txt`, `${"x".repeat(100)}\n`.repeat(3000));
    assert.equal((await inspectFile([`${root}/first`], "long.txt")).lines, 3000);
  }));

Deno.test("word lists: counting needs no other thread, and gives others their turn", () =>
  withLists(async (root) => {
    const line = new Uint8Array(10_000_000).fill(10);
    Deno.writeFileSync(`${root}/first/long.txt`, line);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    try {
      const { lines } = await withoutThreads(() => inspectFile([`${root}/first`], "long.txt"));
      assert.equal(lines, line.length);
    } finally {
      clearInterval(timer);
    }
    assert.ok(turns >= 2, `${turns} turns`);
  }));

Deno.test("word lists: what is no file, is not there, or leads out of the folder is refused with the reason", () =>
  withLists(async (root) => {
    Deno.symlinkSync("/etc/passwd", `${root}/first/out.txt`);
    Deno.symlinkSync(`${root}/second`, `${root}/first/other`);
    Deno.writeTextFileSync(`${root}/second/b.txt`, "one\n");
    await new Deno.Command("mkfifo", { args: [`${root}/first/pipe`] }).output();
    for (
      const [name, reason] of [
        ["out.txt", /leads out of .* through a symbolic link$/],
        ["other/b.txt", /leads out of .* through a symbolic link$/],
        ["sub", /is not a regular file$/],
        ["pipe", /is not a regular file$/],
        ["none.txt", /there is no file "none\.txt": in /],
        ["out.txt/x", /there is no file/],
      ] as const
    ) await assert.rejects(inspectFile([`${root}/first`], name), { message: reason }, name);
    await assert.rejects(inspectFile([], "a"), { message: /tools\.wordlist_dirs names no folder$/ });
  }));
