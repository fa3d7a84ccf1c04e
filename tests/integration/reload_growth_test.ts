/** What many reloads leave behind: no thread, and no open file but those that are known. */
import assert from "node:assert/strict";
import { FEW } from "../support/few.ts";
import { BINARY } from "./support/bulkhead.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";
import { ChangingServer, standIn, until } from "./support/reloading.ts";

const options = { ignore: BINARY !== null };

/** Twice as many: the first half is for what is made once. */
const RELOADS = Number(Deno.env.get("RELOADS") ?? (FEW ? 4 : 10));

/** Open files that a compartment of tier kernel leaves behind: see `releaseDescriptors`. */
const FILES_LEFT = 5;

const REPLACED = "the program has changed: new runs start the new one";

/** Threads, open files and memory in KiB of a process: proc(5). A child looks, since Deno itself keeps /proc shut. */
function holdings(
  pid: number,
): { readonly threads: number; readonly files: number; readonly memoryKb: number } {
  const look = (script: string) =>
    new TextDecoder().decode(new Deno.Command("sh", { args: ["-c", script] }).outputSync().stdout);
  const status = look(`cat /proc/${pid}/status`);
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return {
    threads: field("Threads"),
    files: look(`ls /proc/${pid}/fd`).trim().split("\n").length,
    memoryKb: field("VmRSS"),
  };
}

Deno.test(
  "many reloads that replace compartments leave no threads, and no files but the few that are known",
  options,
  async () => {
    using folder = new TestFolder();
    const program = standIn(folder, "say", "echo hello");
    await using server = await ChangingServer.start(folder);
    const reload = async (number: number) => {
      // With another list of files that may be executed the tool has another compartment.
      folder.write(
        "tools/say.yaml",
        standInManifest("say", program, number % 2 === 0 ? "" : "helpers: [sleep]"),
      );
      await server.configure(`limits: { open_files: ${100 + number % 7} }\n`);
      const { body } = await server.execute("say");
      assert.equal(body.stdout, "hello\n", JSON.stringify(body));
    };
    for (let number = 0; number < RELOADS; number++) await reload(number);
    const { pid } = server.server;
    const before = holdings(pid);
    const replacedBefore = server.lines(REPLACED).length;
    for (let number = 0; number < RELOADS; number++) await reload(number);
    const replaced = server.lines(REPLACED).length - replacedBefore;
    assert.equal(replaced, RELOADS);
    const now = () => holdings(pid);
    await until("the end of the threads", () => now().threads <= before.threads + 2);
    await until("the end of the files", () => now().files <= before.files + FILES_LEFT * replaced + 5);
    // deno-lint-ignore no-console -- for whoever measures with more
    if (Deno.env.has("RELOADS")) console.log(before, holdings(pid), replaced);
  },
);
