/**
 * Loading the catalog: every manifest is read and checked, built-in or not, by the same rules.
 *
 * @module
 */
import { checkDocument } from "../documents/check_document.ts";
import type { Diagnostic } from "../documents/diagnostics.ts";
import { type ParsedDocument, parseDocument, parseDocumentBytes } from "../documents/parse_document.ts";
import { BUILTIN_MANIFESTS } from "./builtin.ts";
import { embeddedManifests } from "./embedded.ts";
import { type Manifest, manifestSchema } from "./manifest.ts";

/** A manifest and where it came from. */
export interface LoadedManifest {
  readonly manifest: Manifest;
  /** `builtin/nmap.yaml`, `embedded/NAME`, or the path of the user's file. */
  readonly file: string;
}

/** A file of a user's manifest folder. */
export interface ManifestFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** The catalog, or all that is wrong with it. */
export type CatalogLoad =
  | { readonly ok: true; readonly manifests: readonly LoadedManifest[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Checks the built-in and embedded manifests and the given files together; names are unique across all. */
export function loadCatalog(files: readonly ManifestFile[]): CatalogLoad {
  const documents = [
    ...[...BUILTIN_MANIFESTS, ...embeddedManifests()].map(({ file, text }) => ({
      file,
      document: parseDocument(text, file),
    })),
    ...files.map(({ file, bytes }) => ({ file, document: parseDocumentBytes(bytes, file) })),
  ];
  const manifests = new Map<string, LoadedManifest>();
  const diagnostics: Diagnostic[] = [];
  for (const { file, document } of documents) {
    const read = readManifest(document);
    if (Array.isArray(read)) {
      diagnostics.push(...read);
      continue;
    }
    const earlier = manifests.get(read.manifest.name);
    if (earlier === undefined) manifests.set(read.manifest.name, { manifest: read.manifest, file });
    else diagnostics.push(read.duplicateOf(earlier.file));
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  return {
    ok: true,
    manifests: [...manifests.values()].sort((a, b) => a.manifest.name < b.manifest.name ? -1 : 1),
  };
}

/** The names under which manifests are looked for in a folder. */
export function isManifestFile(name: string): boolean {
  return /\.(?:ya?ml|json)$/.test(name) && !name.startsWith(".");
}

function readManifest(document: ParsedDocument) {
  if (!document.ok) return [...document.diagnostics];
  const checked = checkDocument(manifestSchema, document);
  if (!checked.ok) return [...checked.diagnostics];
  return {
    manifest: checked.value,
    duplicateOf: (file: string): Diagnostic => ({
      file: document.file,
      ...document.locate(["name"]),
      path: "name",
      message: `tool ${checked.value.name} is declared by ${file} already; choose another name, ` +
        `or change the existing tool with tools.overrides.${checked.value.name}`,
    }),
  };
}
