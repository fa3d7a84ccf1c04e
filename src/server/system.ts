/**
 * The system, as far as commands use it before permissions are given up: files, environment, identity.
 *
 * @module
 */
import { ENVIRONMENT_NAMES } from "../config/environment.ts";
import { confinementSettings } from "../config/settings.ts";
import type { ConfigWorld } from "../config/load.ts";
import type { CapabilityName } from "../confinement/linux/capabilities.ts";
import { askMachine } from "../confinement/machine.ts";
import { mayRun, workerSourceFolder } from "../confinement/permissions.ts";
import { standardOutput } from "../confinement/standard_output.ts";
import type { WantedTier } from "../confinement/tier.ts";
import type { Io } from "../core/exit.ts";
import type { Machine, MachineFiles } from "./find_tools.ts";
import type { Setup } from "./setup.ts";

/** Standard output and standard error, written at once and whole. */
export const systemIo: Io = {
  stdout: (text) => writeAll(standardOutput, text),
  stderr: (text) => writeAll(Deno.stderr, text),
};

/**
 * Where the configuration is read from. The environment and the working folder are those of now, also once they may not be
 * asked for any more.
 */
export function configWorld(): ConfigWorld {
  const environment = new Map(ENVIRONMENT_NAMES.map((name) => [name, environmentVariable(name)]));
  return {
    cwd: workingFolder(),
    env: (name) => environment.get(name),
    readFile: (path) => orNull(() => Deno.readFileSync(path)),
  };
}

function environmentVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    // A name that may not be read was not granted: `permissions` prints the flag for all of them.
    return undefined;
  }
}

/**
 * The machine, asked directly.
 *
 * @param askPermission whether to ask what this process may do, or only what the machine has
 */
export function machineOfNow(
  { config, tools }: Pick<Setup, "config" | "tools">,
  { askPermission }: { readonly askPermission: boolean },
): Machine {
  const declared = tools.some(({ tool: { manifest } }) =>
    manifest.capabilities.length + manifest.optional_capabilities.length > 0
  );
  return {
    files: machineFiles,
    self: { uid: ownUser(), gid: idOrNull(() => Deno.gid()) },
    mayRun: askPermission ? mayRun : null,
    compiled: workerSourceFolder() === null,
    capabilities: askPermission && declared ? givableCapabilities(confinementSettings(config).tier) : null,
  };
}

/** The files of this machine. */
const machineFiles: MachineFiles = {
  stat: (path) =>
    orNull(() => {
      const { isFile, mode, uid, gid } = Deno.statSync(path);
      return { isFile, mode, uid, gid };
    }),
  realPath: (path) => Deno.realPathSync(path),
  readHead,
};

/** The user that this process belongs to, or null where there are no numbers for users. */
export function ownUser(): number | null {
  return idOrNull(() => Deno.uid());
}

/** The capabilities that compartments can be given: none without the kernel's help. */
function givableCapabilities(tier: WantedTier): ReadonlySet<CapabilityName> {
  return new Set(tier === "basic" ? [] : askMachine().capabilities ?? []);
}

function readHead(path: string, bytes: number): Uint8Array {
  using file = Deno.openSync(path);
  return readUpTo(file, bytes);
}

/** The next bytes of a file: `bytes` of them, or fewer when it ends before. */
export function readUpTo(file: Deno.FsFile, bytes: number): Uint8Array {
  const head = new Uint8Array(bytes);
  let length = 0;
  for (;;) {
    const count = file.readSync(head.subarray(length));
    if (count === null || count === 0) return head.subarray(0, length);
    length += count;
    if (length === bytes) return head;
  }
}

function workingFolder(): string {
  try {
    return Deno.cwd();
  } catch {
    // Without read permission there is no working folder; then only absolute paths work, and say so by failing.
    return "/";
  }
}

function idOrNull(read: () => number | null): number | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Null for what is not there; every other error stays one. */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
