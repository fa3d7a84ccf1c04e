/** Standard output is kept; over the real streams of processes of their own. */
import assert from "node:assert/strict";
import { marksOf } from "../support/stray_writes.ts";

const HERE = decodeURIComponent(new URL(".", import.meta.url).pathname);
const WORKERS = `${HERE}../../src/confinement/`;

async function run(script: string) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-read", script],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("standard output: a worker writes nothing there, whatever it tries, and says so in one line each", async () => {
  const { code, stdout, stderr } = await run(`${HERE}stray_worker_main.ts`);
  assert.deepEqual([code, stdout], [0, ""], stderr);
  for (const mark of marksOf("worker")) {
    const lines = stderr.split("\n").filter((line) => line.includes(mark));
    assert(lines.length > 0, `${mark} is not told of: ${stderr}`);
    for (const line of lines) assert(line.startsWith("bulkhead: kept from standard output: "), line);
  }
  for (const text of ["long: yyy", "bytes:zzz"]) {
    const line = stderr.split("\n").find((line) => line.includes(text));
    assert(line !== undefined && line.length < 1100, `${text}: ${line?.length}`);
  }
  assert.doesNotMatch(stderr, /[^\n\u0020-\u007e]/);
});

Deno.test("standard output: every worker, and the program, begin with keeping it", async () => {
  const workers = [...Deno.readDirSync(WORKERS)].map(({ name }) => name).filter((name) =>
    name.endsWith("_worker.ts")
  );
  assert(workers.length >= 5, workers.join());
  for (const name of workers) {
    const text = await Deno.readTextFile(WORKERS + name);
    const [first] = text.match(/^import .*$/m)!;
    assert.equal(first, 'import "./quiet_thread.ts";', name);
  }
  const main = await Deno.readTextFile(`${HERE}../../src/cli/main.ts`);
  assert.equal(main.match(/^import .*$/m)![0], 'import "./quiet_server.ts";');
  for (
    const [file, first] of [["main.ts", "./src/cli/main.ts"], ["scripts/compile.ts", "../../src/cli/main.ts"]]
  ) {
    const text = await Deno.readTextFile(`${HERE}../../${file}`);
    const entry = file === "main.ts" ? text : text.slice(text.indexOf("`import"));
    assert(entry.match(/import .* from "(.*?)"/)![1] === first, file);
  }
});
