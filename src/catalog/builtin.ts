/**
 * The built-in manifests, embedded as text so that the single executable holds them.
 *
 * @module
 */
import curl from "./builtin/curl.yaml" with { type: "text" };
import dig from "./builtin/dig.yaml" with { type: "text" };
import gobuster from "./builtin/gobuster.yaml" with { type: "text" };
import masscan from "./builtin/masscan.yaml" with { type: "text" };
import mtr from "./builtin/mtr.yaml" with { type: "text" };
import nmap from "./builtin/nmap.yaml" with { type: "text" };
import openssl from "./builtin/openssl.yaml" with { type: "text" };
import ping from "./builtin/ping.yaml" with { type: "text" };
import sshKeyscan from "./builtin/ssh_keyscan.yaml" with { type: "text" };
import traceroute from "./builtin/traceroute.yaml" with { type: "text" };

/** A manifest's text and the name it goes by in messages. */
export interface ManifestSource {
  readonly file: string;
  readonly text: string;
}

/** Whether that is where a built-in manifest comes from. */
export function isBuiltIn(file: string): boolean {
  return BUILTIN_MANIFESTS.some((one) => one.file === file);
}

/** The built-in manifests in the order of their names. */
export const BUILTIN_MANIFESTS: readonly ManifestSource[] = [
  { file: "builtin/curl.yaml", text: curl },
  { file: "builtin/dig.yaml", text: dig },
  { file: "builtin/gobuster.yaml", text: gobuster },
  { file: "builtin/masscan.yaml", text: masscan },
  { file: "builtin/mtr.yaml", text: mtr },
  { file: "builtin/nmap.yaml", text: nmap },
  { file: "builtin/openssl.yaml", text: openssl },
  { file: "builtin/ping.yaml", text: ping },
  { file: "builtin/ssh_keyscan.yaml", text: sshKeyscan },
  { file: "builtin/traceroute.yaml", text: traceroute },
];
