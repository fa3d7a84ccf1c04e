/**
 * A server that has opened a scribe and a scratch folder, until it is killed. Its arguments: the folder of
 * state, the nonce.
 */
import { Scribe } from "../../src/confinement/scribe.ts";
import { systemClock } from "../../src/core/clock.ts";

const [stateFolder, nonce] = Deno.args as [string, string];
const scribe = new Scribe({
  stateFolder,
  nonce,
  tools: ["nmap"],
  uid: null,
  logFile: null,
  wordListFolders: [],
  readable: [],
  clock: systemClock,
});
const { dead } = await scribe.opened;
const { path } = await scribe.makeScratch("nmap");
await Deno.writeTextFile(`${path}/left`, "left");
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(dead)}\n`));
// The scribe keeps the process alive.
