/**
 * Servers whose files change while they run, and waiting for what comes of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type HttpServer, startHttp } from "./bulkhead.ts";
import { standInManifest, type TestFolder } from "./programs.ts";

/** A change is noticed within two looks, a second apart; the machine may be busy with much else. */
const PATIENCE_MS = 30_000;

/** Asks until the answer is as wanted. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  while (!await check()) {
    if (performance.now() > giveUp) throw new Error(`in vain waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A line of the log. */
// deno-lint-ignore no-explicit-any -- each message has properties of its own
export type LogLine = Readonly<Record<string, any>>;

/** The lines in a log that are JSON, from `from` characters on. */
export function linesOf(log: string, from = 0): LogLine[] {
  // The last line may not be there as a whole yet.
  return log.slice(from).split("\n").slice(0, -1).filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

/** The messages that end a reload. */
const RELOADED = "configuration reloaded";
const REFUSED = "the configuration was not reloaded: everything stays as it was";

/** A server over HTTP, its configuration, and manifests of its own in the folder `tools`. */
export class ChangingServer implements AsyncDisposable {
  readonly folder: TestFolder;
  readonly server: HttpServer;
  /** The headers of every request. */
  headers: Readonly<Record<string, string>> = {};

  private constructor(folder: TestFolder, server: HttpServer) {
    this.folder = folder;
    this.server = server;
  }

  /**
   * Starts one in a folder that may hold programs and manifests by now, and is its own from then on.
   *
   * @param wrapper as for `startHttp`
   */
  static async start(
    folder: TestFolder,
    config = "",
    wrapper: readonly string[] = [],
  ): Promise<ChangingServer> {
    return new ChangingServer(folder, await startHttp(argumentsFor(folder, config), wrapper));
  }

  /** What is at a path. */
  // deno-lint-ignore no-explicit-any -- what it is, the test says
  async get(path: string): Promise<any> {
    const response = await fetch(this.server.url + path, { headers: this.headers });
    return await response.json();
  }

  /** Posts a body; gives the status, and the body of the answer. */
  // deno-lint-ignore no-explicit-any -- what it is, the test says
  async post(path: string, body: unknown = {}): Promise<{ readonly status: number; readonly body: any }> {
    const response = await fetch(this.server.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  /** Runs a tool. */
  execute(tool: string, request: unknown = {}) {
    return this.post(`/tools/${tool}/execute`, request);
  }

  /** The names of the tools that are offered. */
  async offered(): Promise<string[]> {
    const { tools } = await this.get("/tools");
    return tools.filter(({ offered }: { offered: boolean }) => offered)
      .map(({ name }: { name: string }) => name);
  }

  /** Lines of the log, of a message, since the log was that long. */
  lines(message: string, from = 0): LogLine[] {
    return linesOf(this.server.log(), from).filter((line) => line.message === message);
  }

  /** Waits for what a change brings to the log: a reload that was asked for by `reason`, or why there was none. */
  async reload(reason: "SIGHUP" | "a file has changed", change: () => void): Promise<LogLine> {
    const from = this.server.log().length;
    change();
    if (reason === "SIGHUP") Deno.kill(this.server.pid, "SIGHUP");
    const ended = () =>
      [...this.lines(RELOADED, from), ...this.lines(REFUSED, from)].find((line) =>
        line.reason.includes(reason)
      );
    await until(`the end of a reload: ${reason}`, () => ended() !== undefined);
    return ended()!;
  }

  /** Writes the configuration and has it read. @returns the keys that have changed */
  async configure(config: string): Promise<readonly string[]> {
    const from = this.server.log().length;
    const line = await this.reload("SIGHUP", () => this.folder.write("config.yaml", config));
    assert.equal(line.message, RELOADED, JSON.stringify(line));
    // It may have been noticed before the signal came.
    return this.lines(RELOADED, from).flatMap(({ changed }) => changed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const code = await this.server.stop();
    assert.equal(code, 0, this.server.log());
    assert.deepEqual(linesOf(this.server.log()).filter(({ message }) => /internal error/.test(message)), []);
  }
}

/** The arguments of a server for a folder, whose files are made as far as they are not there. */
export function argumentsFor(folder: TestFolder, config: string): string[] {
  folder.write("config.yaml", config);
  Deno.mkdirSync(`${folder.path}/tools`, { recursive: true, mode: 0o755 });
  return ["--config", `${folder.path}/config.yaml`, "--tools", `${folder.path}/tools`];
}

/** A stand-in for a tool; returns its program's path. */
export function standIn(folder: TestFolder, name: string, body: string, more = ""): string {
  const script = folder.script(`bin/${name}`, body);
  folder.write(`tools/${name}.yaml`, standInManifest(name, script, more));
  return script;
}

/**
 * A tool `hold` whose runs go on until {@link letGo}; each says `line` when it ends.
 *
 * @returns its program's path, and whether a run has got into the program: a script is opened once more by its
 *   interpreter, after that was started
 */
export function holding(
  folder: TestFolder,
  line = "done",
  more = "",
): { readonly program: string; readonly isRunning: () => boolean } {
  // The length of the sleep is what it is found by.
  const sleep = `sleep 0.05${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const body = `until [ -e ${folder.path}/go ]; do ${sleep}; done; echo ${line}`;
  const program = standIn(folder, "hold", body, `helpers: [sleep]\nlimits: { timeout_sec: 120 }\n${more}`);
  const isRunning = () => {
    const { stdout } = new Deno.Command("ps", { args: ["-eo", "args="] }).outputSync();
    return new TextDecoder().decode(stdout).split("\n").includes(sleep);
  };
  return { program, isRunning };
}

/** Lets the runs of `hold` end. */
export function letGo(folder: TestFolder): void {
  folder.write("go", "");
}
