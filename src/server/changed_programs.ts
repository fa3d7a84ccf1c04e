/**
 * Which programs are others than before: what executes them must be made anew, since a compartment is made for the very
 * files that it may execute, and with the capabilities that it may hand on.
 *
 * @module
 */
import type { FoundResolver } from "./find_resolver.ts";
import type { FoundTool } from "./find_tools.ts";

/**
 * The names of the tools that were there before and whose programs, or what starting them executes, are others now.
 *
 * @param changed the paths of files that are others than before, though their names are the same
 */
export function changedTools(
  before: readonly FoundTool[],
  now: readonly FoundTool[],
  changed: ReadonlySet<string>,
): ReadonlySet<string> {
  const known = new Map(before.map((tool) => [tool.tool.name, tool]));
  return new Set(
    now.filter((tool) => {
      const old = known.get(tool.tool.name);
      const { availability } = tool;
      if (old === undefined || !availability.available || !old.availability.available) return false;
      return [availability.path, ...tool.looked].some((path) => changed.has(path)) ||
        termsOf(old) !== termsOf(tool);
    }).map(({ tool }) => tool.name),
  );
}

/** Whether names are to be resolved by another program than before, or by none, or by one after there was none. */
export function isOtherResolver(
  before: FoundResolver,
  now: FoundResolver,
  changed: ReadonlySet<string>,
): boolean {
  return JSON.stringify([before.program, before.whyNot]) !== JSON.stringify([now.program, now.whyNot]) ||
    now.program !== null && [now.program.program, ...now.looked].some((path) => changed.has(path));
}

/** What a compartment is made with, as text. */
function termsOf({ availability, executables }: FoundTool): string {
  return JSON.stringify([
    availability.path,
    availability.available && availability.capabilities,
    executables,
  ]);
}
