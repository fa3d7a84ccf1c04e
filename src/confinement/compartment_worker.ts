/**
 * The inside of a compartment: a worker whose only permission is to run one program at one absolute path. It confines
 * its own thread, gives up the means to do so, and only then begins to take orders. It reads the program's output,
 * which is untrusted, and can do nothing with it but pass it on.
 *
 * @module
 */
import "./quiet_thread.ts";
import { confineThread, type ThreadRules } from "./linux/confine_thread.ts";
import { openKernel } from "./linux/kernel.ts";
import { giveUpNativeCode } from "./native_code.ts";
import { Pump, readToTheEnd } from "./pump.ts";
import type { Ending, FromCompartment, InsideOrder, StopCause, ToCompartment } from "./protocol.ts";
import type { CompartmentToWarden, WardenToCompartment } from "./warden_protocol.ts";

/** The part of the worker's global scope that is used; the page's types are the only ones known here. */
const warden = globalThis as unknown as {
  onmessage: ((event: MessageEvent<WardenToCompartment>) => void) | null;
  postMessage(message: CompartmentToWarden): void;
};

/** A name below which nothing can be: executing it fails, after everything else has been done. */
const NOTHING = "/dev/null/bulkhead-self-test";

/** What this compartment was made with. */
interface Opening {
  readonly program: string;
  /** Whether the warden ends the processes; in tier basic the compartment ends its own child. */
  readonly wardenKills: boolean;
  readonly server: MessagePort;
}

/** The runs that go on here, and how to stop them. */
const running = new Map<string, (cause: StopCause) => void>();
/** Their programs, for tier basic when there is no warden any more. */
const children = new Map<string, Deno.ChildProcess>();
/** Runs that could not be started, waiting for the warden's reason. */
const refusals = new Map<string, (reason: string | null) => void>();

warden.onmessage = ({ data }) => {
  if (data.type === "refusal") {
    refusals.get(data.run)?.(data.reason);
    refusals.delete(data.run);
    return;
  }
  if (data.rules !== null && !confine(data.rules)) return;
  const opening: Opening = { program: data.program, wardenKills: data.rules !== null, server: data.port };
  data.port.onmessage = (event: MessageEvent<ToCompartment>) => takeOrder(opening, event.data);
  warden.postMessage({ type: "ready" });
};

/** Confines this thread and gives up the permission to call native code. Whether that is done. */
function confine(rules: ThreadRules): boolean {
  const kernel = openKernel();
  if ("reason" in kernel) {
    warden.postMessage({ type: "not_confined", reason: kernel.reason, machine: true });
    return false;
  }
  const confined = confineThread(kernel, rules);
  if (!confined.ok) {
    warden.postMessage({ type: "not_confined", reason: confined.reason, machine: confined.machine });
    return false;
  }
  warden.postMessage({ type: "confined", listener: confined.listener });
  // Blocks until the warden has treated it like any program's start.
  const errno = kernel.spawnNothing(NOTHING);
  kernel.close();
  if (!giveUpNativeCode(kernel.path)) {
    const reason = "the permission ffi could not be given up";
    warden.postMessage({ type: "not_confined", reason, machine: false });
    return false;
  }
  warden.postMessage({ type: "self_tested", errno });
  return true;
}

function takeOrder(opening: Opening, message: ToCompartment): void {
  if (message.type === "run") void execute(opening, message.order);
  else if (message.type === "cancel") running.get(message.id)?.("cancelled");
  // In tier kernel the undertaker does: a signal would be asked of a warden that does not answer.
  else if (!opening.wardenKills) { for (const child of children.values()) signal(child, "SIGKILL"); }
}

async function execute(opening: Opening, order: InsideOrder): Promise<void> {
  const { id } = order;
  const send = (message: FromCompartment, transfer: Transferable[] = []) =>
    opening.server.postMessage(message, transfer);
  const startedMs = performance.now();
  if (opening.wardenKills) warden.postMessage({ type: "spawning", run: id });
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(opening.program, {
      args: [...order.args],
      clearEnv: true,
      env: { ...order.env },
      cwd: order.cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const refused = opening.wardenKills ? await askWhy(id) : null;
    send({ type: "not_started", id, reason: (refused ?? String(error)).slice(0, 4096) });
    return;
  }
  if (opening.wardenKills) warden.postMessage({ type: "spawned", run: id });

  let cause: StopCause | null = null;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const stop = (why: StopCause) => {
    if (cause !== null) return;
    cause = why;
    if (opening.wardenKills) return warden.postMessage({ type: "stop", run: id });
    signal(child, "SIGTERM");
    killTimer = setTimeout(() => signal(child, "SIGKILL"), order.killGraceMs);
  };
  running.set(id, stop);
  children.set(id, child);
  const deadlineTimer = setTimeout(() => stop("timeout"), order.deadlineMs);

  const pass = (stream: "stdout" | "stderr") =>
    new Pump(child[stream], {
      capBytes: order.maxBytes[stream],
      onBytes: (bytes) => send({ type: "output", id, stream, bytes }, [bytes.buffer]),
      onFlood: order.onFlood === "kill" ? () => stop("flood") : null,
    });
  const pumps = { stdout: pass("stdout"), stderr: pass("stderr") };
  const status = await child.status;
  children.delete(id);
  clearTimeout(deadlineTimer);
  clearTimeout(killTimer);
  // What the program left behind is ended now, and with it whatever still holds the output open.
  if (opening.wardenKills) warden.postMessage({ type: "exited", run: id });
  const heldOpen = !await readToTheEnd([pumps.stdout, pumps.stderr], cause === null ? "exit" : "stop");
  running.delete(id);

  const ending: Ending = {
    code: status.signal === null ? status.code : null,
    signal: status.signal,
    cause,
    bytes: { stdout: pumps.stdout.totalBytes, stderr: pumps.stderr.totalBytes },
    durationMs: performance.now() - startedMs,
    heldOpen,
  };
  send({ type: "ended", id, ending });
}

/** Why the warden did not let the program start; null when it was not the warden. */
function askWhy(run: string): Promise<string | null> {
  warden.postMessage({ type: "not_spawned", run });
  return new Promise((resolve) => refusals.set(run, resolve));
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // It has ended in the meantime.
  }
}
