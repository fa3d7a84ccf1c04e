/**
 * Manifests of a user's own that `deno task compile --tools DIR` put into the executable. From source there are
 * none.
 *
 * @module
 */
import type { ManifestSource } from "./builtin.ts";

let embedded: readonly ManifestSource[] = [];

/** Sets them. The entry that is compiled does so, once, before anything reads the catalog. */
export function embedManifests(sources: readonly ManifestSource[]): void {
  embedded = sources;
}

/** The embedded manifests, which stand beside the built-in ones. */
export function embeddedManifests(): readonly ManifestSource[] {
  return embedded;
}
