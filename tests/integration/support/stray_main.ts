/**
 * The program with a library that writes to standard output: while it is loaded, and whenever it likes.
 *
 * @module
 */
import { main } from "../../../src/cli/main.ts";
import { systemIo } from "../../../src/server/system.ts";
import { writeEverywhere } from "../../support/stray_writes.ts";

await writeEverywhere("loading");
alert("stray:loading:alert:");
confirm("stray:loading:confirm:");
prompt("stray:loading:prompt:");
setInterval(() => void writeEverywhere("later"), 100);

Deno.exit(await main(Deno.args, systemIo));
