/**
 * What a manifest declares and is not enforced: said wherever a person would rely on it.
 *
 * @module
 */
import type { Manifest } from "../catalog/manifest.ts";
import type { WantedTier } from "../confinement/tier.ts";

/**
 * The declarations, each as a manifest's path with its value and what it would need.
 *
 * @param tier what the configuration asks for
 */
export function unenforced(manifest: Manifest, tier: WantedTier): string[] {
  const { processes } = manifest.limits;
  if (tier !== "basic") {
    return processes === undefined
      ? []
      : [`limits.processes: ${processes} (only where a cgroup v2 is delegated; bulkhead doctor tells)`];
  }
  const limits = Object.entries(manifest.limits)
    .filter(([name, value]) => name !== "timeout_sec" && value !== undefined)
    .map(([name, value]) => `limits.${name}: ${value} (not in tier basic)`);
  const { helpers } = manifest;
  return [
    ...limits,
    ...(helpers.length === 0 ? [] : [`helpers: [${helpers.join(", ")}] (not in tier basic)`]),
  ];
}
