/**
 * Run as a process of its own by `memory_bench.ts`: brings compartments of one tier up, and prints what this process
 * has in memory before and after as one JSON object, in bytes.
 *
 *     deno run -P=test tests/bench/memory_probe.ts TIER COUNT
 *
 * @module
 */
import type { Tier } from "../../src/confinement/tier.ts";
import { LiveWarden } from "../confinement/live_warden.ts";

const PROGRAM = "/usr/bin/true";
/** So that what only the start took has been given back. */
const SETTLE_MS = 500;

/** Resident memory of the whole process: its threads share it. */
async function residentBytes(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return Deno.memoryUsage().rss;
}

const [tier, count] = Deno.args;
await using live = new LiveWarden(tier as Tier, [PROGRAM]);
await live.open();
const before = await residentBytes();
const compartments = Array.from(
  { length: Number(count) },
  (_, index) => live.compartment(`bench${index}`, PROGRAM, []),
);
await Promise.all(compartments.map(({ ready }) => ready));
const after = await residentBytes();
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ before, after })));
