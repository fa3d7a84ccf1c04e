/**
 * The hostile program in compartments of a warden, with nothing else of the server around them.
 *
 * @module
 */
import type { Compartment, Execution, OutputListener } from "../../src/confinement/compartment.ts";
import { LIBC_PATHS } from "../../src/confinement/linux/kernel.ts";
import { newServerNonce } from "../../src/confinement/linux/run_tag.ts";
import type { Order } from "../../src/confinement/protocol.ts";
import { Warden } from "../../src/confinement/warden.ts";
import type { FromWarden, KernelReport } from "../../src/confinement/warden_protocol.ts";
import { wardenPermissions } from "../../src/confinement/workers.ts";
import { executableFiles } from "../../src/confinement/executable_files.ts";
import { systemClock } from "../../src/core/clock.ts";
import { hasProgram, IN_CI, TestFolder } from "../integration/support/programs.ts";

/** Set to the program's path where it was built before: an ordinary user's tests run in a copy of the project. */
const BUILT = "BULKHEAD_HOSTILE";
const SOURCE = new URL("hostile.c", import.meta.url);
const SOURCES = decodeURIComponent(new URL("../../src", import.meta.url).pathname);

/** A signal that nobody aborts. */
export const never = new AbortController().signal;

/** Bytes as text. */
export const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Builds the program into a folder; null, and said why, where there is no compiler. */
export function buildHostile(folder: TestFolder): string | null {
  const built = Deno.env.get(BUILT);
  if (built !== undefined) return built;
  if (Deno.build.os !== "linux" || !hasProgram("cc")) return null;
  const path = `${folder.path}/hostile`;
  const made = new Deno.Command("cc", {
    args: ["-std=gnu11", "-O1", "-o", path, decodeURIComponent(SOURCE.pathname), "-pthread"],
  }).outputSync();
  if (!made.success) throw new Error(`cc failed: ${text(made.stderr)}`);
  return path;
}

/** Ceilings low enough to be met. */
export const CEILINGS = { memoryBytes: 512 * 2 ** 20, cpuSec: 30, openFiles: 40, fileBytes: 65_536 };

/** How a run came out, and how long its answer took. */
export interface Outcome {
  readonly id: string;
  readonly execution: Execution;
  readonly tookMs: number;
  /** Standard output. */
  readonly said: string;
}

type Gone = Extract<FromWarden, { type: "gone" }>;

/** Two compartments of the hostile program. */
export class Arena implements AsyncDisposable {
  readonly program: string;
  readonly folder: TestFolder;
  readonly warden: Warden;
  readonly kernel: KernelReport;
  /** The folder that may be written to. */
  readonly scratch: string;
  readonly first: Compartment;
  readonly second: Compartment;
  readonly #gone: Map<string, PromiseWithResolvers<Gone>>;

  private constructor(
    made: Omit<Arena, "run" | "gone" | "outside" | "start" | typeof Symbol.asyncDispose>,
    gone: Map<string, PromiseWithResolvers<Gone>>,
  ) {
    this.program = made.program;
    this.folder = made.folder;
    this.warden = made.warden;
    this.kernel = made.kernel;
    this.scratch = made.scratch;
    this.first = made.first;
    this.second = made.second;
    this.#gone = gone;
  }

  /**
   * Opens it; null, and said why, where the tier kernel is not to be had.
   *
   * @param declared further programs that may be executed
   * @param others programs of further compartments
   */
  static async open(
    declared: readonly string[] = [],
    others: readonly string[] = [],
  ): Promise<Arena | null> {
    const folder = new TestFolder();
    const program = buildHostile(folder);
    if (program === null) return null;
    const gone = new Map<string, PromiseWithResolvers<Gone>>();
    const libc = LIBC_PATHS.filter((path) => isThere(path));
    const warden = new Warden(
      wardenPermissions([program, ...others.map((path) => Deno.realPathSync(path))], libc, SOURCES),
      systemClock,
      (message) => {
        waiting(gone, message.run).resolve(message);
      },
    );
    try {
      const kernel = await warden.open("kernel", newServerNonce());
      const files = executableFiles([program, ...declared], {
        realPath: Deno.realPathSync,
        readHead: (path, bytes) => Deno.readFileSync(path).subarray(0, bytes),
      });
      if (!files.ok) throw new Error(files.reason);
      const scratch = `${folder.path}/scratch`;
      Deno.mkdirSync(scratch);
      const rules = { executables: files.files, writableFolder: scratch, capabilities: [] };
      const [first, second] = ["first", "second"].map((compartment) =>
        warden.compartment({ compartment, program, rules })
      );
      await Promise.all([first!.ready, second!.ready]);
      return new Arena(
        { program, folder, warden, kernel: kernel!, scratch, first: first!, second: second! },
        gone,
      );
    } catch (error) {
      await warden.close();
      folder[Symbol.dispose]();
      if (IN_CI) throw error;
      // deno-lint-ignore no-console -- why a test did nothing is said where its result is read
      console.log(`skipped: ${(error as Error).message}`);
      return null;
    }
  }

  /** Runs the program in a compartment. */
  async run(
    compartment: Compartment,
    args: readonly string[],
    changes: Partial<Order> = {},
    signal: AbortSignal = never,
    onOutput?: OutputListener,
  ): Promise<Outcome> {
    const order: Order = {
      id: crypto.randomUUID(),
      args,
      env: {},
      deadlineMs: 10_000,
      killGraceMs: 100,
      maxBytes: { stdout: 100_000, stderr: 10_000 },
      onFlood: "drain",
      ceilings: CEILINGS,
      tree: { memoryBytes: null, processes: null },
      ...changes,
    };
    const startedMs = performance.now();
    const execution = await compartment.run(order, this.scratch, signal, onOutput);
    const tookMs = performance.now() - startedMs;
    const said = "output" in execution ? text(execution.output.stdout) : "";
    return { id: order.id, execution, tookMs, said };
  }

  /** Resolves when the warden says that nothing is left of a run. */
  async gone(id: string): Promise<Gone> {
    const gone = await waiting(this.#gone, id).promise;
    this.#gone.delete(id);
    return gone;
  }

  /** Runs the program without any confinement; returns what it said. */
  async outside(args: readonly string[]): Promise<string> {
    const { stdout } = await new Deno.Command(this.program, {
      args: [...args],
      cwd: this.scratch,
      stdin: "null",
    })
      .output();
    return text(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.warden.close();
    this.folder[Symbol.dispose]();
  }
}

function waiting(gone: Map<string, PromiseWithResolvers<Gone>>, id: string): PromiseWithResolvers<Gone> {
  const known = gone.get(id) ?? Promise.withResolvers<Gone>();
  gone.set(id, known);
  return known;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Where the processes of a run show that they live: see `struct life`. */
export class Life {
  static #count = 0;
  readonly path: string;

  constructor(folder: string) {
    this.path = `${folder}/life-${++Life.#count}`;
    Deno.writeFileSync(this.path, new Uint8Array(16 + 4 * 2048));
  }

  /** How often each has shown itself. */
  read(): Uint32Array {
    return new Uint32Array(Deno.readFileSync(this.path).buffer).slice(4);
  }

  /** How many have ever been there. */
  get born(): number {
    return this.read().filter((count) => count > 0).length;
  }

  /** How many show themselves within some milliseconds. */
  async alive(withinMs = 60): Promise<number> {
    const before = this.read();
    await pause(withinMs);
    return this.read().filter((count, place) => count !== before[place]).length;
  }

  /**
   * Waits until nobody has shown itself for a while.
   *
   * @returns when somebody was last seen, in milliseconds from the call; Infinity when they go on
   */
  async lastSeen(forMs: number, quietMs = 80): Promise<number> {
    const startedMs = performance.now();
    let seen = this.read();
    let lastMs = 0;
    for (;;) {
      const nowMs = performance.now() - startedMs;
      if (nowMs - lastMs > quietMs) return lastMs;
      if (nowMs > forMs) return Infinity;
      await pause(5);
      const next = this.read();
      if (next.some((count, place) => count !== seen[place])) lastMs = performance.now() - startedMs;
      seen = next;
    }
  }
}

/** Waits. */
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Lines of `NAME RESULT`. */
export function results(said: string): Record<string, string> {
  return Object.fromEntries(
    said.trimEnd().split("\n").map((line) => {
      const space = line.indexOf(" ");
      return [line.slice(0, space), line.slice(space + 1)];
    }),
  );
}

/** Calls `work` for each number below `count`, some at once. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) await work(next++);
  }));
}

/** `p50 1.0, p99 2.0, max 3.0` */
export function percentiles(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
  return `p50 ${at(0.5).toFixed(0)}, p95 ${at(0.95).toFixed(0)}, p99 ${at(0.99).toFixed(0)}, max ${
    at(1).toFixed(0)
  }`;
}
