/**
 * The system, as far as commands use it before permissions are given up: files, environment, identity.
 *
 * @module
 */
import type { AvailabilityWorld } from "../catalog/availability.ts";
import type { ProgramFiles } from "../catalog/program.ts";
import type { ConfigWorld } from "../config/load.ts";
import { mayRun, workerSourceFolder } from "../confinement/permissions.ts";
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

/** How availability is decided in this process. */
export function availabilityWorld(options: { readonly askPermission: boolean }): AvailabilityWorld {
  return {
    files: programFiles,
    self: { uid: idOrNull(() => Deno.uid()), gid: idOrNull(() => Deno.gid()) },
    mayRun: options.askPermission ? mayRun : null,
    compiled: workerSourceFolder() === null,
  };
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
