import assert from "node:assert/strict";
import {
  MAX_RUN_INDEX_BYTES,
  MAX_RUN_READ_BYTES,
  MAX_RUNS_AT_ONCE,
} from "../../src/confinement/run_messages.ts";
import { Scribe } from "../../src/confinement/scribe.ts";
import { isFromScribe, isToScribe, scratchRoot } from "../../src/confinement/scribe_protocol.ts";
import { systemClock } from "../../src/core/clock.ts";
import { runIdOf } from "../support/runs.ts";

const id = runIdOf(1);
const none = new Uint8Array();
const files = { index: none, result: none, stdout: none, stderr: none };
const bytes = { result: 1, stdout: 2, stderr: 3 };

Deno.test("scribe runs: every order and every answer is in its table, and what is nearly one is not", () => {
  const orders = [
    { type: "open_runs" },
    { type: "list_runs" },
    { type: "keep_run", run: id, ...files, index: new Uint8Array(MAX_RUN_INDEX_BYTES) },
    { type: "read_run", id, run: id, file: "stdout", offset: 5, length: MAX_RUN_READ_BYTES },
    { type: "remove_runs", id, runs: new Array(MAX_RUNS_AT_ONCE).fill(id) },
  ];
  assert.deepEqual(orders.map(isToScribe), orders.map(() => true));
  const answers = [
    { type: "runs_opened" },
    { type: "runs_not_opened", reason: "r" },
    { type: "runs_found", runs: new Array(MAX_RUNS_AT_ONCE).fill({ run: id, index: "{}", bytes }) },
    { type: "runs_listed", damaged: 0 },
    { type: "runs_not_listed", reason: "r" },
    { type: "run_kept", run: id },
    { type: "run_not_kept", run: id, reason: "r" },
    { type: "run_bytes", id, bytes: null },
    { type: "run_bytes", id, bytes: new Uint8Array(MAX_RUN_READ_BYTES) },
    { type: "run_not_read", id, reason: "r" },
    { type: "runs_removed", id, reason: null },
  ];
  assert.deepEqual(answers.map(isFromScribe), answers.map(() => true));
  const noOrders = [
    { type: "open_runs", path: "/etc" },
    { type: "keep_run", run: "..", ...files },
    { type: "keep_run", run: `${id}/..`, ...files },
    { type: "keep_run", run: id, ...files, stdout: "out" },
    { type: "keep_run", run: id, ...files, index: new Uint8Array(MAX_RUN_INDEX_BYTES + 1) },
    { type: "keep_run", run: id, index: none, result: none, stdout: none },
    { type: "read_run", id, run: id, file: "../x", offset: 0, length: 1 },
    { type: "read_run", id, run: id, file: "stdout", offset: -1, length: 1 },
    { type: "read_run", id, run: id, file: "stdout", offset: 0, length: MAX_RUN_READ_BYTES + 1 },
    { type: "remove_runs", id, runs: ["."] },
    { type: "remove_runs", id, runs: new Array(MAX_RUNS_AT_ONCE + 1).fill(id) },
  ];
  assert.deepEqual(noOrders.map(isToScribe), noOrders.map(() => false));
  const noAnswers = [
    { type: "runs_found", runs: [{ run: "..", index: "", bytes }] },
    { type: "runs_found", runs: [{ run: id, index: "", bytes: { ...bytes, stdout: -1 } }] },
    { type: "runs_found", runs: new Array(MAX_RUNS_AT_ONCE + 1).fill({ run: id, index: "", bytes }) },
    { type: "run_bytes", id, bytes: new Uint8Array(MAX_RUN_READ_BYTES + 1) },
    { type: "runs_listed", damaged: -1 },
  ];
  assert.deepEqual(noAnswers.map(isFromScribe), noAnswers.map(() => false));
});

/** A folder for state, and a scribe in it. */
function open(root: string, nonce: string): Scribe {
  return new Scribe({
    stateFolder: `${root}/state`,
    nonce,
    tools: ["probe"],
    uid: Deno.uid(),
    logFile: null,
    wordListFolders: [],
    readable: [],
    clock: systemClock,
  });
}

Deno.test("scribe runs: runs outlast the server that kept them, and programs may write nowhere near", async () => {
  const root = Deno.makeTempDirSync();
  try {
    const first = open(root, "ab");
    await first.opened;
    await first.runs.open();
    const output = Uint8Array.of(0xff, 0, 0x61);
    await first.runs.keep(id, { ...files, index: new TextEncoder().encode("{}"), stdout: output });
    assert.deepEqual(await first.runs.read(id, "stdout", 1, 5), output.slice(1));
    assert.equal(await first.runs.read(runIdOf(2), "stdout", 1, 5), null);
    await assert.rejects(first.runs.keep(id, files));
    const scratch = Deno.realPathSync(scratchRoot(`${root}/state`, "ab", "probe"));
    const kept = Deno.realPathSync(`${root}/state/runs`);
    assert.equal(scratch.startsWith(`${kept}/`) || kept.startsWith(`${scratch}/`), false);
    await first.close();
    await assert.rejects(first.runs.read(id, "stdout", 0, 1), /it was closed/);
    const second = open(root, "cd");
    await second.opened;
    await second.runs.open();
    const found: unknown[] = [];
    assert.equal(await second.runs.list((runs) => found.push(...runs)), 0);
    assert.deepEqual(found, [{ run: id, index: "{}", bytes: { result: 0, stdout: 3, stderr: 0 } }]);
    await second.runs.remove(Array.from({ length: 3 * MAX_RUNS_AT_ONCE }, (_, number) => runIdOf(number)));
    assert.equal(await second.runs.read(id, "stdout", 0, 1), null);
    assert.deepEqual([...Deno.readDirSync(`${root}/state/runs`)], []);
    await second.close();
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("scribe runs: a folder that may not be used is refused, and the scribe goes on", async () => {
  const root = Deno.makeTempDirSync();
  const scribe = open(root, "ab");
  try {
    await scribe.opened;
    Deno.symlinkSync("/tmp", `${root}/state/runs`);
    await assert.rejects(scribe.runs.open(), /Cannot keep state in .*it is a symbolic link/);
    assert.notEqual((await scribe.makeScratch("probe")).id, "");
  } finally {
    await scribe.close();
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("scribe runs: what is too large for a message is refused here, and the scribe goes on", async () => {
  const root = Deno.makeTempDirSync();
  const scribe = open(root, "ab");
  try {
    await scribe.opened;
    await scribe.runs.open();
    const index = new Uint8Array(MAX_RUN_INDEX_BYTES + 1);
    await assert.rejects(scribe.runs.keep(id, { ...files, index }), /larger than a run may be/);
    await scribe.runs.keep(id, files);
    assert.equal(scribe.death, null);
  } finally {
    await scribe.close();
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("scribe runs: an order before the folder is open is the scribe's end, and whoever waits is told", async () => {
  const root = Deno.makeTempDirSync();
  const scribe = open(root, "ab");
  try {
    await scribe.opened;
    await assert.rejects(scribe.runs.read(id, "stdout", 0, 1), /about runs before their folder was open/);
    assert.notEqual(scribe.death, null);
  } finally {
    await scribe.close();
    Deno.removeSync(root, { recursive: true });
  }
});
