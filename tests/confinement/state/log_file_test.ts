import assert from "node:assert/strict";
import { LogFile } from "../../../src/confinement/state/log_file.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** A log file in a folder of its own. */
function open(maxBytes: number, backups: number, before?: string) {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/log`;
  if (before !== undefined) Deno.writeTextFileSync(path, before);
  const log = new LogFile({ path, maxBytes, backups });
  return {
    log,
    folder,
    path,
    /** Every file by its name. */
    files: () =>
      Object.fromEntries(
        [...Deno.readDirSync(folder)].map(({ name }) => [name, Deno.readTextFileSync(`${folder}/${name}`)]),
      ),
    [Symbol.dispose]() {
      log.close();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

Deno.test("log file: lines are appended to what is there, in a file for its owner alone", () => {
  using fresh = open(100, 1);
  assert.equal(fresh.log.append(encode("a\nb\n"), 0), null);
  fresh.log.append(encode("c\n"), 0);
  assert.deepEqual(fresh.files(), { log: "a\nb\nc\n" });
  assert.equal(Deno.statSync(fresh.path).mode! & 0o777, 0o600);
  using used = open(100, 1, "before\n");
  used.log.append(encode("a\n"), 0);
  assert.deepEqual(used.files(), { log: "before\na\n" });
});

Deno.test("log file: a line that fits exactly stays, one byte more goes to the next file", () => {
  using exact = open(8, 1);
  exact.log.append(encode("123\n"), 0);
  exact.log.append(encode("567\n"), 0);
  assert.deepEqual(exact.files(), { log: "123\n567\n" });
  exact.log.append(encode("\n"), 0);
  assert.deepEqual(exact.files(), { "log": "\n", "log.1": "123\n567\n" });
  using over = open(8, 1);
  over.log.append(encode("123\n"), 0);
  over.log.append(encode("5678\n"), 0);
  assert.deepEqual(over.files(), { "log": "5678\n", "log.1": "123\n" });
});

Deno.test("log file: one batch is spread over files at the ends of lines", () => {
  using test = open(8, 5);
  test.log.append(encode("1\n2\n3\n4\n5\n6\n7\n8\n9\n"), 0);
  assert.deepEqual(test.files(), { "log": "9\n", "log.1": "5\n6\n7\n8\n", "log.2": "1\n2\n3\n4\n" });
});

Deno.test("log file: the oldest file goes when there are as many as are kept", () => {
  using test = open(2, 2);
  for (const line of ["a", "b", "c", "d"]) test.log.append(encode(`${line}\n`), 0);
  assert.deepEqual(test.files(), { "log": "d\n", "log.1": "c\n", "log.2": "b\n" });
});

Deno.test("log file: with no earlier files kept it begins anew", () => {
  using test = open(4, 0);
  test.log.append(encode("a\nb\nc\n"), 0);
  assert.deepEqual(test.files(), { log: "c\n" });
});

Deno.test("log file: a line longer than a whole file is not cut, and has a file of its own", () => {
  using test = open(4, 3);
  test.log.append(encode("a\n0123456789\nb\n"), 0);
  assert.deepEqual(test.files(), { "log": "b\n", "log.1": "0123456789\n", "log.2": "a\n" });
});

Deno.test("log file: a file that was full at the start is rotated first", () => {
  using test = open(4, 1, "full\n");
  test.log.append(encode("a\n"), 0);
  assert.deepEqual(test.files(), { "log": "a\n", "log.1": "full\n" });
});

Deno.test("log file: what somebody else rotated, removed or appended to is followed", () => {
  using test = open(100, 1);
  test.log.append(encode("a\n"), 0);
  Deno.renameSync(test.path, `${test.folder}/taken`);
  test.log.append(encode("b\n"), 0);
  Deno.removeSync(test.path);
  test.log.append(encode("c\n"), 0);
  Deno.writeTextFileSync(test.path, `${"x".repeat(97)}\n`, { append: true });
  test.log.append(encode("d\n"), 0);
  assert.deepEqual(test.files(), { "taken": "a\n", "log": "d\n", "log.1": `c\n${"x".repeat(97)}\n` });
});

Deno.test("log file: a failure is said once, and when it is over the file says how much was lost", () => {
  using test = open(1000, 1);
  test.log.append(encode("a\n"), 0);
  Deno.removeSync(test.folder, { recursive: true });
  assert.match(test.log.append(encode("b\nc\n"), 0) ?? "", /No such file/);
  assert.equal(test.log.append(encode("d\n"), 7), null);
  Deno.mkdirSync(test.folder);
  assert.equal(test.log.append(encode("e\n"), 0), null);
  const [lost, line] = test.files().log!.split("\n");
  const { time, ...rest } = JSON.parse(lost!);
  assert.match(time, /^\d{4}-/);
  assert.deepEqual(rest, {
    level: "warning",
    logger: "bulkhead.scribe",
    message: "log lines were lost",
    lines: 10,
  });
  assert.equal(line, "e");
  Deno.removeSync(test.folder, { recursive: true });
  assert.notEqual(test.log.append(encode("f\n"), 0), null);
  Deno.mkdirSync(test.folder);
});

Deno.test("log file: lines lost on the way are said before the lines after them", () => {
  using test = open(1000, 1);
  test.log.append(encode("a\n"), 3);
  test.log.append(new Uint8Array(0), 2);
  const lines = test.files().log!.trim().split("\n");
  assert.deepEqual(lines.map((line) => line === "a" ? line : JSON.parse(line).lines), [3, "a", 2]);
});

Deno.test("log file: one that cannot be opened is refused with the reason", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    assert.throws(
      () => new LogFile({ path: `${folder}/no/log`, maxBytes: 10, backups: 0 }),
      /^Error: Cannot write the log file ".*\/no\/log": No such file/,
    );
    assert.throws(() => new LogFile({ path: folder, maxBytes: 10, backups: 0 }), /it is not a file/);
    // Opening it would wait for a reader, for ever.
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    assert.throws(
      () => new LogFile({ path: `${folder}/pipe`, maxBytes: 10, backups: 0 }),
      /it is not a file/,
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
