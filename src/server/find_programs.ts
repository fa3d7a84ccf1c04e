/**
 * All programs of a setup: those of its tools, and the resolver of names.
 *
 * @module
 */
import { findResolver, type FoundResolver } from "./find_resolver.ts";
import { findTools, type FoundTool, type Machine } from "./find_tools.ts";
import type { Setup } from "./setup.ts";

/** The programs of a setup on this machine. */
export interface Found {
  readonly tools: readonly FoundTool[];
  readonly resolver: FoundResolver;
}

/** Finds the programs of a setup. */
export function findPrograms(setup: Pick<Setup, "config" | "tools" | "policy">, machine: Machine): Found {
  return { tools: findTools(setup, machine), resolver: findResolver(setup, machine) };
}
