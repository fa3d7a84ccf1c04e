/**
 * Proofs of confinement, run live on the machine that is asked about: from inside main, from inside a thread with a
 * compartment's permissions, and from inside a program that runs as any other does.
 *
 * @module
 */
import { newId } from "../core/ids.ts";
import { type Attempt, type AttemptPlan, connecting, tryAll } from "./attempts.ts";
import type { ConfinedTool } from "./confined_tool.ts";
import type { ProofAnswer, ProofOrder } from "./proof_worker.ts";
import { netGrant } from "./permissions.ts";
import type { Place } from "./place.ts";
import { compartmentPermissions, proberPermissions, PROOF_URL } from "./workers.ts";

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

  /**
   * Tries everything, and ends.
   *
   * @param givesUp the library to load, and then to give up, before that; or null
   */
  async tryAll(plan: AttemptPlan, givesUp: string | null): Promise<ProofAnswer> {
    try {
      return await new Promise((resolve, reject) => {
        this.#worker.onmessage = ({ data }) => resolve(data);
        this.#worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message));
        };
        this.#worker.postMessage({ plan, givesUp } satisfies ProofOrder);
      });
    } finally {
      this.#worker.terminate();
    }
  }
}

/**
 * A compartment can do nothing of the plan, its own program aside, which the runs show: out here it would be started
 * without any limit. The thread goes a compartment's way: it loads libc, gives that up, and then tries.
 *
 * @param program what the compartment may execute
 * @param libc the library that it confines itself with, or null in tier basic
 */
export async function proveCompartment(
  program: string,
  libc: string | null,
  plan: AttemptPlan,
): Promise<Proof[]> {
  const probe = new Probe(compartmentPermissions(program, libc));
  const programs = plan.programs.filter((other) => other !== program);
  const { neverHeld, attempts } = await probe.tryAll({ ...plan, programs }, libc);
  const own = `the compartment of ${program}`;
  const proofs = attempts.map((attempt) => forbidden(`${own} cannot ${attempt.what}`, attempt));
  if (libc === null) return proofs;
  const loads = { name: `${own} can load ${libc} at its beginning`, ok: neverHeld === null };
  return [{ ...loads, detail: neverHeld ?? "it could, and gave that up before what follows" }, ...proofs];
}

/**
 * The prober can do nothing of the plan, its own services aside, which the checks show; nor anything else on loopback,
 * unless that is among them.
 */
export async function proveProber(services: readonly Place[], plan: AttemptPlan): Promise<Proof[]> {
  const probe = new Probe(proberPermissions(services.map(netGrant)));
  const { attempts } = await probe.tryAll({ ...plan, services: [] }, null);
  const own = services.map(connecting);
  return attempts.filter(({ what }) => !own.includes(what))
    .map((attempt) => forbidden(`the prober cannot ${attempt.what}`, attempt));
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
  /** What it says when it may not read a file that is there, and when it may not write one. */
  readonly denied: Readonly<Record<"read" | "write", string>>;
}

/** The programs that can be looked with. */
export const LOOKING_TOOLS = "curl or openssl";

/** The best first. */
const RECIPES: readonly Recipe[] = [
  {
    tool: "openssl",
    show: (path) => ["base64", "-A", "-in", path],
    text: fromBase64,
    write: (path) => ["rand", "-out", path, "1"],
    denied: { read: "Permission denied", write: "Permission denied" },
  },
  {
    tool: "curl",
    show: (path) => ["-q", "--silent", "--show-error", `file://${path}`],
    text: (output) => output,
    // Not --silent, which leaves the reason out even with --show-error.
    write: (path) => ["-q", "--no-progress-meter", "--output", path, "file:///proc/self/limits"],
    // It does not say why it cannot read.
    denied: { read: "(37) Couldn't open file", write: "Permission denied" },
  },
];

/** Nothing, when it is not base64: then it was not openssl that answered. */
function fromBase64(text: string): string {
  try {
    return atob(text.trim());
  } catch {
    return "";
  }
}

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
  /** Removes a file. Whether it was there. */
  remove(path: string): boolean;
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
  proofs.push(denied("a run cannot read the server's environment", secret, recipe.denied.read));
  if (about.landlockAbi > 0) {
    // So that the refusal after it is about the place.
    const own = await run(recipe.write("bulkhead-proof"));
    proofs.push({
      name: "a run can write in its folder",
      ok: own.code === 0,
      detail: own.failed ?? "it could",
    });
    const path = `${about.forbiddenFolder}/bulkhead-proof-${newId()}`;
    const name = "a run cannot write outside of its folder";
    const refused = denied(name, await run(recipe.write(path)), recipe.denied.write);
    proofs.push(about.remove(path) ? { name, ok: false, detail: `it wrote ${path}` } : refused);
  }
  return proofs;
}

/** One execution, as far as a proof is concerned. */
export interface Seen {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is nothing to be seen, or null. */
  readonly failed: string | null;
}

/**
 * A program was kept from something: it ended with an error, printed nothing of what it was to show, and said what it
 * says then. Whatever else went wrong proves nothing.
 *
 * @param says what it says when it is denied
 */
export function denied(name: string, seen: Seen, says: string): Proof {
  // curl breaks its warnings into lines, each with the word before it.
  const said = seen.stderr.replaceAll(/\n(Warning: )?/g, " ").trim();
  const at = said.indexOf(says);
  const ok = seen.code !== null && seen.code !== 0 && seen.stdout === "" && at >= 0;
  if (seen.code === 0) return { name, ok, detail: "it could" };
  if (seen.code === null) return { name, ok, detail: `${seen.failed}; expected: ${says}` };
  const detail = `exit code ${seen.code}: ${at < 0 ? said.slice(0, 300) : said.slice(0, at + says.length)}`;
  return { name, ok, detail: ok ? detail : `${detail}; expected: ${says}` };
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
