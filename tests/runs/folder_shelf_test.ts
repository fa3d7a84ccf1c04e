import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { FolderShelf, MAX_WAITING, type ShelfFiles } from "../../src/runs/folder_shelf.ts";
import type { RunPart, ShelvedRun } from "../../src/runs/run_shelf.ts";
import { flush } from "../support/engine.ts";
import { runIdOf } from "../support/runs.ts";

/** Files that are written when a test says so. */
class SlowFiles implements ShelfFiles {
  readonly files = new Map<string, Readonly<Record<RunPart | "index", Uint8Array>>>();
  readonly underWay: { readonly run: string; readonly end: (error?: Error) => void }[] = [];
  readonly removed: string[] = [];
  whyNotRemoved: Error | null = null;

  keep(run: string, files: Readonly<Record<RunPart | "index", Uint8Array>>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.underWay.push({
        run,
        end: (error) => {
          this.underWay.shift();
          if (error !== undefined) return reject(error);
          this.files.set(run, files);
          resolve();
        },
      });
    });
  }

  read(run: string, file: RunPart, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return Promise.resolve(this.files.get(run)?.[file].slice(offset, offset + length) ?? null);
  }

  remove(runs: readonly string[]): Promise<void> {
    this.removed.push(...runs);
    for (const run of runs) this.files.delete(run);
    return this.whyNotRemoved === null ? Promise.resolve() : Promise.reject(this.whyNotRemoved);
  }
}

function makeShelf() {
  const files = new SlowFiles();
  const lost: string[] = [];
  return { files, lost, shelf: new FolderShelf(files, (id) => lost.push(id)) };
}

/** A run with so many bytes of output. */
function run(bytes: number, fill = 1): ShelvedRun {
  const none = new Uint8Array();
  return { index: none, parts: { stdout: new Uint8Array(bytes).fill(fill), stderr: none, result: none } };
}

/** What is logged while `work` runs. */
async function loggedBy(work: () => void | Promise<void>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    sinks: { records: (record) => void records.push(record) },
    loggers: [
      { category: "bulkhead", sinks: ["records"], lowestLevel: "info" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
    reset: true,
  });
  try {
    await work();
  } finally {
    await reset();
  }
  return records;
}

Deno.test("folder shelf: one run at a time is written, and read from here until it is there", async () => {
  const { files, shelf, lost } = makeShelf();
  shelf.put(runIdOf(1), run(3, 1));
  shelf.put(runIdOf(2), run(3, 2));
  let isWritten = false;
  const written = shelf.written().then(() => isWritten = true);
  await flush();
  assert.deepEqual(files.underWay.map(({ run }) => run), [runIdOf(1)]);
  assert.deepEqual(await shelf.read(runIdOf(1), "stdout", 1, 2), Uint8Array.of(1, 1));
  files.underWay[0]!.end();
  await flush();
  assert.deepEqual([files.underWay.map(({ run }) => run), isWritten], [[runIdOf(2)], false]);
  assert.deepEqual(await shelf.read(runIdOf(1), "stdout", 1, 2), Uint8Array.of(1, 1));
  assert.deepEqual(await shelf.read(runIdOf(2), "stdout", 0, 9), Uint8Array.of(2, 2, 2));
  files.underWay[0]!.end();
  await written;
  assert.equal(await shelf.read(runIdOf(3), "stdout", 0, 1), null);
  assert.deepEqual([lost, files.removed], [[], []]);
  await shelf.written();
});

Deno.test("folder shelf: what is removed before it is written is not written, or removed right after", async () => {
  const { files, shelf } = makeShelf();
  for (const number of [1, 2, 3]) shelf.put(runIdOf(number), run(1));
  shelf.remove([runIdOf(1), runIdOf(2)]);
  assert.deepEqual(files.removed, []);
  assert.equal(await shelf.read(runIdOf(2), "stdout", 0, 1), null);
  files.underWay[0]!.end();
  await flush();
  assert.deepEqual(files.removed, [runIdOf(1)]);
  assert.deepEqual(files.underWay.map(({ run }) => run), [runIdOf(3)]);
  files.underWay[0]!.end();
  await shelf.written();
  assert.deepEqual([...files.files.keys()], [runIdOf(3)]);
  shelf.remove([runIdOf(3)]);
  assert.deepEqual([...files.files.keys()], []);
});

Deno.test("folder shelf: where the disk is slower than the runs, some are lost and not more and more wait", async () => {
  const { files, shelf, lost } = makeShelf();
  const records = await loggedBy(async () => {
    for (let number = 1; number <= 40; number++) shelf.put(runIdOf(number), run(1_048_576));
    assert.deepEqual(lost, Array.from({ length: 8 }, (_, index) => runIdOf(33 + index)));
    // There is room again when one is written.
    files.underWay[0]!.end();
    await flush();
    shelf.put(runIdOf(41), run(1_048_576));
    assert.equal(lost.length, 8);
    while (files.underWay.length > 0) {
      files.underWay[0]!.end();
      await flush();
    }
  });
  assert.deepEqual(records.map(({ rawMessage, properties }) => [rawMessage, properties.lost]), [
    ["a run is not kept", undefined],
    ["runs are kept again", 8],
  ]);
  assert.equal(files.files.size, 33);
});

Deno.test("folder shelf: many small runs do not wait without end either, and a single huge one is taken", async () => {
  const { files, shelf, lost } = makeShelf();
  await loggedBy(async () => {
    for (let number = 0; number < MAX_WAITING.runs + 5; number++) shelf.put(runIdOf(number), run(0));
    assert.equal(lost.length, 5);
    while (files.underWay.length > 0) {
      files.underWay[0]!.end();
      await flush();
    }
    shelf.put(runIdOf(5000), run(MAX_WAITING.bytes + 1));
    assert.equal(lost.length, 5);
    files.underWay[0]!.end();
    await shelf.written();
  });
});

Deno.test("folder shelf: a disk that is full is said once, and again when it is not", async () => {
  const { files, shelf, lost } = makeShelf();
  const records = await loggedBy(async () => {
    for (const number of [1, 2, 3]) shelf.put(runIdOf(number), run(1));
    for (const error of [new Error("No space left on device"), new Error("the same"), undefined]) {
      files.underWay[0]!.end(error);
      await flush();
    }
    await shelf.written();
  });
  assert.deepEqual(lost, [runIdOf(1), runIdOf(2)]);
  assert.equal(await shelf.read(runIdOf(1), "stdout", 0, 1), null);
  assert.deepEqual(
    records.map(({ rawMessage, properties }) => [rawMessage, properties.reason ?? properties.lost]),
    [
      ["a run is not kept", "No space left on device"],
      ["runs are kept again", 2],
    ],
  );
});

Deno.test("folder shelf: a run that cannot be written and is not wanted any more is missed by nobody", async () => {
  const { files, shelf, lost } = makeShelf();
  const records = await loggedBy(async () => {
    shelf.put(runIdOf(1), run(1));
    shelf.remove([runIdOf(1)]);
    files.underWay[0]!.end(new Error("No space left on device"));
    await shelf.written();
  });
  assert.deepEqual([records, lost], [[], []]);
});

Deno.test("folder shelf: what cannot be removed is said, and what is shorter than it was is not given", async () => {
  const { files, shelf } = makeShelf();
  shelf.put(runIdOf(1), run(4));
  files.underWay[0]!.end();
  await shelf.written();
  await assert.rejects(shelf.read(runIdOf(1), "stdout", 0, 5), /shorter than it was/);
  files.whyNotRemoved = new Error("it is in use");
  const records = await loggedBy(async () => {
    shelf.remove([runIdOf(1)]);
    await flush();
  });
  assert.deepEqual(records.map(({ level, properties }) => [level, properties.reason]), [[
    "warning",
    "it is in use",
  ]]);
});
