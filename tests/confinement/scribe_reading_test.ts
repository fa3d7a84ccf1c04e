/** What a real scribe reads, looks at and watches, and what it refuses. */
import assert from "node:assert/strict";
import { MAX_WATCHED } from "../../src/confinement/file_look.ts";
import { Scribe } from "../../src/confinement/scribe.ts";
import { systemClock } from "../../src/core/clock.ts";

/** A scribe that may read `conf` (a folder), `later.yaml` and `later` (which are not there), and `link`. */
async function withScribe(test: (root: string, scribe: Scribe) => Promise<void>): Promise<void> {
  const root = Deno.realPathSync(Deno.makeTempDirSync());
  for (const folder of ["conf", "outside"]) Deno.mkdirSync(`${root}/${folder}`);
  for (const file of ["conf/a.yaml", "outside/file"]) {
    Deno.writeTextFileSync(`${root}/${file}`, file, { mode: 0o600 });
  }
  Deno.symlinkSync("../outside/file", `${root}/conf/out`);
  Deno.symlinkSync("../outside", `${root}/conf/folder_out`);
  Deno.symlinkSync("outside", `${root}/link`);
  const scribe = new Scribe({
    stateFolder: `${root}/state`,
    nonce: "ab",
    tools: ["nmap"],
    uid: Deno.uid(),
    logFile: null,
    wordListFolders: [],
    readable: ["conf", "later.yaml", "later", "link", "state"].map((name) => `${root}/${name}`),
    clock: systemClock,
  });
  try {
    await scribe.opened;
    await test(root, scribe);
    assert.ok(scribe.death === null || scribe.death === "it was closed", scribe.death ?? "");
  } finally {
    await scribe.close();
    Deno.removeSync(root, { recursive: true });
  }
}

const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes);

Deno.test("scribe, reading: files with their facts, folders, and looks", () =>
  withScribe(async (root, scribe) => {
    assert.equal(text(await scribe.readFile(`${root}/conf/a.yaml`)), "conf/a.yaml");
    const file = await scribe.readFileWithFacts(`${root}/conf/a.yaml`);
    assert.deepEqual([file!.mode! & 0o777, file!.uid], [0o600, Deno.uid()]);
    assert.deepEqual((await scribe.listFolder(`${root}/conf`))!.toSorted(), ["a.yaml", "folder_out", "out"]);
    const { stat, realPath, head } = await scribe.look(`${root}/conf/a.yaml`, 4);
    assert.equal(stat.ok && stat.value?.isFile, true);
    assert.deepEqual(realPath, { ok: true, value: `${root}/conf/a.yaml` });
    assert.equal(head.ok && text(head.value), "conf");
  }));

Deno.test("scribe, reading: what is not there yet may be named, and is found when it comes", () =>
  withScribe(async (root, scribe) => {
    assert.equal(await scribe.readFile(`${root}/later.yaml`), null);
    assert.equal(await scribe.listFolder(`${root}/later`), null);
    assert.deepEqual((await scribe.look(`${root}/later/x`, 4)).stat, { ok: true, value: null });
    Deno.writeTextFileSync(`${root}/later.yaml`, "now");
    Deno.mkdirSync(`${root}/later`);
    Deno.writeTextFileSync(`${root}/later/x`, "too");
    assert.equal(text(await scribe.readFile(`${root}/later.yaml`)), "now");
    assert.deepEqual(await scribe.listFolder(`${root}/later`), ["x"]);
    assert.equal(text(await scribe.readFile(`${root}/later/x`)), "too");
  }));

Deno.test("scribe, reading: a link is followed wherever it leads, when its own name may be read", () =>
  withScribe(async (root, scribe) => {
    for (const name of ["conf/out", "conf/folder_out/file", "link/file"]) {
      assert.equal(text(await scribe.readFile(`${root}/${name}`)), "outside/file", name);
    }
    const { realPath } = await scribe.look(`${root}/conf/out`, 0);
    assert.deepEqual(realPath, { ok: true, value: `${root}/outside/file` });
    // By the name that this is, it was not listed.
    await assert.rejects(scribe.readFile(`${root}/outside/file`), /not among what is read/);
  }));

Deno.test("scribe, reading: whatever is not listed is refused, and so is where programs write", () =>
  withScribe(async (root, scribe) => {
    const { path } = await scribe.makeScratch("nmap");
    Deno.symlinkSync(`${root}/outside/file`, `${path}/planted`);
    const refused = [
      `${root}/outside`,
      `${root}/conf/../outside/file`,
      `${root}/conf2`,
      "/etc/hostname",
      `${path}/planted`,
      `${root}/conf/../state/servers/ab/scratch/nmap`,
    ];
    for (const name of refused) {
      const reason = /is not among what is read while the server runs/;
      await assert.rejects(scribe.readFile(name), reason, name);
      await assert.rejects(scribe.listFolder(name), reason, name);
      await assert.rejects(scribe.look(name, 1), reason, name);
      await assert.rejects(
        scribe.watch({ files: [], folders: [`${root}/conf`, name] }, () => {}),
        reason,
        name,
      );
    }
    await scribe.readFile(`${root}/state/none`);
  }));

Deno.test("scribe, reading: what is no path at all is refused here, and harms nobody", () =>
  withScribe(async (root, scribe) => {
    for (const path of ["", "relative", "/nul\0byte", `/${"x".repeat(4096)}`]) {
      await assert.rejects(scribe.readFile(path), /is not an absolute path/);
      await assert.rejects(scribe.look(path, 1), /is not an absolute path/);
    }
    const many = Array.from({ length: MAX_WATCHED + 1 }, () => `${root}/conf`);
    await assert.rejects(scribe.watch({ files: many, folders: [] }, () => {}), /more than 1024 paths/);
    // More than there ever is to give is given as far as it goes.
    const { head } = await scribe.look(`${root}/conf/a.yaml`, 10_000_000);
    assert.equal(head.ok && text(head.value), "conf/a.yaml");
  }));

Deno.test("scribe, reading: answers reach whoever asked, however many ask at once", () =>
  withScribe(async (root, scribe) => {
    for (let index = 0; index < 50; index++) Deno.writeTextFileSync(`${root}/conf/${index}`, `${index}`);
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    const read = await Promise.all(numbers.map((index) => scribe.readFile(`${root}/conf/${index}`)));
    assert.deepEqual(read.map(text), numbers.map(String));
    const kinds = await Promise.allSettled([
      scribe.readFile(`${root}/conf/1`),
      scribe.readFile("/etc/hostname"),
      scribe.listFolder(`${root}/conf/1`),
    ]);
    assert.deepEqual(kinds.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  }));

Deno.test("scribe, reading: a change is told to whoever watches now, until somebody else does", () =>
  withScribe(async (root, scribe) => {
    const told = Promise.withResolvers<readonly string[]>();
    await scribe.watch(
      { files: [`${root}/later.yaml`], folders: [] },
      () => assert.fail("nobody watches that"),
    );
    await scribe.watch({ files: [`${root}/conf/a.yaml`], folders: [`${root}/conf`] }, told.resolve);
    Deno.writeTextFileSync(`${root}/later.yaml`, "now");
    Deno.writeTextFileSync(`${root}/conf/a.yaml`, "longer than before");
    assert.deepEqual(await told.promise, [`${root}/conf/a.yaml`, `${root}/conf`]);
  }));

Deno.test("scribe, reading: once it closes, all that wait are told so", async () => {
  await withScribe(async (root, scribe) => {
    const waiting = [
      scribe.readFile(`${root}/conf/a.yaml`),
      scribe.watch({ files: [], folders: [] }, () => {}),
      scribe.addTool("late"),
    ];
    // Until they have been asked.
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    const closed = scribe.close();
    const settled = await Promise.allSettled(waiting);
    for (const one of settled) {
      assert.match(one.status === "rejected" ? one.reason.message : "answered", /the scribe is closing/);
    }
    await closed;
    await assert.rejects(scribe.readFile(`${root}/conf/a.yaml`), /closed|closing/);
  });
});

Deno.test("scribe: a tool that comes later gets a folder of its own, once", () =>
  withScribe(async (_, scribe) => {
    await assert.rejects(scribe.makeScratch("late"), /no scratch folders/);
    await Promise.all([scribe.addTool("late"), scribe.addTool("late"), scribe.addTool("nmap")]);
    await scribe.addTool("late");
    const { id, path } = await scribe.makeScratch("late");
    assert.deepEqual(Deno.lstatSync(path).isDirectory, true);
    await scribe.removeScratch("late", id);
    assert.deepEqual([...Deno.readDirSync(scribe.scratchRoot("late"))], []);
    for (const name of ["..", "a/b", "", "A", "x".repeat(65)]) {
      await assert.rejects(scribe.addTool(name), /is no name of a tool/);
    }
  }));

Deno.test("scribe: a folder for a tool that cannot be made is refused with the reason, and can be tried again", () =>
  withScribe(async (_, scribe) => {
    const scratch = scribe.scratchRoot("x").slice(0, -2);
    Deno.renameSync(scratch, `${scratch}-away`);
    await assert.rejects(scribe.addTool("late"), /cannot make the folder ".*\/scratch\/late"/);
    Deno.renameSync(`${scratch}-away`, scratch);
    await scribe.addTool("late");
    await scribe.makeScratch("late");
  }));
