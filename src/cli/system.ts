/**
 * The system, as far as commands use it before permissions are given up: files, environment, identity.
 *
 * @module
 */
import type { AvailabilityWorld } from "../catalog/availability.ts";
import { findProgram, type ProgramFiles, type ProgramSearch } from "../catalog/program.ts";
import { RESOLVER } from "../catalog/resolver_program.ts";
import type { ConfigWorld } from "../config/load.ts";
import type { Tool } from "../catalog/tool.ts";
import type { ProgramFiles as ExecutableReader } from "../confinement/executable_files.ts";
import type { CapabilityName } from "../confinement/linux/capabilities.ts";
import { askMachine } from "../confinement/machine.ts";
import { mayRun, workerSourceFolder } from "../confinement/permissions.ts";
import type { WantedTier } from "../confinement/tier.ts";
import type { Io } from "./command.ts";

/** Standard output and standard error, written at once and whole. */
export const systemIo: Io = {
  stdout: (text) => writeAll(Deno.stdout, text),
  stderr: (text) => writeAll(Deno.stderr, text),
};

/** Where the configuration is read from. */
export function configWorld(): ConfigWorld {
  return {
    cwd: workingFolder(),
    env: (name) => {
      try {
        return Deno.env.get(name);
      } catch {
        // A name that may not be read was not granted: `permissions` prints the flag for all of them.
        return undefined;
      }
    },
    readFile: (path) => orNull(() => Deno.readFileSync(path)),
  };
}

/** The files of a folder, or null when there is no such folder; throws when it cannot be read. */
export function listFolder(path: string): readonly string[] | null {
  return orNull(() =>
    [...Deno.readDirSync(path)].filter((entry) => !entry.isDirectory).map((entry) => entry.name)
  );
}

/** What availability depends on beside the machine. */
export interface AvailabilityOptions {
  /** Whether to ask what this process may do, or only what the machine has. */
  readonly askPermission: boolean;
  readonly tier: WantedTier;
  readonly tools: readonly Tool[];
}

/** How availability is decided in this process. */
export function availabilityWorld({ askPermission, tier, tools }: AvailabilityOptions): AvailabilityWorld {
  const declared = tools.some(({ manifest }) =>
    manifest.capabilities.length + manifest.optional_capabilities.length > 0
  );
  return {
    files: programFiles,
    self: { uid: ownUser(), gid: idOrNull(() => Deno.gid()) },
    mayRun: askPermission ? mayRun : null,
    compiled: workerSourceFolder() === null,
    capabilities: askPermission && declared ? givableCapabilities(tier) : null,
  };
}

/** The user that this process belongs to, or null where there are no numbers for users. */
export function ownUser(): number | null {
  return idOrNull(() => Deno.uid());
}

/** Looks for the program that resolves names. */
export function findResolverProgram(): ProgramSearch {
  const self = { uid: ownUser(), gid: idOrNull(() => Deno.gid()) };
  return findProgram(RESOLVER.command, RESOLVER.package, programFiles, self);
}

/** The capabilities that compartments can be given: none without the kernel's help. */
function givableCapabilities(tier: WantedTier): ReadonlySet<CapabilityName> {
  return new Set(tier === "basic" ? [] : askMachine().capabilities ?? []);
}

/**
 * Programs' files, to find out what starting them executes.
 *
 * @param looked every path that is looked at is added to it
 */
export function programReader(looked: Set<string>): ExecutableReader {
  return {
    realPath(path) {
      looked.add(path);
      return Deno.realPathSync(path);
    },
    readHead(path, bytes) {
      looked.add(path);
      return readHead(path, bytes);
    },
  };
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

const programFiles: ProgramFiles = {
  stat: (path) =>
    orNull(() => {
      const { isFile, mode, uid, gid } = Deno.statSync(path);
      return { isFile, mode, uid, gid };
    }),
  realPath: (path) => Deno.realPathSync(path),
};

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
