import assert from "node:assert/strict";
import { isManifestFile } from "../../../src/catalog/load.ts";
import { isDocumentName } from "../../../src/confinement/file_look.ts";
import { FileWatch } from "../../../src/confinement/state/file_watch.ts";
import { FakeTime } from "../../support/fake_time.ts";
import { withoutThreads } from "./without_threads.ts";

/** A folder, a watch, and what it has told; time is the test's. */
async function withWatch(
  test: (parts: {
    readonly root: string;
    readonly watch: FileWatch;
    readonly told: (readonly string[])[];
    readonly time: FakeTime;
  }) => Promise<void>,
): Promise<void> {
  const root = Deno.realPathSync(Deno.makeTempDirSync());
  const told: (readonly string[])[] = [];
  using time = new FakeTime();
  try {
    const watch = new FileWatch((paths) => told.push(paths));
    await withoutThreads(() => test({ root, watch, told, time }));
    watch.stop();
    assert.equal(time.pending, 0, "no timer is left");
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

Deno.test("file watch: files that come, change and go are told, each after two seconds at most", () =>
  withWatch(async ({ root, watch, told, time }) => {
    const file = `${root}/later.yaml`;
    await watch.watch({ files: [file], folders: [root] });
    await time.advance(3000);
    assert.deepEqual(told, []);
    for (
      const act of [
        () => Deno.writeTextFileSync(file, "a"),
        () => Deno.writeTextFileSync(file, "longer"),
        () => {
          Deno.writeTextFileSync(`${root}/new`, "others");
          Deno.renameSync(`${root}/new`, file);
        },
        () => Deno.chmodSync(file, 0o600),
        () => Deno.removeSync(file),
      ]
    ) {
      act();
      await time.advance(1001);
      assert.deepEqual(told, [], "it may still be being written");
      await time.advance(1001);
      assert.deepEqual(told.splice(0), [[file, root]]);
      await time.advance(3000);
      assert.deepEqual(told, []);
    }
  }));

Deno.test("file watch: a log that grows in a watched folder is nothing, and hides nothing", () =>
  withWatch(async ({ root, watch, told, time }) => {
    await watch.watch({ files: [], folders: [root] });
    for (let lines = 0; lines < 5; lines++) {
      Deno.writeTextFileSync(`${root}/bulkhead.log`, "a line\n", { append: true });
      if (lines === 2) Deno.writeTextFileSync(`${root}/a.yaml`, "a");
      await time.advance(1001);
    }
    assert.deepEqual(told.splice(0), [[root]]);
    await time.advance(3000);
    assert.deepEqual(told, []);
  }));

Deno.test("file watch: every file that may be a manifest is watched in its folder", () => {
  const names = ["a.yaml", "a.yml", "a.json", "a.b.yaml", "a.yaml.swp", "a.log", "yaml", "a.YAML", ".a.yaml"];
  for (const name of names.filter(isManifestFile)) assert(isDocumentName(name), name);
  assert.deepEqual(names.filter(isDocumentName), ["a.yaml", "a.yml", "a.json", "a.b.yaml", ".a.yaml"]);
});

Deno.test("file watch: through a link it is what the link leads to that is watched", () =>
  withWatch(async ({ root, watch, told, time }) => {
    for (const name of ["one", "two"]) Deno.writeTextFileSync(`${root}/${name}`, name);
    Deno.symlinkSync("one", `${root}/link`);
    await watch.watch({ files: [`${root}/link`], folders: [] });
    Deno.removeSync(`${root}/link`);
    Deno.symlinkSync("two", `${root}/link`);
    await time.advance(2100);
    assert.deepEqual(told.splice(0), [[`${root}/link`]]);
    Deno.writeTextFileSync(`${root}/two`, "longer");
    await time.advance(2100);
    assert.deepEqual(told, [[`${root}/link`]]);
  }));

Deno.test("file watch: what replaces it is watched from when it has been looked at, and one look at a time", () =>
  withWatch(async ({ root, watch, told, time }) => {
    const [a, b] = [`${root}/a`, `${root}/b`];
    await watch.watch({ files: [a], folders: [] });
    await Promise.all([
      watch.watch({ files: [b], folders: [] }),
      watch.watch({ files: [a, b], folders: [] }),
    ]);
    assert.equal(time.pending, 1);
    for (const path of [a, b]) Deno.writeTextFileSync(path, "");
    await time.advance(2100);
    assert.deepEqual(told.splice(0).map((paths) => paths.toSorted()), [[a, b]]);
    watch.stop();
    Deno.removeSync(a);
    await time.advance(5000);
    assert.deepEqual([told, time.pending], [[], 0]);
    await watch.watch({ files: [a], folders: [] });
    assert.equal(time.pending, 0, "it is over");
  }));
