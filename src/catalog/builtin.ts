/**
 * The built-in manifests, embedded as text so that the single executable holds them.
 *
 * @module
 */
import curl from "./builtin/curl.yaml" with { type: "text" };
import nmap from "./builtin/nmap.yaml" with { type: "text" };
import openssl from "./builtin/openssl.yaml" with { type: "text" };

/** A manifest's text and the name it goes by in messages. */
export interface ManifestSource {
  readonly file: string;
  readonly text: string;
}

/** The built-in manifests in the order of their names. */
export const BUILTIN_MANIFESTS: readonly ManifestSource[] = [
  { file: "builtin/curl.yaml", text: curl },
  { file: "builtin/nmap.yaml", text: nmap },
  { file: "builtin/openssl.yaml", text: openssl },
];
