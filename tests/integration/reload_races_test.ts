/** Reloads that meet runs, each other, and the server's end. */
import assert from "node:assert/strict";
import { BINARY, startHttp } from "./support/bulkhead.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";
import {
  argumentsFor,
  ChangingServer,
  holding,
  letGo,
  linesOf,
  standIn,
  until,
} from "./support/reloading.ts";

const options = { ignore: BINARY !== null };

Deno.test(
  "reloads in any number, of good files and bad, harm no run, and the last good one holds",
  options,
  async () => {
    using folder = new TestFolder();
    const program = standIn(folder, "say", "echo hello", "concurrency: 4\nmax_queue: 100");
    await using server = await ChangingServer.start(folder);
    const runs: Promise<{ status: number; body: { outcome?: string; stdout?: string } }>[] = [];
    for (let round = 0; round < 30; round++) {
      folder.write(
        "config.yaml",
        round % 3 === 0 ? "nonsense: 1\n" : `limits: { open_files: ${100 + round} }\n`,
      );
      const helpers = round % 2 === 0 ? "helpers: [sleep]\n" : "";
      folder.write(
        "tools/say.yaml",
        standInManifest("say", program, `${helpers}concurrency: 4\nmax_queue: 100`),
      );
      Deno.kill(server.server.pid, "SIGHUP");
      runs.push(server.execute("say"), server.execute("say"));
      if (round % 5 === 0) await runs.at(-1);
    }
    for (const { status, body } of await Promise.all(runs)) {
      assert.deepEqual(
        [status, body.outcome, body.stdout],
        [200, "success", "hello\n"],
        JSON.stringify(body),
      );
    }
    await server.configure("limits: { open_files: 999 }\n");
    // What was told may still have been a reload that one of the earlier signals had asked for.
    await until("the last good one", async () => (await server.get("/tools/say")).limits.open_files === 999);
  },
);

Deno.test(
  "an intrusive run that waits is not begun when a reload takes the leave for it back",
  options,
  async () => {
    using folder = new TestFolder();
    const leave = (allowed: boolean) =>
      `auth: { tokens_file: tokens }\nsecurity: { allow_intrusive: ${allowed}, confirm_intrusive: false }\n`;
    const secret = "runner-0123456789abcdef0123456789abcdef";
    folder.write("tokens", `runner read,execute,admin ${secret}\n`, 0o600);
    holding(folder, "done", "concurrency: 1\nintrusive: true");
    await using server = await ChangingServer.start(folder, leave(true));
    server.headers = { authorization: `Bearer ${secret}` };
    const [first, second] = [server.execute("hold"), server.execute("hold")];
    await until("one that runs, one that waits", async () => {
      const { running, queued } = await server.get("/tools/hold");
      return running === 1 && queued === 1;
    });
    await server.configure(leave(false));
    letGo(folder);
    const answers = (await Promise.all([first, second])).map(({ body }) => body.outcome ?? body.error_type)
      .sort();
    assert.deepEqual(answers, ["approval_required", "success"]);
  },
);

Deno.test("a reload that meets the server's end changes nothing of that", options, async () => {
  using folder = new TestFolder();
  const { program } = holding(folder);
  for (const hasRun of [false, true]) {
    const server = await startHttp(argumentsFor(folder, ""));
    const run = hasRun ? server.execute("hold", {}) : null;
    if (hasRun) {
      await until(
        "the run",
        async () => (await (await fetch(`${server.url}/tools/hold`)).json()).running === 1,
      );
    }
    folder.write("config.yaml", "limits: { open_files: 77 }\n");
    folder.write("tools/hold.yaml", standInManifest("hold", program, "helpers: [sleep, cat]"));
    Deno.kill(server.pid, "SIGHUP");
    const stopped = server.stop("SIGTERM");
    Deno.kill(server.pid, "SIGHUP");
    if (hasRun) {
      await until("the stop", () => server.log().includes('"stopping"'));
      Deno.kill(server.pid, "SIGHUP");
      letGo(folder);
      assert.equal((await run!).body.outcome, "success");
    }
    assert.equal(await stopped, 0, server.log());
    const errors = linesOf(server.log()).filter(({ level, logger }) =>
      level === "error" && logger !== "bulkhead.reload"
    );
    assert.deepEqual(errors, []);
    assert.doesNotMatch(server.log(), /Uncaught|internal error/);
  }
});
