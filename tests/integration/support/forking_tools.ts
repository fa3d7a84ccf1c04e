/**
 * Tools whose programs leave children behind, for tests of what is left when a server has ended.
 *
 * @module
 */
import { standInManifest, TestFolder } from "./programs.ts";

/** How many processes one run of `linger` has while it goes on. */
export const PROCESSES_OF_LINGER = 4;

/** What the tools, and the server that has them, are made with. */
export interface ForkingSettings {
  /** How long the server waits for runs when it ends. */
  readonly graceSec: number;
  /** How long a run that is to end may take to do so before it is killed. */
  readonly killGraceSec?: number;
  /** A third tool, called `own`: in its script `$mark` is a number of seconds to sleep by which processes are found. */
  readonly own?: { readonly script: string; readonly manifest?: string };
  /** Further keys of the configuration's section `server`. */
  readonly server?: string;
  /** Further lines of the configuration. */
  readonly more?: string;
}

/**
 * Two tools, and a folder for the server's state that no other server uses.
 *
 * `linger` says `begun` and goes on until it is killed: a child in a group of its own and the one that made it one
 * (timeout(1); a session of its own is denied to it), one whose parent has ended, and itself. `quick` says `done` after a tenth of a second, and leaves children of both kinds behind.
 */
export class ForkingTools implements Disposable {
  readonly folder = new TestFolder();
  /** The arguments with which a server is started. */
  readonly args: readonly string[];
  /** The number of seconds that every process sleeps: they are found by it. */
  readonly #seconds = `9${crypto.getRandomValues(new Uint32Array(1))[0]}`;

  constructor({ graceSec, killGraceSec = 0.2, own, server, more = "" }: ForkingSettings) {
    const { folder } = this;
    const sleep = `sleep ${this.#seconds}`;
    const children = `timeout 600 ${sleep} &\n(${sleep} &)`;
    this.#tool("linger", `echo begun\n${children}\nexec ${sleep}`, 6);
    this.#tool("quick", `${children}\nsleep 0.1\necho done`, 3);
    if (own !== undefined) this.#tool("own", `mark=${this.#seconds}\n${own.script}`, 4, own.manifest);
    const names = ["linger", "quick", ...(own === undefined ? [] : ["own"])];
    const config = folder.write(
      "config.yaml",
      `server: { shutdown_grace_period_sec: ${graceSec}${server === undefined ? "" : `, ${server}`} }
tools: { include: [${names.join(", ")}] }
confinement: { state_dir: ${folder.path}/state, kill_grace_sec: ${killGraceSec} }
logging: { format: json }
${more}
`,
    );
    this.args = ["--tools", `${folder.path}/tools`, "--config", config];
  }

  /** Every process that is there of any run, as ps(1) shows it. */
  async processes(): Promise<string[]> {
    const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pid=,ppid=,sid=,stat=,args="] })
      .output();
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes(this.#seconds));
  }

  /** What servers that have ended have left of their state. */
  stateLeft(): string[] {
    const servers = `${this.folder.path}/state/servers`;
    try {
      return [...Deno.readDirSync(servers)].map(({ name }) => name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }

  #tool(name: string, script: string, concurrency: number, more = ""): void {
    const path = this.folder.script(`bin/${name}`, script);
    const limits = `helpers: [timeout, sleep, head]
concurrency: ${concurrency}
max_queue: 64
limits: { timeout_sec: 60 }
${more}`;
    this.folder.write(`tools/${name}.yaml`, standInManifest(name, path, limits));
  }
}

/** Asks until the answer is as wanted, for at most ten seconds. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpMs = performance.now() + 10_000;
  while (!await check()) {
    if (performance.now() > giveUpMs) throw new Error(`in vain waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
