/**
 * What a process that does nothing else measures on itself: `deno run -A hostile_load.ts MODE`. Prints JSON.
 */
import { Arena, inParallel, never } from "../support/hostile.ts";
import { CHILD_ENVIRONMENT } from "../../src/confinement/child_environment.ts";
import { executableFiles } from "../../src/confinement/executable_files.ts";

const MIB = 2 ** 20;
const rssMib = () => Deno.memoryUsage().rss / MIB;
const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;

/** Lets go of what is garbage, so that what is kept is seen. */
function collect(): void {
  (globalThis as unknown as { gc?: () => void }).gc?.();
}

/** 1 GiB of output, of which 1 MiB is kept. */
async function flood(arena: Arena): Promise<unknown> {
  const bytes = 1024 * MIB;
  const run = (bytes: number) =>
    arena.run(arena.first, ["flood", String(bytes)], {
      deadlineMs: 60_000,
      maxBytes: { stdout: MIB, stderr: MIB },
    });
  await run(2 * MIB);
  collect();
  const beforeMib = rssMib();
  let peakMib = beforeMib;
  const sampling = setInterval(() => peakMib = Math.max(peakMib, rssMib()), 5);
  const { execution, tookMs } = await run(bytes);
  clearInterval(sampling);
  if (execution.status !== "ended") throw new Error(execution.status);
  return {
    grownMib: Math.max(peakMib, rssMib()) - beforeMib,
    kept: execution.output.stdout.length,
    counted: execution.ending.bytes.stdout,
    code: execution.ending.code,
    tookMs,
  };
}

/** 10,000 short runs through one compartment, measured after 2,000 and at the end. */
async function many(arena: Arena): Promise<unknown> {
  const program = Deno.realPathSync("/bin/true");
  const files = executableFiles([program], {
    realPath: Deno.realPathSync,
    readHead: (path, bytes) => Deno.readFileSync(path).subarray(0, bytes),
  });
  if (!files.ok) throw new Error(files.reason);
  const rules = { executables: files.files, writableFolder: arena.scratch, capabilities: [] };
  const compartment = arena.warden.compartment({ compartment: "true", program, rules });
  await compartment.ready;
  const wrong: string[] = [];
  const run = (count: number) =>
    inParallel(count, 4, async () => {
      const { id, execution } = await arena.run(compartment, [], { env: CHILD_ENVIRONMENT }, never);
      if (execution.status !== "ended") wrong.push(JSON.stringify(execution));
      else if (execution.ending.code !== 0) wrong.push(JSON.stringify(execution.ending));
      void arena.gone(id);
    });
  const measure = () => {
    collect();
    return { rssMib: rssMib(), descriptors: descriptors() };
  };
  const startedMs = performance.now();
  await run(2000);
  const early = measure();
  await run(8000);
  const late = measure();
  return { wrong, early, late, tookMs: performance.now() - startedMs };
}

async function inherited(arena: Arena): Promise<unknown> {
  const { said } = await arena.run(arena.first, ["descriptors"]);
  return { inside: said.trim() };
}

const MODES: Readonly<Record<string, (arena: Arena) => Promise<unknown>>> = { flood, many, inherited };

await using arena = await Arena.open([], ["/bin/true"]);
const measured = arena === null ? null : await MODES[Deno.args[0]!]!(arena);
// deno-lint-ignore no-console -- the answer
console.log(JSON.stringify(measured));
