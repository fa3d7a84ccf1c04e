import assert from "node:assert/strict";
import { MAX_FILE_BYTES, MAX_FOLDER_NAMES } from "../../../src/confinement/file_look.ts";
import { listFolder, lookAt, readFile } from "../../../src/confinement/state/file_reader.ts";
import { withoutThreads } from "./without_threads.ts";

/** A folder with a file, links, a pipe and another folder. */
function folder() {
  const root = Deno.realPathSync(Deno.makeTempDirSync());
  Deno.writeTextFileSync(`${root}/file`, "content", { mode: 0o640 });
  Deno.mkdirSync(`${root}/sub`);
  Deno.symlinkSync("file", `${root}/link`);
  Deno.symlinkSync("sub", `${root}/linked_folder`);
  Deno.symlinkSync("nowhere", `${root}/dangling`);
  Deno.symlinkSync("loop", `${root}/loop`);
  new Deno.Command("mkfifo", { args: [`${root}/pipe`] }).outputSync();
  return { root, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
}

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

Deno.test("file reader: a file is read with whose it is and who may do what, through a link too", () => {
  using test = folder();
  for (const name of ["file", "link"]) {
    const file = readFile(`${test.root}/${name}`)!;
    assert.deepEqual([text(file.bytes), file.mode! & 0o7777, file.uid], ["content", 0o640, Deno.uid()]);
    assert.equal(file.bytes.buffer.byteLength, 7, "nothing else is sent along");
  }
});

Deno.test("file reader: what is not there is null; what is no file is refused, and nobody waits for a pipe", () => {
  using test = folder();
  for (const name of ["none", "none/below", "file/below", "dangling"]) {
    assert.equal(readFile(`${test.root}/${name}`), null, name);
    assert.equal(listFolder(`${test.root}/${name}`), null, name);
  }
  for (const name of ["pipe", "sub"]) {
    assert.throws(() => readFile(`${test.root}/${name}`), /not a regular file/);
  }
  assert.throws(() => readFile(`${test.root}/loop`));
  assert.throws(() => readFile("/dev/zero"), /not a regular file/);
});

Deno.test("file reader: a file of as much as may be read is read whole, one of a byte more is refused", async () => {
  using test = folder();
  const path = `${test.root}/large`;
  Deno.writeFileSync(path, new Uint8Array(MAX_FILE_BYTES).fill(7));
  const whole = await withoutThreads(() => Promise.resolve(readFile(path)!));
  assert.deepEqual([whole.bytes.length, whole.bytes.at(-1)], [MAX_FILE_BYTES, 7]);
  Deno.writeFileSync(path, new Uint8Array(1), { append: true });
  assert.throws(() => readFile(path), /more than 4194304 bytes/);
  Deno.writeFileSync(path, new Uint8Array());
  assert.equal(readFile(path)!.bytes.length, 0);
});

Deno.test("file reader: a folder's names, without the folders in it, up to a number", () => {
  using test = folder();
  assert.deepEqual(listFolder(test.root)!.toSorted(), [
    "dangling",
    "file",
    "link",
    "linked_folder",
    "loop",
    "pipe",
  ]);
  assert.equal(listFolder(`${test.root}/file`), null);
  const many = `${test.root}/sub`;
  for (let index = 0; index < MAX_FOLDER_NAMES; index++) Deno.writeTextFileSync(`${many}/${index}`, "");
  Deno.mkdirSync(`${many}/folder`);
  assert.equal(listFolder(many)!.length, MAX_FOLDER_NAMES);
  Deno.writeTextFileSync(`${many}/one more`, "");
  assert.throws(() => listFolder(many), /more than 1024 names/);
});

Deno.test("file reader: a look says what is there, where it leads, and how it begins", () => {
  using test = folder();
  const { stat, realPath, head } = lookAt(`${test.root}/link`, 4);
  assert.deepEqual(realPath, { ok: true, value: `${test.root}/file` });
  assert(stat.ok && stat.value !== null && head.ok);
  const { isFile, mode, uid, gid } = stat.value;
  assert.deepEqual([isFile, mode! & 0o7777, uid, gid], [true, 0o640, Deno.uid(), Deno.gid()]);
  assert.equal(text(head.value), "cont");
  const longer = lookAt(`${test.root}/file`, 100).head;
  assert.equal(text(longer.ok ? longer.value : undefined), "content");
  assert.deepEqual(lookAt(`${test.root}/pipe`, 0).head, { ok: true, value: new Uint8Array() });
});

Deno.test("file reader: what goes wrong with a look is part of it, by its kind", () => {
  using test = folder();
  const none = lookAt(`${test.root}/none`, 10);
  assert.deepEqual(none.stat, { ok: true, value: null });
  const kind = (looked: { readonly ok: boolean; readonly name?: string }) => looked.ok ? "ok" : looked.name;
  assert.deepEqual([kind(none.realPath), kind(none.head)], ["NotFound", "NotFound"]);
  const pipe = lookAt(`${test.root}/pipe`, 10);
  assert.deepEqual([kind(pipe.stat), kind(pipe.head)], ["ok", "Error"]);
  const loop = lookAt(`${test.root}/loop`, 10);
  assert.deepEqual([kind(loop.stat), kind(loop.realPath), kind(loop.head)], ["Error", "Error", "Error"]);
});
