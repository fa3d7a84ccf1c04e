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

Deno.test("log file: a line that was cut off before is ended, and the next begins a line", () => {
  using torn = open(100, 1, '{"time":"20');
  torn.log.append(encode("a\n"), 0);
  assert.deepEqual(torn.files(), { log: '{"time":"20\na\n' });
  // Whoever takes its place may have been cut off as well.
  Deno.writeTextFileSync(`${torn.folder}/other`, "half");
  Deno.renameSync(`${torn.folder}/other`, torn.path);
  torn.log.append(encode("b\n"), 0);
  assert.deepEqual(torn.files(), { log: "half\nb\n" });
});

Deno.test("log file: a line longer than a whole file, with no earlier files kept", () => {
  using test = open(4, 0);
  test.log.append(encode("a\n0123456789\nb\n0123456789\n"), 0);
  assert.deepEqual(test.files(), { log: "0123456789\n" });
});

Deno.test("log file: truncated in place, as logrotate's copytruncate does, it goes on from the beginning", () => {
  using test = open(8, 1);
  test.log.append(encode("123\n567\n"), 0);
  Deno.truncateSync(test.path);
  test.log.append(encode("b\n"), 0);
  assert.deepEqual(test.files(), { log: "b\n" });
});

Deno.test("log file: where it cannot be rotated, it says so once, and keeps what it has", () => {
  using test = open(4, 1);
  Deno.mkdirSync(`${test.path}.1`);
  test.log.append(encode("a\n"), 0);
  assert.match(test.log.append(encode("1234\n"), 0) ?? "", /directory/);
  assert.equal(test.log.append(encode("5678\n"), 0), null);
  assert.equal(Deno.readTextFileSync(test.path), "a\n");
  Deno.removeSync(`${test.path}.1`);
  assert.equal(test.log.append(encode("b\n"), 0), null);
  assert.match(test.files()["log.1"]!, /"message":"log lines were lost","lines":2\}\n$/);
  assert.equal(test.files().log, "b\n");
});

/** Fills a small disk with the log, makes room, and goes on. */
const FULL_DISK = `
  import { LogFile } from "${new URL("../../../src/confinement/state/log_file.ts", import.meta.url)}";
  const [folder] = Deno.args;
  const log = new LogFile({ path: folder + "/log", maxBytes: 1_000_000, backups: 1 });
  const encode = (text) => new TextEncoder().encode(text);
  const failures = [];
  for (let line = 0; line < 30; line++) failures.push(log.append(encode(line + "x".repeat(1000) + "\\n"), 0));
  Deno.removeSync(folder + "/other");
  failures.push(log.append(encode("after\\n"), 0));
  console.log(JSON.stringify({ failures, lines: Deno.readTextFileSync(folder + "/log").split("\\n") }));
`;

Deno.test("log file: a full disk is said once; once there is room, the file says what was lost, each line whole", async () => {
  using test = open(10, 1);
  const script = `${test.folder}/full.ts`;
  Deno.writeTextFileSync(script, FULL_DISK);
  const place = `${test.folder}/disk`;
  Deno.mkdirSync(place);
  const inside = `mount -t tmpfs -o size=24k none ${place} && head -c 12000 /dev/zero > ${place}/other && ` +
    `exec ${Deno.execPath()} run --quiet --no-prompt -A ${script} ${place}`;
  const { success, stdout } = await new Deno.Command("unshare", {
    args: ["--map-root-user", "--mount", "sh", "-c", inside],
    stderr: "null",
  }).output().catch(() => ({ success: false, stdout: new Uint8Array() }));
  // Not every machine lets a test have a disk of its own.
  if (!success) return;
  const { failures, lines } = JSON.parse(new TextDecoder().decode(stdout));
  const said = failures.filter((failure: string | null) => failure !== null);
  assert.equal(said.length, 1, JSON.stringify(failures));
  assert.match(said[0], /No space left/);
  assert.equal(failures.at(-1), null);
  const lost = lines.findIndex((line: string) => line.includes("log lines were lost"));
  assert.deepEqual(lines.slice(lost + 1), ["after", ""]);
  const whole = lines.slice(0, lost).filter((line: string) => /^\d+x{1000}$/.test(line));
  // One line at most was cut off, and nothing stands behind it in its line.
  assert(lost - whole.length <= 1, lines.join("\n"));
  assert.equal(JSON.parse(lines[lost]).lines, 30 - whole.length);
});
