/**
 * Whether a tool can be used on this machine, with these permissions, and if not, why and what to do.
 *
 * @module
 */
import type { Manifest } from "./manifest.ts";
import { findProgram, type Identity, type ProgramFiles } from "./program.ts";
import type { Tool } from "./tool.ts";

/** A capability that a manifest may declare. */
export type Capability = Manifest["capabilities"][number];

/** Available with the program's absolute path, or not, with the reason. */
export type Availability =
  | {
    readonly available: true;
    readonly path: string;
    /** The programs that it may start itself, as far as they are there. */
    readonly helpers: readonly string[];
    /** The capabilities that it is to be given. */
    readonly capabilities: readonly Capability[];
  }
  | {
    readonly available: false;
    readonly path: string | null;
    readonly reason: string;
    readonly remedy: string;
  };

/** What a tool needs of the process it runs in. */
export interface AvailabilityWorld {
  readonly files: ProgramFiles;
  readonly self: Identity;
  /** Whether the program at this path may be run, or null when that is not to be asked. */
  readonly mayRun: ((path: string) => boolean) | null;
  /** Whether this program is a single executable, whose permissions were fixed when it was compiled. */
  readonly compiled: boolean;
  /** The capabilities that this process can give, or null when that is not to be asked. */
  readonly capabilities: ReadonlySet<Capability> | null;
}

/** Decides for one tool. */
export function checkAvailability(tool: Tool, world: AvailabilityWorld): Availability {
  const { command, package: packageName, capabilities } = tool.manifest;
  const found = findProgram(command, packageName, world.files, world.self);
  if (found.status !== "found") {
    return { available: false, path: null, reason: found.reason, remedy: found.remedy };
  }
  const missing = capabilities.find((name) => world.capabilities?.has(name) === false);
  if (missing !== undefined) {
    return {
      available: false,
      path: found.path,
      reason:
        `the tool declares capabilities: [${missing}], which this process does not have or cannot hand on`,
      remedy: capabilityRemedy(missing),
    };
  }
  const forbidden = forbiddenFile(tool, world.files);
  if (forbidden !== null) return { available: false, path: found.path, ...forbidden };
  if (world.mayRun !== null && !world.mayRun(found.path)) {
    return {
      available: false,
      path: found.path,
      reason: `the permission to run ${found.path} is not granted`,
      remedy: world.compiled
        ? "The executable can start the programs only that it was compiled for. Compile one for your manifests " +
          "with `deno task compile --tools DIR`, or start from source with the flags that " +
          "`bulkhead permissions --format flags` prints."
        : `Start with the flags that \`bulkhead permissions --format flags\` prints, or add ` +
          `--allow-run=${found.path}.`,
    };
  }
  const helpers: string[] = [];
  for (const helper of tool.manifest.helpers) {
    const search = findProgram(helper, undefined, world.files, world.self);
    // A helper that is not there cannot be started by anybody; one that others could replace would be.
    if (search.status === "found") helpers.push(search.path);
    else if (search.status === "unsafe") {
      return { available: false, path: found.path, reason: search.reason, remedy: search.remedy };
    }
  }
  const optional = tool.manifest.optional_capabilities.filter((name) =>
    !capabilities.includes(name) && world.capabilities?.has(name) === true
  );
  return { available: true, path: found.path, helpers, capabilities: [...capabilities, ...optional] };
}

/** Why the tool cannot be used because of a file that its program would read. */
function forbiddenFile(
  tool: Tool,
  files: ProgramFiles,
): { readonly reason: string; readonly remedy: string } | null {
  for (const path of tool.manifest.forbidden_files) {
    try {
      if (files.stat(path) === null) continue;
    } catch (error) {
      const reason = `whether there is a file ${path} cannot be told: ${(error as Error).message}`;
      return { reason, remedy: "Start with the flags that `bulkhead permissions --format flags` prints." };
    }
    return {
      reason: `its program reads ${path}, which could add to what it is told`,
      remedy: "Remove that file, or use a machine without it.",
    };
  }
  return null;
}

/** How a process comes by a capability. no_new_privs makes those on the tool's own file void. */
function capabilityRemedy(name: Capability): string {
  const kernelName = `CAP_${name.toUpperCase()}`;
  return `Give it to the server, not to the program: \`AmbientCapabilities=${kernelName}\` in a systemd unit, or ` +
    `\`setcap ${kernelName.toLowerCase()}+ep\` on the bulkhead executable; and keep confinement.tier at auto or kernel.`;
}
