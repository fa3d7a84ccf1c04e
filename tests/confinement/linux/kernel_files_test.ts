import assert from "node:assert/strict";
import { type Kernel, openKernel } from "../../../src/confinement/linux/kernel.ts";
import {
  forEachEntry,
  listFolder,
  listProcesses,
  makeFolder,
  mayWrite,
  readAttribute,
  readFile,
  readText,
  removeFolder,
  writeFile,
} from "../../../src/confinement/linux/kernel_files.ts";
import { TestFolder } from "../../integration/support/programs.ts";

const [ENOENT, ENOTDIR, EISDIR, EFBIG, ENOTEMPTY] = [2, 20, 21, 27, 39] as const;
const onLinux = Deno.build.os === "linux";

function test(name: string, body: (kernel: Kernel, folder: TestFolder) => void): void {
  Deno.test(`kernel files: ${name}`, { ignore: !onLinux }, () => {
    const kernel = openKernel();
    assert(!("reason" in kernel));
    using folder = new TestFolder();
    const open = new Set<number>();
    body({
      architecture: kernel.architecture,
      call(name, ...args) {
        const result = kernel.call(name, ...args);
        if (name === "openat" && result >= 0) open.add(result);
        if (name === "close") open.delete(args[0] as number);
        return result;
      },
    }, folder);
    assert.deepEqual([...open], [], "every file is closed");
    kernel.close();
  });
}

test("reads all of a file, whatever its length", (kernel, folder) => {
  for (const length of [0, 1, 4095, 4096, 4097, 8192, 200_000]) {
    const bytes = new Uint8Array(length).map((_, index) => index * 7);
    Deno.writeFileSync(`${folder.path}/file`, bytes);
    assert.deepEqual(readFile(kernel, `${folder.path}/file`), bytes);
  }
});

test("a file of the greatest length is read, a longer one is EFBIG", (kernel, folder) => {
  const path = folder.write("file", "x".repeat(5000));
  assert.equal((readFile(kernel, path, 5000) as Uint8Array).length, 5000);
  assert.equal(readFile(kernel, path, 4999), -EFBIG);
  assert.equal(readFile(kernel, path, 10), -EFBIG);
  assert.equal(readFile(kernel, path, 0), -EFBIG);
  assert.equal((readFile(kernel, folder.write("empty", ""), 0) as Uint8Array).length, 0);
});

test("errors are negative numbers", (kernel, folder) => {
  const missing = `${folder.path}/missing`;
  const file = folder.write("file", "");
  assert.equal(readFile(kernel, missing), -ENOENT);
  assert.equal(readFile(kernel, folder.path), -EISDIR);
  assert.equal(readText(kernel, missing), -ENOENT);
  assert.equal(readText(kernel, folder.path), -EISDIR);
  assert.equal(writeFile(kernel, missing, "x"), -ENOENT, "nothing is made");
  assert.equal(listFolder(kernel, missing), -ENOENT);
  assert.equal(listFolder(kernel, file), -ENOTDIR);
  assert.equal(forEachEntry(kernel, file, () => {}), -ENOTDIR);
  assert.equal(makeFolder(kernel, `${missing}/below`), -ENOENT);
  assert.equal(removeFolder(kernel, missing), -ENOENT);
  assert.equal(removeFolder(kernel, file), -ENOTDIR);
  assert.equal(mayWrite(kernel, missing), false);
  assert((readAttribute(kernel, file, "user.missing") as number) < 0);
});

test("text is a character a byte, the first 64 KiB", (kernel, folder) => {
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  Deno.writeFileSync(`${folder.path}/file`, every);
  const text = readText(kernel, `${folder.path}/file`) as string;
  assert.deepEqual([...text].map((character) => character.charCodeAt(0)), [...every]);
  const long = folder.write("long", "a".repeat(70_000));
  assert.equal(readText(kernel, long), "a".repeat(65_536));
  assert.equal(readText(kernel, folder.write("short", "b")), "b", "nothing is left of the text before");
});

test("reads the files of /proc, which have no length", (kernel) => {
  assert.match(readText(kernel, "/proc/self/stat") as string, new RegExp(`^${Deno.pid} \\(`));
  assert.equal(readText(kernel, "/proc/self/environ"), readText(kernel, `/proc/${Deno.pid}/environ`));
  const mounts = new TextDecoder().decode(readFile(kernel, "/proc/self/mountinfo") as Uint8Array);
  assert.match(mounts, / \/proc .* - proc /);
});

test("writes to a file that exists", (kernel, folder) => {
  const path = folder.write("file", "before");
  assert.equal(writeFile(kernel, path, "ä1"), 0);
  assert.equal(Deno.readTextFileSync(path), "ä1ore");
});

test("lists names of any length and kind, more than fit at once", (kernel, folder) => {
  const names = Array.from({ length: 2000 }, (_, index) => `${index}`.padEnd(1 + index % 80, "é"));
  for (const name of names) folder.write(name, "");
  assert.deepEqual((listFolder(kernel, folder.path) as string[]).toSorted(), names.toSorted());
});

test("shows the names themselves", (kernel, folder) => {
  folder.write("one", "");
  const seen: string[] = [];
  const status = forEachEntry(kernel, folder.path, (bytes, start, end) => {
    seen.push(new TextDecoder().decode(bytes.subarray(start, end)));
  });
  assert.equal(status, 0);
  assert.deepEqual(seen.toSorted(), [".", "..", "one"]);
});

test("lists processes: this one, and no name that is not a number", (kernel) => {
  const pids = listProcesses(kernel);
  assert(pids.includes(Deno.pid));
  assert(pids.every((pid) => Number.isSafeInteger(pid) && pid > 0));
  assert.equal(new Set(pids).size, pids.length);
});

test("makes and removes folders", (kernel, folder) => {
  const path = `${folder.path}/new`;
  assert.equal(makeFolder(kernel, path), 0);
  assert(Deno.statSync(path).isDirectory);
  assert.deepEqual(listFolder(kernel, path), []);
  folder.write("new/file", "");
  assert.equal(removeFolder(kernel, path), -ENOTEMPTY);
  Deno.removeSync(`${path}/file`);
  assert.equal(removeFolder(kernel, path), 0);
});

test("tells what may be written to, whatever the user", (kernel, folder) => {
  assert.equal(mayWrite(kernel, folder.path), true);
  assert.equal(mayWrite(kernel, "/proc/self/stat/none"), false);
  assert.equal(mayWrite(kernel, "/proc/version") && Deno.uid() !== 0, false);
});

Deno.test("kernel files: a call that a signal interrupts is made again", () => {
  let calls = 0;
  const kernel: Kernel = { architecture: "x86_64", call: () => ++calls < 3 ? -4 : 0 };
  assert.equal(makeFolder(kernel, "/x"), 0);
  assert.equal(calls, 3);
});

Deno.test("kernel files: no list of processes is an error, never an empty list", () => {
  const kernel: Kernel = { architecture: "x86_64", call: () => -ENOENT };
  assert.throws(() => listProcesses(kernel), /Cannot list the processes/);
});
