/**
 * Proofs of confinement, run live on the machine that is asked about: from inside main, from inside a thread with a
 * compartment's permissions, and from inside a program that runs as any other does.
 *
 * @module
 */
import { newId } from "../core/ids.ts";
import { type Attempt, type AttemptPlan, tryAll } from "./attempts.ts";
import type { ConfinedTool } from "./confined_tool.ts";
import { compartmentPermissions, PROOF_URL } from "./workers.ts";

/** What was shown, or not. */
export interface Proof {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Main, once it has given everything up, can do nothing of what the plan holds. */
export async function proveMain(plan: AttemptPlan): Promise<Proof[]> {
  return (await tryAll(plan)).map((attempt) => forbidden(`main cannot ${attempt.what}`, attempt));
}

/** A thread with another's permissions, which tries what it can; made while they may still be given away. */
export class Probe {
  readonly #worker: Worker;

  constructor(permissions: Deno.PermissionOptionsObject) {
    this.#worker = new Worker(PROOF_URL, { type: "module", name: "proof", deno: { permissions } });
  }

  /** Tries everything, and ends. */
  async tryAll(plan: AttemptPlan): Promise<readonly Attempt[]> {
    try {
      return await new Promise((resolve, reject) => {
        this.#worker.onmessage = ({ data }) => resolve(data);
        this.#worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message));
        };
        this.#worker.postMessage(plan);
      });
    } finally {
      this.#worker.terminate();
    }
  }
}

/**
 * A compartment can do nothing of the plan, its own program aside, which the runs show: out here it would be started
 * without any limit.
 *
 * @param program what the compartment may execute
 */
export async function proveCompartment(program: string, plan: AttemptPlan): Promise<Proof[]> {
  const probe = new Probe(compartmentPermissions(program, null));
  const programs = plan.programs.filter((other) => other !== program);
  const attempts = await probe.tryAll({ ...plan, programs });
  return attempts.map((attempt) =>
    forbidden(`the compartment of ${program} cannot ${attempt.what}`, attempt)
  );
}

function forbidden(name: string, { allowed, detail }: Attempt): Proof {
  return { name, ok: !allowed, detail };
}

/** How programs of the catalog can be made to show a file, and to write one. */
interface Recipe {
  readonly tool: string;
  /** Arguments that print the file at `path`. */
  show(path: string): string[];
  /** What was printed, as text. */
  text(output: string): string;
  /** Arguments that try to write a file at `path`. */
  write(path: string): string[];
}

/** The programs that can be looked with. */
export const LOOKING_TOOLS = "curl or openssl";

const RECIPES: readonly Recipe[] = [
  {
    tool: "curl",
    show: (path) => ["-q", "--silent", "--show-error", `file://${path}`],
    text: (output) => output,
    write: (path) => ["-q", "--silent", "--output", path, "file:///proc/self/limits"],
  },
  {
    tool: "openssl",
    show: (path) => ["base64", "-A", "-in", path],
    text: (output) => atob(output.trim()),
    write: (path) => ["rand", "-out", path, "1"],
  },
];

/** The ceilings of the probe: odd numbers, which nobody else would have set. */
const PROBE = { memoryBytes: 251 * 1_048_576, cpuSec: 17, openFiles: 67, fileBytes: 3 * 1_048_576 } as const;

/** Rows of /proc/PID/limits, proc_pid_limits(5), and what stands in them. */
const LIMIT_ROWS: readonly (readonly [row: string, expected: number])[] = [
  ["Max address space", PROBE.memoryBytes],
  ["Max cpu time", PROBE.cpuSec],
  ["Max open files", PROBE.openFiles],
  ["Max file size", PROBE.fileBytes],
  ["Max core file size", 0],
];

/** What the programs' proofs are about. */
export interface ProgramProofs {
  readonly tools: ReadonlyMap<string, ConfinedTool>;
  readonly serverPid: number;
  readonly landlockAbi: number;
  /** A folder that the server's user may write to and no program may. */
  readonly forbiddenFolder: string;
}

/**
 * What a program that runs as any other sees of its own confinement; in tier kernel.
 *
 * @returns null when there is no program to look with
 */
export async function provePrograms(about: ProgramProofs): Promise<Proof[] | null> {
  const recipe = RECIPES.find(({ tool }) => about.tools.get(tool)?.death === null);
  const tool = recipe === undefined ? undefined : about.tools.get(recipe.tool);
  if (recipe === undefined || tool === undefined) return null;
  const run = (args: readonly string[]) => runOnce(tool, args);
  const proofs: Proof[] = [];

  const limits = await run(recipe.show("/proc/self/limits"));
  const seen = limits.failed === null ? recipe.text(limits.stdout) : "";
  for (const [row, expected] of LIMIT_ROWS) {
    const line = seen.split("\n").find((line) => line.startsWith(row));
    const soft = line?.slice(row.length).trim().split(/\s+/)[0];
    const detail = limits.failed ?? `${soft ?? "nothing"}, expected ${expected}`;
    proofs.push({ name: `a run sees its limit: ${row}`, ok: soft === String(expected), detail });
  }

  const status = await run(recipe.show("/proc/self/status"));
  const facts = status.failed === null ? recipe.text(status.stdout) : "";
  for (
    const [field, expected] of [["NoNewPrivs", "1"], ["Seccomp", "2"], ["CapEff", "0".repeat(16)]] as const
  ) {
    const value = new RegExp(`^${field}:\\s*(\\S+)`, "m").exec(facts)?.[1];
    const detail = status.failed ?? `${value ?? "nothing"}, expected ${expected}`;
    proofs.push({ name: `a run sees of itself: ${field}`, ok: value === expected, detail });
  }

  const secret = await run(recipe.show(`/proc/${about.serverPid}/environ`));
  proofs.push(denied("a run cannot read the server's environment", secret));
  if (about.landlockAbi > 0) {
    // So that the refusal after it is about the place.
    const own = await run(recipe.write("bulkhead-proof"));
    proofs.push({
      name: "a run can write in its folder",
      ok: own.code === 0,
      detail: own.failed ?? "it could",
    });
    const written = await run(recipe.write(`${about.forbiddenFolder}/bulkhead-proof`));
    proofs.push(denied("a run cannot write outside of its folder", written));
  }
  return proofs;
}

/** One execution, as far as a proof is concerned. */
interface Seen {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is nothing to be seen, or null. */
  readonly failed: string | null;
}

function denied(name: string, seen: Seen): Proof {
  const ok = seen.code !== null && seen.code !== 0;
  return { name, ok, detail: `exit code ${seen.code}${seen.stderr === "" ? "" : `: ${seen.stderr.trim()}`}` };
}

async function runOnce(tool: ConfinedTool, args: readonly string[]): Promise<Seen> {
  const execution = await tool.run({
    id: newId(),
    args,
    env: {},
    deadlineMs: 10_000,
    killGraceMs: 100,
    maxBytes: { stdout: 65_536, stderr: 4096 },
    onFlood: "kill",
    ceilings: PROBE,
    tree: { memoryBytes: null, processes: null },
  }, new AbortController().signal);
  if (execution.status !== "ended") {
    const failed = execution.status === "cancelled" ? "it was cancelled" : execution.reason;
    return { code: null, stdout: "", stderr: "", failed };
  }
  const { code, signal } = execution.ending;
  const decoder = new TextDecoder();
  const stderr = decoder.decode(execution.output.stderr);
  const failed = code === 0 ? null : `it ended with ${code ?? signal}: ${stderr.trim()}`;
  return { code, stdout: decoder.decode(execution.output.stdout), stderr, failed };
}
