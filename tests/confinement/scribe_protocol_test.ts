import assert from "node:assert/strict";
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

Deno.test("scribe protocol: every order and every answer is in its table", () => {
  const orders = [
    { type: "open", order },
    { type: "open", order: { ...order, uid: null, tools: [], logFile: null } },
    { type: "forget", nonce: "f".repeat(64) },
    { type: "make_scratch", tool: "nmap", id },
    { type: "remove_scratch", tool: "nmap", id },
    { type: "log", bytes: new Uint8Array(MAX_LOG_BATCH_BYTES), lost: 0 },
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
  ]
) {
  Deno.test(`scribe protocol: no order: ${JSON.stringify(message).slice(0, 80)}`, () => {
    assert.equal(isToScribe(message), false);
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
