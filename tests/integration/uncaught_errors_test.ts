/** A bug that nobody catches stops the server in order: clients are answered, and nothing that was run is left. */
import assert from "node:assert/strict";
import { BINARY, environment, printedFlags, ROOT } from "./support/bulkhead.ts";
import { TestFolder } from "./support/programs.ts";
import { holding, until } from "./support/reloading.ts";

// The bug is built into no executable.
const options = { ignore: BINARY !== null };

for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
  Deno.test(
    `a bug in a ${signal === "SIGUSR1" ? "timer" : "promise"} stops the server in order`,
    options,
    async () => {
      using folder = new TestFolder();
      const { isRunning } = holding(folder);
      const args = ["serve", "--transport", "http", "--port", "0", "--tools", `${folder.path}/tools`];
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          ...await printedFlags(args),
          `${ROOT}tests/integration/support/broken_main.ts`,
          ...args,
        ],
        cwd: ROOT,
        clearEnv: true,
        env: environment(),
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      let log = "";
      const logged = (async () => {
        for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) log += text;
      })();
      await until("the server is ready", () => / ready on /.test(log));
      const url = /ready on (\S+);/.exec(log)![1]!;
      const answer = fetch(`${url}/tools/hold/execute`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
      }).then((response) => response.json());
      await until("the program runs", isRunning);
      child.kill(signal);
      assert.equal((await answer).outcome, "cancelled");
      assert.equal((await child.status).code, 70);
      await logged;
      assert.match(log, /internal error: the server stops/);
      assert.match(log, /bulkhead: internal error: Error: broken on purpose/);
      assert.equal(isRunning(), false);
    },
  );
}
