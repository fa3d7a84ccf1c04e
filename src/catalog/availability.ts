/**
 * Whether a tool can be used on this machine, with these permissions, and if not, why and what to do.
 *
 * @module
 */
import { findProgram, type Identity, type ProgramFiles } from "./program.ts";
import type { Tool } from "./tool.ts";

/** Available with the program's absolute path, or not, with the reason. */
export type Availability =
  | { readonly available: true; readonly path: string }
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
  readonly mayRun: ((path: string) => Promise<boolean>) | null;
  /** Whether this program is a single executable, whose permissions were fixed when it was compiled. */
  readonly compiled: boolean;
}

/** Decides for one tool. */
export async function checkAvailability(tool: Tool, world: AvailabilityWorld): Promise<Availability> {
  const { command, package: packageName, capabilities } = tool.manifest;
  const found = findProgram(command, packageName, world.files, world.self);
  if (found.status !== "found") {
    return { available: false, path: null, reason: found.reason, remedy: found.remedy };
  }
  if (capabilities.length > 0) {
    return {
      available: false,
      path: found.path,
      reason: `the tool declares capabilities: [${capabilities.join(", ")}], which this version cannot give`,
      remedy: "Leave the tool out with tools.exclude until a version gives it.",
    };
  }
  if (world.mayRun !== null && !await world.mayRun(found.path)) {
    return {
      available: false,
      path: found.path,
      reason: `the permission to run ${found.path} is not granted`,
      remedy: world.compiled
        ? "The executable was compiled for the catalog's own programs. Start from source with the flags that " +
          "`bulkhead permissions --format flags` prints."
        : `Start with the flags that \`bulkhead permissions --format flags\` prints, or add ` +
          `--allow-run=${found.path}.`,
    };
  }
  return { available: true, path: found.path };
}
