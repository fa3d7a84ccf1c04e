/**
 * A worker with a library that writes to standard output.
 *
 * @module
 */
import "../../src/confinement/quiet_thread.ts";
import { reportStrayOutput } from "../../src/confinement/standard_output.ts";
import { writeEverywhere } from "../support/stray_writes.ts";

await writeEverywhere("worker");
// deno-lint-ignore no-console -- it is what is tested
console.log("long:", "y".repeat(100_000));
Deno.stdout.writeSync(new TextEncoder().encode(`bytes:${"z".repeat(100_000)}`));
// Whoever is told of it may write there itself.
let told = 0;
reportStrayOutput(() => {
  told++;
  // deno-lint-ignore no-console -- it is what is tested
  console.log("once more");
});
// deno-lint-ignore no-console -- it is what is tested
console.log("told once");
if (told !== 1) throw new Error(`told ${told} times`);
(globalThis as unknown as { postMessage(data: unknown): void }).postMessage("written");
