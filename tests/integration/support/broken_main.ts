/**
 * The program with a bug: an error that nobody catches, thrown at SIGUSR1 by a timer and at SIGUSR2 by a promise.
 *
 * @module
 */
import { main } from "../../../src/cli/main.ts";
import { systemIo } from "../../../src/server/system.ts";

Deno.addSignalListener("SIGUSR1", () => {
  setTimeout(() => {
    throw new Error("broken on purpose");
  });
});
Deno.addSignalListener("SIGUSR2", () => void Promise.reject(new Error("broken on purpose")));
Deno.exit(await main(Deno.args, systemIo));
