/**
 * A worker with a library that writes to standard output.
 *
 * @module
 */
import "../../src/confinement/quiet_thread.ts";
import { writeEverywhere } from "../support/stray_writes.ts";

await writeEverywhere("worker");
(globalThis as unknown as { postMessage(data: unknown): void }).postMessage("written");
