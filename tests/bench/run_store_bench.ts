/**
 * What keeping a run costs the server's own thread: in memory, and for a folder, where the writing itself is the scribe's.
 *
 * @module
 */
import { Scribe } from "../../src/confinement/scribe.ts";
import { systemClock } from "../../src/core/clock.ts";
import { keepInFolder, keepInMemory, type RunKeeping } from "../../src/server/run_keeping.ts";
import { outputOf, reportedRun, startedRun } from "../support/runs.ts";

const settings = () => ({ keep: 200, maxBytes: 67_108_864 });
const root = Deno.makeTempDirSync();
const scribe = new Scribe({
  stateFolder: `${root}/state`,
  nonce: "ab",
  tools: [],
  uid: Deno.uid(),
  logFile: null,
  wordListFolders: [],
  readable: [],
  clock: systemClock,
});
await scribe.opened;
const inFolder = keepInFolder(scribe, settings, systemClock);
await inFolder.open();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

let number = 0;

/** Has a run begin and end. */
function keepOne({ store }: RunKeeping, bytes: number): void {
  const run = startedRun(++number);
  const output = outputOf(new Uint8Array(bytes));
  const reported = reportedRun(run, output);
  store.started(run);
  store.ended(run, reported, output);
}

for (const bytes of [0, 65_536, 1_048_576]) {
  const group = `${bytes} bytes of output`;
  const inMemory = keepInMemory(settings, systemClock);
  Deno.bench(`memory: ${group}`, { group, baseline: true }, () => keepOne(inMemory, bytes));
  Deno.bench(`folder, until it is written: ${group}`, { group }, async () => {
    keepOne(inFolder, bytes);
    // What waits is bounded: without this most would be dropped.
    await inFolder.close();
  });
}
