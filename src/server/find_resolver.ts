/**
 * Finding the program that resolves names, in the same way as those of tools.
 *
 * @module
 */
import { findProgram } from "../catalog/program.ts";
import { RESOLVER } from "../catalog/resolver_program.ts";
import { confinementSettings } from "../config/settings.ts";
import type { ToolToConfine } from "../confinement/confinement.ts";
import { executableFiles } from "../confinement/executable_files.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { type Machine, noting } from "./find_tools.ts";
import type { Setup } from "./setup.ts";

/** The resolver's program, or why there is none. */
export interface FoundResolver {
  readonly program: ToolToConfine | null;
  /** Empty when there is one. */
  readonly whyNot: string;
  /** The paths that were looked at to find out what starting it executes, links included. */
  readonly looked: readonly string[];
  /** Every path that was asked about at all. */
  readonly dependsOn: readonly string[];
}

/** Looks for it. Where no name is allowed, none is needed. */
export function findResolver(
  { config, policy }: Pick<Setup, "config"> & { readonly policy: Pick<TargetPolicy, "allowsNames"> },
  machine: Machine,
): FoundResolver {
  const asked = new Set<string>();
  const looked = new Set<string>();
  const answer = (program: ToolToConfine | null, whyNot: string): FoundResolver => ({
    program,
    whyNot,
    looked: [...looked],
    dependsOn: [...new Set([...asked, ...looked])],
  });
  if (!policy.allowsNames) return answer(null, "no name is allowed");
  const { command, name, package: packageName } = RESOLVER;
  const found = findProgram(command, packageName, noting(machine.files, asked), machine.self);
  if (found.status !== "found") return answer(null, `${found.reason}. ${found.remedy}`);
  const { path } = found;
  if (machine.mayRun?.(path) === false) {
    return answer(null, `the permission to run ${path} is not granted`);
  }
  const closure = confinementSettings(config).tier === "basic"
    ? { ok: true, files: [] } as const
    : executableFiles([path], noting(machine.files, looked));
  if (!closure.ok) return answer(null, `${closure.reason}. ${closure.remedy}`);
  return answer({ name, program: path, executables: closure.files, capabilities: [] }, "");
}
