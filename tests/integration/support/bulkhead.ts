/**
 * Starting the program under test: from source with exactly the flags that it prints, or as the compiled executable
 * that `BULKHEAD_BINARY` names.
 *
 * @module
 */

/** The project's folder. */
export const ROOT = decodeURIComponent(new URL("../../../", import.meta.url).pathname);

/** The compiled executable, or null when the source is tested. */
export const BINARY: string | null = Deno.env.get("BULKHEAD_BINARY") ?? null;

/** Where the programs under test keep state: a folder of this test process, removed at its end. */
export const STATE_HOME: string = Deno.makeTempDirSync({ prefix: "bulkhead-state-" });
globalThis.addEventListener("unload", () => Deno.removeSync(STATE_HOME, { recursive: true }));

/** How a finished process ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The environment of the program: nothing of the test's own but what Deno itself needs, and with a binary not even
 * that, so that neither Deno on PATH nor a cache folder can help it.
 */
export function environment(): Record<string, string> {
  const state = { XDG_STATE_HOME: STATE_HOME };
  if (BINARY !== null) return { PATH: "/nonexistent", HOME: "/nonexistent", ...state };
  const kept = ["PATH", "HOME", "DENO_DIR", "DENO_TLS_CA_STORE", "XDG_CACHE_HOME"];
  const values = kept.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(values),
    ...state,
    XDG_CONFIG_HOME: "/nonexistent",
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
}

/** The command line that starts `bulkhead ARGS`, for a process that a test or a client starts. */
export async function commandLine(args: readonly string[]): Promise<[string, ...string[]]> {
  if (BINARY !== null) return [BINARY, ...args];
  return [Deno.execPath(), "run", "--quiet", ...await printedFlags(args), `${ROOT}main.ts`, ...args];
}

/** Options that `permissions` understands too, with the number of their values. */
const CONFIGURING = ["--config", "--tools", "--allow-target", "--transport", "--host", "--port"];
const printed = new Map<string, Promise<string[]>>();

/** The flags that `bulkhead permissions` prints for a command line. */
export function printedFlags(args: readonly string[]): Promise<string[]> {
  const configuring = args.flatMap((arg, index) => CONFIGURING.includes(arg) ? [arg, args[index + 1]!] : []);
  const key = configuring.join("\0");
  const known = printed.get(key) ?? readFlags(configuring);
  printed.set(key, known);
  return known;
}

async function readFlags(configuring: readonly string[]): Promise<string[]> {
  const finished = await execute([
    Deno.execPath(),
    "run",
    "--quiet",
    "-P=inspect",
    `${ROOT}main.ts`,
    "permissions",
    "--format",
    "json",
    ...configuring,
  ]);
  if (finished.code !== 0) throw new Error(`permissions failed: ${finished.stderr}`);
  return JSON.parse(finished.stdout).flags;
}

/** Runs `bulkhead ARGS` to its end. */
export async function bulkhead(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return await execute(await commandLine(args), env);
}

/** Runs `bulkhead ARGS` to its end as the child of another command, such as one that enters a namespace. */
export async function bulkheadUnder(
  wrapper: readonly string[],
  args: readonly string[],
): Promise<Finished> {
  return await execute([...wrapper, ...await commandLine(args)]);
}

/** Runs `bulkhead ARGS` from source with the named permission set: for commands that only look. */
export function inspect(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return execute(inspectCommand(args), env);
}

/** The command line of {@link inspect}. */
export function inspectCommand(args: readonly string[]): readonly string[] {
  const command = BINARY !== null
    ? [BINARY]
    : [Deno.execPath(), "run", "--quiet", "-P=inspect", `${ROOT}main.ts`];
  return [...command, ...args];
}

async function execute(command: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const { code, stdout, stderr } = await new Deno.Command(command[0]!, {
    args: command.slice(1),
    cwd: ROOT,
    clearEnv: true,
    env: { ...environment(), ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A server over HTTP that a test started. */
export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly pid: number;
  /** What it has said on standard error so far; all of it once it has ended. */
  log(): string;
  /** Asks for a run; what comes back is a result or a problem. */
  execute(tool: string, request: unknown): Promise<{
    readonly status: number;
    // deno-lint-ignore no-explicit-any -- what it is, the test says
    readonly body: any;
  }>;
  /** Sends a signal; resolves with the exit code. */
  stop(signal?: Deno.Signal): Promise<number>;
}

/**
 * Starts `bulkhead serve --transport http --port 0 ARGS` and waits for its ready line.
 *
 * @param wrapper a command that becomes the server, after it has entered a namespace for instance
 */
export async function startHttp(
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<HttpServer> {
  const line = await commandLine(["serve", "--transport", "http", "--port", "0", ...args]);
  const [program, ...rest] = [...wrapper, ...line] as [string, ...string[]];
  const child = new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    clearEnv: true,
    env: environment(),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const { url, log, logEnded } = await readLog(child.stderr);
  let ended = false;
  const status = child.status.finally(() => ended = true);
  const stop = async (signal: Deno.Signal = "SIGTERM") => {
    if (!ended) child.kill(signal);
    const { code } = await status;
    await logEnded;
    return code;
  };
  const execute = async (tool: string, request: unknown) => {
    const response = await fetch(`${url}/tools/${tool}/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    return { status: response.status, body: await response.json() };
  };
  return { url, pid: child.pid, log, execute, stop, [Symbol.asyncDispose]: async () => void await stop() };
}

/** Reads the log until the ready line, and on in the background, so that the pipe never fills. */
async function readLog(
  log: ReadableStream<Uint8Array>,
): Promise<{ readonly url: string; readonly log: () => string; readonly logEnded: Promise<void> }> {
  const reader = log.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the server ended before it was ready: ${text}`);
    text += value;
    const url = /ready on (http:\S+?);/.exec(text)?.[1];
    if (url === undefined) continue;
    const logEnded = (async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    })();
    return { url, log: () => text, logEnded };
  }
}
