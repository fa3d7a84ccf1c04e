/**
 * The programs of the built-in catalog, for everything that is made ahead of a configuration.
 *
 * @module
 */
import { loadCatalog } from "../src/catalog/load.ts";
import { formatDiagnostic } from "../src/documents/diagnostics.ts";

/** The `command` of every built-in manifest. */
export function catalogCommands(): string[] {
  const catalog = loadCatalog([]);
  if (!catalog.ok) throw new Error(catalog.diagnostics.map(formatDiagnostic).join("\n"));
  return catalog.manifests.map(({ manifest }) => manifest.command);
}
