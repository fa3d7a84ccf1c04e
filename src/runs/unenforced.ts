/**
 * What a manifest declares and this version does not enforce: said wherever a person would rely on it.
 *
 * @module
 */
import type { Manifest } from "../catalog/manifest.ts";

/** The declarations, each as a manifest's path with its value. */
export function unenforced(manifest: Manifest): string[] {
  const limits = Object.entries(manifest.limits)
    .filter(([name, value]) => name !== "timeout_sec" && value !== undefined)
    .map(([name, value]) => `limits.${name}: ${value}`);
  return [...limits, ...(manifest.helpers.length === 0 ? [] : [`helpers: [${manifest.helpers.join(", ")}]`])];
}
