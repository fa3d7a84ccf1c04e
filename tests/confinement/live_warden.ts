/**
 * A real warden with real compartments, for programs of this machine.
 *
 * @module
 */
import type { Compartment, Execution } from "../../src/confinement/compartment.ts";
import { executableFiles } from "../../src/confinement/executable_files.ts";
import { LIBC_PATHS } from "../../src/confinement/linux/kernel.ts";
import { newServerNonce } from "../../src/confinement/linux/run_tag.ts";
import type { Order } from "../../src/confinement/protocol.ts";
import type { Tier } from "../../src/confinement/tier.ts";
import { Warden } from "../../src/confinement/warden.ts";
import type { FromWarden } from "../../src/confinement/warden_protocol.ts";
import { wardenPermissions } from "../../src/confinement/workers.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { orderOf } from "./fake_inside.ts";

/** A shell is in every POSIX system; the compartment is what is tested, with the arguments that a test needs. */
export const SHELL = "/bin/sh";

/** What the shell may start in tier kernel. `id` is not among them. */
const HELPERS = ["cat", "env", "head", "rm", "sleep", "timeout", "true"].map((name) => `/usr/bin/${name}`);

const SOURCES = decodeURIComponent(new URL("../../src", import.meta.url).pathname);

/** Word of a run's last process. */
export type Gone = Extract<FromWarden, { type: "gone" }>;

/** libc where it is on this machine. */
export function libcHere(): string[] {
  return LIBC_PATHS.filter((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** A warden, a folder to write to, and the word of each run's last process. */
export class LiveWarden implements AsyncDisposable {
  readonly folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "bulkhead-warden-" }));
  readonly warden: Warden;
  readonly #tier: Tier;
  readonly #gone = new Map<string, Gone>();
  readonly #waiting = new Map<string, (gone: Gone) => void>();

  /** @param programs what compartments may be made for */
  constructor(tier: Tier, programs: readonly string[] = [SHELL], clock: Clock = systemClock) {
    this.#tier = tier;
    const libc = tier === "kernel" ? libcHere() : [];
    this.warden = new Warden(wardenPermissions(programs, libc, SOURCES), clock, (gone) => {
      this.#gone.set(gone.run, gone);
      this.#waiting.get(gone.run)?.(gone);
    });
  }

  open() {
    return this.warden.open(this.#tier, newServerNonce());
  }

  /** A compartment for one program and, in tier kernel, those that it may start itself. */
  compartment(compartment: string, program = SHELL, helpers: readonly string[] = HELPERS): Compartment {
    const named = executableFiles([program, ...helpers], { realPath: Deno.realPathSync, readHead });
    const executables = named.ok ? named.files : [program];
    return this.warden.compartment({
      compartment,
      program,
      rules: { executables, writableFolder: this.folder, capabilities: [] },
    });
  }

  /** Word of a run's last process, which may have come already. */
  gone(run: string): Promise<Gone> {
    const gone = this.#gone.get(run);
    return gone !== undefined
      ? Promise.resolve(gone)
      : new Promise((resolve) => void this.#waiting.set(run, resolve));
  }

  /** Runs a shell's script in the folder. */
  async sh(
    compartment: Compartment,
    script: string,
    changes: Partial<Order> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<
    { readonly execution: Execution; readonly stdout: string; readonly stderr: string; readonly run: string }
  > {
    const order = orderOf({ args: ["-c", script], ...changes });
    const execution = await compartment.run(order, this.folder, signal);
    const output = "output" in execution ? execution.output : null;
    const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
    return { execution, run: order.id, stdout: text(output?.stdout), stderr: text(output?.stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.warden.close();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Whether a process is there, and alive. */
export function isAlive(pid: number | string): boolean {
  const script = `read _ _ state _ </proc/${pid}/stat && test "$state" != Z`;
  return new Deno.Command(SHELL, { args: ["-c", script], stderr: "null" }).outputSync().success;
}

function readHead(path: string, bytes: number): Uint8Array {
  using file = Deno.openSync(path);
  const head = new Uint8Array(bytes);
  return head.subarray(0, file.readSync(head) ?? 0);
}
