/**
 * The entry: hands the arguments to the command line.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";
import { systemIo } from "./src/server/system.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, systemIo));
