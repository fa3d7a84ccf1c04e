import assert from "node:assert/strict";
import {
  MAX_FILE_BYTES,
  MAX_FOLDER_NAMES,
  MAX_HEAD_BYTES,
  MAX_WATCHED,
} from "../../src/confinement/file_look.ts";
import { PROBLEM_LENGTH } from "../../src/confinement/machine_reading.ts";
import {
  isFromScribe,
  isToScribe,
  MAX_DEAD,
  MAX_LOG_BATCH_BYTES,
  scratchRoot,
  type ScribeOrder,
} from "../../src/confinement/scribe_protocol.ts";

const order: ScribeOrder = {
  stateFolder: "/state",
  server: "0123456789",
  uid: 0,
  tools: ["nmap", "lab_ping"],
  logFile: { path: "/log/bulkhead.log", maxBytes: 1024, backups: 0 },
  wordListFolders: ["/usr/share/wordlists"],
  readable: ["/etc/bulkhead.yaml", "/usr/bin"],
};
const id = "a9b1c2d3-0000-4000-8000-000000000000";
const look = {
  stat: { ok: true, value: { isFile: true, mode: 0o100755, uid: 0, gid: null } },
  realPath: { ok: true, value: "/usr/bin/nmap" },
  head: { ok: true, value: new Uint8Array(MAX_HEAD_BYTES) },
};
const disk = { totalBytes: 9e15, freeBytes: 2, availableBytes: 1, filesLeft: 3 };
const reading = {
  processors: { busyMs: 1.5, idleMs: 0 },
  memory: { totalBytes: 2, availableBytes: 1 },
  disk,
  problems: [],
};
const failed = { ok: false, name: "NotCapable", message: "no" };

Deno.test("scribe protocol: every order and every answer is in its table", () => {
  const orders = [
    { type: "open", order },
    { type: "open", order: { ...order, uid: null, tools: [], logFile: null } },
    { type: "forget", nonce: "f".repeat(64) },
    { type: "make_scratch", tool: "nmap", id },
    { type: "remove_scratch", tool: "nmap", id },
    { type: "log", bytes: new Uint8Array(MAX_LOG_BATCH_BYTES), lost: 0 },
    { type: "inspect", id, name: "lists/a.txt" },
    { type: "add_tool", tool: "late" },
    { type: "read_file", id, path: "/etc/bulkhead.yaml" },
    { type: "list_folder", id, path: "/" },
    { type: "look", id, path: `/${"x".repeat(4095)}`, headBytes: MAX_HEAD_BYTES },
    { type: "watch", id, files: new Array(MAX_WATCHED).fill("/a"), folders: [] },
    { type: "measure" },
    { type: "close" },
  ];
  assert.deepEqual(orders.map(isToScribe), orders.map(() => true));
  const answers = [
    { type: "opened", dead: ["ab"] },
    { type: "failed", reason: "r" },
    { type: "forgotten", nonce: "ab" },
    { type: "not_forgotten", nonce: "ab", reason: "r" },
    { type: "made", id },
    { type: "not_made", id, reason: "r" },
    { type: "removed", id },
    { type: "not_removed", id, reason: "r" },
    { type: "tool_added", tool: "late" },
    { type: "tool_not_added", tool: "late", reason: "r" },
    { type: "file", id, file: null },
    { type: "file", id, file: { bytes: new Uint8Array(MAX_FILE_BYTES), mode: 0o100600, uid: 0 } },
    { type: "folder", id, names: null },
    { type: "folder", id, names: new Array(MAX_FOLDER_NAMES).fill("x".repeat(255)) },
    { type: "looked", id, look },
    { type: "looked", id, look: { stat: { ok: true, value: null }, realPath: failed, head: failed } },
    { type: "watching", id },
    { type: "not_read", id, reason: "r" },
    { type: "changed", paths: ["/a"] },
    { type: "measured", reading },
    { type: "measured", reading: { ...reading, disk: { ...disk, filesLeft: null } } },
    {
      type: "measured",
      reading: {
        processors: null,
        memory: null,
        disk: null,
        problems: ["a", "b", "x".repeat(PROBLEM_LENGTH)],
      },
    },
    { type: "logged" },
    { type: "log_failed", reason: "r" },
    { type: "closed" },
    { type: "broken", reason: "r" },
  ];
  assert.deepEqual(answers.map(isFromScribe), answers.map(() => true));
  assert.deepEqual(orders.map(isFromScribe), orders.map(() => false));
});

for (
  const message of [
    { type: "open", order: { ...order, stateFolder: "state" } },
    { type: "open", order: { ...order, stateFolder: "/a\0b" } },
    { type: "open", order: { ...order, server: "" } },
    { type: "open", order: { ...order, server: "0".repeat(65) } },
    { type: "open", order: { ...order, server: "../0" } },
    { type: "open", order: { ...order, uid: -1 } },
    { type: "open", order: { ...order, tools: [".."] } },
    { type: "open", order: { ...order, tools: new Array(257).fill("a") } },
    { type: "open", order: { ...order, logFile: { ...order.logFile, backups: 0.5 } } },
    { type: "open", order: { ...order, more: 1 } },
    { type: "forget", nonce: "." },
    { type: "make_scratch", tool: "a/b", id },
    { type: "make_scratch", tool: "nmap", id: ".." },
    { type: "remove_scratch", tool: "nmap", id: "a/../../b" },
    { type: "remove_scratch", tool: "nmap", id: "" },
    { type: "log", bytes: new Uint8Array(MAX_LOG_BATCH_BYTES + 1), lost: 0 },
    { type: "log", bytes: "line\n", lost: 0 },
    { type: "log", bytes: new Uint8Array(0), lost: -1 },
    { type: "close", now: true },
    { type: "measure", id },
    { type: "open", order: { ...order, readable: ["relative"] } },
    { type: "open", order: { ...order, tools: ["nmap.2"] } },
    { type: "add_tool", tool: "../x" },
    { type: "read_file", id, path: "relative" },
    { type: "read_file", id: "..", path: "/a" },
    { type: "list_folder", id, path: "/a\0b" },
    { type: "look", id, path: `/${"x".repeat(4096)}`, headBytes: 0 },
    { type: "look", id, path: "/a", headBytes: MAX_HEAD_BYTES + 1 },
    { type: "look", id, path: "/a", headBytes: 0.5 },
    { type: "watch", id, files: [], folders: new Array(MAX_WATCHED + 1).fill("/a") },
    { type: "watch", id, files: ["a"], folders: [] },
  ]
) {
  Deno.test(`scribe protocol: no order: ${JSON.stringify(message).slice(0, 80)}`, () => {
    assert.equal(isToScribe(message), false);
  });
}

for (
  const message of [
    { type: "file", id, file: { bytes: new Uint8Array(MAX_FILE_BYTES + 1), mode: 0, uid: 0 } },
    { type: "file", id, file: { bytes: new Uint8Array(1), mode: 0, uid: "root" } },
    { type: "folder", id, names: new Array(MAX_FOLDER_NAMES + 1).fill("a") },
    { type: "folder", id, names: ["x".repeat(256)] },
    { type: "looked", id, look: { ...look, head: { ok: true, value: new Uint8Array(MAX_HEAD_BYTES + 1) } } },
    { type: "looked", id, look: { ...look, realPath: { ok: true, value: "relative" } } },
    { type: "looked", id, look: { ...look, realPath: { ok: true, message: "no" } } },
    { type: "looked", id, look: { ...look, stat: { ...failed, name: "constructor" } } },
    { type: "looked", id, look: { ...look, stat: { ...failed, ok: true } } },
    { type: "tool_added", tool: ".." },
    { type: "changed", paths: new Array(2 * MAX_WATCHED + 1).fill("/a") },
    { type: "changed", paths: ["a"] },
    { type: "watching", id: "" },
    { type: "measured" },
    { type: "measured", reading: { ...reading, uptime: 1 } },
    { type: "measured", reading: { ...reading, processors: { busyMs: NaN, idleMs: 0 } } },
    { type: "measured", reading: { ...reading, memory: { totalBytes: 1, availableBytes: -1 } } },
    { type: "measured", reading: { ...reading, disk: { ...disk, freeBytes: Infinity } } },
    { type: "measured", reading: { ...reading, problems: ["x".repeat(PROBLEM_LENGTH + 1)] } },
    { type: "measured", reading: { ...reading, problems: ["a", "b", "c", "d"] } },
  ]
) {
  Deno.test(`scribe protocol: no answer: ${JSON.stringify(message).slice(0, 80)}`, () => {
    assert.equal(isFromScribe(message), false);
  });
}

Deno.test("scribe protocol: answers have bounds", () => {
  assert.equal(isFromScribe({ type: "opened", dead: new Array(MAX_DEAD).fill("ab") }), true);
  assert.equal(isFromScribe({ type: "opened", dead: new Array(MAX_DEAD + 1).fill("ab") }), false);
  assert.equal(isFromScribe({ type: "opened", dead: [".."] }), false);
  assert.equal(isFromScribe({ type: "broken", reason: "x".repeat(4097) }), false);
});

Deno.test("scribe protocol: where a tool's runs have their folders", () => {
  assert.equal(scratchRoot("/state", "ab", "nmap"), "/state/servers/ab/scratch/nmap");
});
