import assert from "node:assert/strict";
import {
  type FoundRun,
  MAX_RUN_INDEX_BYTES,
  MAX_RUNS_AT_ONCE,
} from "../../../src/confinement/run_messages.ts";
import { RunFolder } from "../../../src/confinement/state/run_folder.ts";
import { runIdOf } from "../../support/runs.ts";

const TEXT = new TextEncoder();

/** A folder for state with a server's own in it. */
class TestState implements Disposable {
  readonly path = Deno.makeTempDirSync();
  readonly runs = `${this.path}/runs`;
  readonly server = `${this.path}/servers/ab`;

  constructor() {
    Deno.chmodSync(this.path, 0o700);
    Deno.mkdirSync(this.server, { recursive: true, mode: 0o700 });
  }

  open(): RunFolder {
    return new RunFolder(this.path, "ab", Deno.uid());
  }

  names(path: string): string[] {
    return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    new Deno.Command("chmod", { args: ["-R", "u+rwX", this.path] }).outputSync();
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** The files of a run. */
function filesOf(stdout: string | Uint8Array = "out") {
  return {
    index: TEXT.encode("{}"),
    result: TEXT.encode("result"),
    stdout: typeof stdout === "string" ? TEXT.encode(stdout) : stdout,
    stderr: new Uint8Array(),
  };
}

async function list(folder: RunFolder): Promise<{ readonly found: FoundRun[]; readonly damaged: number }> {
  const found: FoundRun[] = [];
  const damaged = await folder.list((runs) => found.push(...runs));
  return { found: found.toSorted((a, b) => a.run < b.run ? -1 : 1), damaged };
}

Deno.test("run folder: a run is kept whole, for its owner only, and nothing is left beside it", async () => {
  using state = new TestState();
  const folder = state.open();
  const stdout = Uint8Array.from({ length: 256 }, (_, index) => index);
  await folder.keep(runIdOf(1), filesOf(stdout));
  assert.deepEqual(state.names(state.runs), [runIdOf(1)]);
  assert.deepEqual(state.names(`${state.runs}/${runIdOf(1)}`), ["index", "result", "stderr", "stdout"]);
  assert.deepEqual(state.names(state.server), []);
  const modeOf = (path: string) => Deno.lstatSync(path).mode! & 0o777;
  assert.deepEqual([modeOf(state.runs), modeOf(`${state.runs}/${runIdOf(1)}`)], [0o700, 0o700]);
  for (const name of state.names(`${state.runs}/${runIdOf(1)}`)) {
    assert.equal(modeOf(`${state.runs}/${runIdOf(1)}/${name}`), 0o600);
  }
  assert.deepEqual(folder.read(runIdOf(1), "stdout", 0, 256), stdout);
  assert.deepEqual(folder.read(runIdOf(1), "stdout", 250, 100), stdout.slice(250));
  assert.deepEqual(folder.read(runIdOf(1), "stdout", 300, 100), new Uint8Array());
  assert.deepEqual(folder.read(runIdOf(1), "stderr", 0, 100), new Uint8Array());
  assert.equal(folder.read(runIdOf(2), "stdout", 0, 1), null);
});

Deno.test("run folder: what was kept is found by the next server, in pages", async () => {
  using state = new TestState();
  const count = MAX_RUNS_AT_ONCE + 3;
  for (let number = 0; number < count; number++) {
    await state.open().keep(runIdOf(number), filesOf("x".repeat(number)));
  }
  const sizes: number[] = [];
  const found: FoundRun[] = [];
  assert.equal(
    await state.open().list((runs) => {
      sizes.push(runs.length);
      found.push(...runs);
    }),
    0,
  );
  assert.deepEqual(sizes, [MAX_RUNS_AT_ONCE, 3]);
  const one = found.find(({ run }) => run === runIdOf(100));
  assert.deepEqual(one, { run: runIdOf(100), index: "{}", bytes: { result: 6, stdout: 100, stderr: 0 } });
});

Deno.test("run folder: what is damaged is removed and counted, what is not ours stays", async () => {
  using state = new TestState();
  const folder = state.open();
  for (let number = 1; number <= 8; number++) await folder.keep(runIdOf(number), filesOf());
  const place = (number: number) => `${state.runs}/${runIdOf(number)}`;
  const outside = `${state.path}/outside`;
  Deno.mkdirSync(outside);
  Deno.writeTextFileSync(`${outside}/stdout`, "secret");
  Deno.removeSync(`${place(2)}/index`);
  Deno.removeSync(`${place(3)}/stderr`);
  Deno.writeFileSync(`${place(4)}/index`, Uint8Array.of(0xff));
  Deno.writeFileSync(`${place(5)}/index`, new Uint8Array(MAX_RUN_INDEX_BYTES + 1));
  Deno.removeSync(`${place(6)}/stdout`);
  Deno.symlinkSync(`${outside}/stdout`, `${place(6)}/stdout`);
  // A link in the place of the folder, and a file.
  Deno.symlinkSync(outside, place(20));
  Deno.writeTextFileSync(place(21), "");
  Deno.writeTextFileSync(`${state.runs}/notes`, "mine");
  const { found, damaged } = await list(folder);
  assert.deepEqual(found.map(({ run }) => run), [1, 7, 8].map(runIdOf));
  assert.equal(damaged, 7);
  assert.deepEqual(state.names(state.runs), [...[1, 7, 8].map(runIdOf), "notes"]);
  assert.equal(Deno.readTextFileSync(`${outside}/stdout`), "secret");
});

Deno.test("run folder: no link is followed when a run is read", async () => {
  using state = new TestState();
  const folder = state.open();
  await folder.keep(runIdOf(1), filesOf());
  Deno.writeTextFileSync(`${state.path}/secret`, "secret");
  Deno.removeSync(`${state.runs}/${runIdOf(1)}/stdout`);
  Deno.symlinkSync(`${state.path}/secret`, `${state.runs}/${runIdOf(1)}/stdout`);
  assert.throws(() => folder.read(runIdOf(1), "stdout", 0, 6), /not a file/);
  Deno.mkdirSync(`${state.path}/other`);
  Deno.writeTextFileSync(`${state.path}/other/stdout`, "secret");
  Deno.symlinkSync(`${state.path}/other`, `${state.runs}/${runIdOf(2)}`);
  assert.throws(() => folder.read(runIdOf(2), "stdout", 0, 6), /not a folder/);
});

Deno.test("run folder: a name that is no run's id reaches no file", async () => {
  using state = new TestState();
  const folder = state.open();
  for (const name of ["..", "../servers", "", `${runIdOf(1)}/..`, "a"]) {
    assert.throws(() => folder.read(name, "stdout", 0, 1), /no run's id/);
    await assert.rejects(folder.keep(name, filesOf()));
    assert.match(await folder.remove([name]) ?? "", /no run's id/);
  }
  assert.deepEqual(state.names(state.path), ["runs", "servers"]);
});

Deno.test("run folder: runs are removed by their names, and nothing else is, whatever is there", async () => {
  using state = new TestState();
  const folder = state.open();
  for (const number of [1, 2, 3]) await folder.keep(runIdOf(number), filesOf());
  Deno.writeTextFileSync(`${state.runs}/${runIdOf(2)}/mine`, "mine");
  const reason = await folder.remove([runIdOf(1), runIdOf(2), runIdOf(3), runIdOf(4)]);
  assert.match(reason ?? "", /not empty/i);
  assert.deepEqual(state.names(state.runs), [runIdOf(2)]);
  assert.deepEqual(state.names(`${state.runs}/${runIdOf(2)}`), ["mine"]);
  assert.equal(await folder.remove([runIdOf(4)]), null);
});

Deno.test("run folder: modes that a program has taken away are given back", async () => {
  using state = new TestState();
  const folder = state.open();
  for (const number of [1, 2]) await folder.keep(runIdOf(number), filesOf());
  const place = `${state.runs}/${runIdOf(1)}`;
  Deno.chmodSync(`${place}/stdout`, 0);
  Deno.chmodSync(place, 0);
  Deno.chmodSync(`${state.runs}/${runIdOf(2)}`, 0o500);
  Deno.chmodSync(state.runs, 0);
  assert.deepEqual(folder.read(runIdOf(1), "stdout", 0, 3), TEXT.encode("out"));
  assert.equal(Deno.lstatSync(place).mode! & 0o777, 0o700);
  Deno.chmodSync(state.runs, 0);
  await folder.keep(runIdOf(3), filesOf());
  assert.equal(await folder.remove([runIdOf(2)]), null);
  assert.equal((await list(folder)).damaged, 0);
});

Deno.test("run folder: a run that cannot be written leaves nothing", async () => {
  using state = new TestState();
  const folder = state.open();
  // What has the name cannot be moved aside.
  Deno.mkdirSync(`${state.runs}/${runIdOf(1)}`);
  Deno.writeTextFileSync(`${state.runs}/${runIdOf(1)}/mine`, "mine");
  await assert.rejects(folder.keep(runIdOf(1), filesOf()));
  assert.deepEqual(state.names(state.server), []);
  assert.deepEqual(state.names(`${state.runs}/${runIdOf(1)}`), ["mine"]);
});

Deno.test("run folder: a large run is written in turns", async () => {
  using state = new TestState();
  const folder = state.open();
  const large = new Uint8Array(64 * 1_048_576).fill(7);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await folder.keep(runIdOf(1), filesOf(large));
  clearInterval(timer);
  assert(turns > 0, "nobody else had a turn");
  assert.equal(Deno.lstatSync(`${state.runs}/${runIdOf(1)}/stdout`).size, large.length);
});

Deno.test("run folder: a folder that is another's, or a link, is refused with the reason", () => {
  for (
    const [prepare, reason] of [
      [(path: string) => Deno.symlinkSync("/tmp", path), /it is a symbolic link/],
      [(path: string) => Deno.writeTextFileSync(path, ""), /it is not a folder/],
      [(path: string) => {
        Deno.mkdirSync(path);
        Deno.chmodSync(path, 0o777);
      }, /may write to it/],
    ] as const
  ) {
    using state = new TestState();
    prepare(state.runs);
    assert.throws(() => state.open(), reason);
  }
  using state = new TestState();
  Deno.mkdirSync(state.runs, { mode: 0o700 });
  assert.throws(() => new RunFolder(state.path, "ab", Deno.uid()! + 1), /belongs to another user/);
});
