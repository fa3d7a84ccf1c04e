/**
 * Finding the tools of a setup on a machine: which can be used, and which files that depends on.
 *
 * @module
 */
import { type AvailabilityWorld, checkAvailability } from "../catalog/availability.ts";
import type { ProgramFiles } from "../catalog/program.ts";
import { confinementSettings } from "../config/settings.ts";
import type { ConfiguredTool } from "../config/tools.ts";
import { executableFiles, type ProgramFiles as ExecutableReader } from "../confinement/executable_files.ts";
import type { WantedTier } from "../confinement/tier.ts";
import { folderOf } from "../core/paths.ts";
import type { ToolState } from "../runs/toolbox.ts";
import type { Setup } from "./setup.ts";

/** Files as they are asked about. */
export type MachineFiles = ProgramFiles & ExecutableReader;

/** A machine, asked directly or through somebody who may still ask. */
export interface Machine extends AvailabilityWorld {
  readonly files: MachineFiles;
}

/** What is known of this process once it may not be asked any more. */
export interface SelfFacts extends Pick<Machine, "self" | "compiled" | "capabilities"> {
  /** The programs that may be run, by absolute path, whether they were there or not. */
  readonly granted: ReadonlySet<string>;
  /** The files and folders that may still be read, through the scribe. */
  readonly readable: readonly string[];
}

/** The machine later, its files seen by somebody who may still look. */
export function machineLater(facts: SelfFacts, files: MachineFiles): Machine {
  const { granted, self, compiled, capabilities } = facts;
  return { self, compiled, capabilities, files, mayRun: (path) => granted.has(path) };
}

/** A tool, and every file that starting it executes. */
export interface FoundTool extends ToolState {
  readonly executables: readonly string[];
  /** The paths that were looked at to find the executables, links included: they must be readable. */
  readonly looked: readonly string[];
  /** Every path that was asked about at all: the answer is another one only when one of them has changed. */
  readonly dependsOn: readonly string[];
}

/** Finds out which tools can be used. */
export function findTools(setup: Pick<Setup, "config" | "tools">, machine: Machine): FoundTool[] {
  return setup.tools.map((tool) => findTool(tool, confinementSettings(setup.config).tier, machine));
}

/** Finds out whether one can be used. */
export function findTool({ tool, enabled }: ConfiguredTool, tier: WantedTier, machine: Machine): FoundTool {
  const asked = new Set<string>();
  const looked = new Set<string>();
  const availability = checkAvailability(tool, { ...machine, files: noting(machine.files, asked) });
  const found = { tool, enabled, availability, executables: [], looked: [] };
  if (!availability.available || tier === "basic") return { ...found, dependsOn: [...asked] };
  const programs = [availability.path, ...availability.helpers];
  const closure = executableFiles(programs, noting(machine.files, looked));
  const dependsOn = [...new Set([...asked, ...looked])];
  if (closure.ok) return { ...found, executables: closure.files, looked: [...looked], dependsOn };
  // With auto the tier may turn out to be basic, but what cannot be confined is not used for that.
  const { path } = availability;
  const { reason, remedy } = closure;
  return { ...found, availability: { available: false, path, reason, remedy }, dependsOn };
}

/**
 * The folders of programs that are named by their absolute paths, whether they are there now or not: they must be
 * readable, or nobody could tell that a program which comes later may be trusted.
 */
export function commandFolders(tools: readonly ConfiguredTool[]): string[] {
  return tools.map(({ tool }) => tool.manifest.command).filter((command) => command.startsWith("/")).map(
    folderOf,
  );
}

/** The same files, with each path that is asked about added to `paths`. */
export function noting(files: MachineFiles, paths: Set<string>): MachineFiles {
  return {
    stat(path) {
      paths.add(path);
      return files.stat(path);
    },
    realPath(path) {
      paths.add(path);
      return files.realPath(path);
    },
    readHead(path, bytes) {
      paths.add(path);
      return files.readHead(path, bytes);
    },
  };
}
