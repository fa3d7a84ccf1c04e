/**
 * The workers' modules and the permissions that each is made with.
 *
 * @module
 */

/** TypeScript beside this file, or its bundled form beside the bundle. */
function workerUrl(name: string): URL {
  const { url } = import.meta;
  return new URL(`./${name}.${url.endsWith(".ts") ? "ts" : "js"}`, url);
}

/** The modules. */
export const SCRIBE_URL = workerUrl("scribe_worker");
export const WARDEN_URL = workerUrl("warden_worker");
export const UNDERTAKER_URL = workerUrl("undertaker_worker");
export const PROBER_URL = workerUrl("prober_worker");
export const PROOF_URL = workerUrl("proof_worker");
export const COMPARTMENT_URL = workerUrl("compartment_worker");

const NONE = {
  run: false,
  read: false,
  write: false,
  net: false,
  env: false,
  sys: false,
  ffi: false,
  import: false,
} as const satisfies Deno.PermissionOptionsObject;

/**
 * What a compartment is made with: to run `program`, and for a moment to call native code.
 *
 * @param libc the library with which it confines itself, or null in tier basic
 */
export function compartmentPermissions(program: string, libc: string | null): Deno.PermissionOptionsObject {
  return { ...NONE, run: [program], ffi: libc === null ? false : [libc] };
}

/** What the undertaker is made with. */
export function undertakerPermissions(libc: string): Deno.PermissionOptionsObject {
  return { ...NONE, ffi: [libc] };
}

/**
 * What the warden is made with.
 *
 * @param programs what its compartments may run, one each
 * @param sources the folder of worker sources, which it makes compartments from; null in a compiled executable
 */
export function wardenPermissions(
  programs: readonly string[],
  libc: readonly string[],
  sources: string | null,
): Deno.PermissionOptionsObject {
  return {
    ...NONE,
    run: programs.length === 0 ? false : [...programs],
    ffi: libc.length === 0 ? false : [...libc],
    read: sources === null ? false : [sources],
  };
}

/**
 * What may be asked about the machine, for the server's health: the names that Deno gives it. The scribe asks, so that
 * main, which parses untrusted bytes, need not.
 */
export const HEALTH_SYS_NAMES = ["cpus", "systemMemoryInfo", "statfs"] as const;

/**
 * What the scribe is made with.
 *
 * @param logFolder the folder of the log file, in which it is rotated; null without one
 * @param wordListFolders the folders whose files tools may be told to read
 * @param readable what may be read again while the server runs
 */
export function scribePermissions(
  stateFolder: string,
  logFolder: string | null,
  wordListFolders: readonly string[],
  readable: readonly string[],
): Deno.PermissionOptionsObject {
  const folders = logFolder === null ? [stateFolder] : [stateFolder, logFolder];
  return {
    ...NONE,
    read: [...new Set([...folders, ...wordListFolders, ...readable])],
    write: folders,
    sys: [...HEALTH_SYS_NAMES],
  };
}

/**
 * What the prober is made with.
 *
 * @param places where it may connect, as `host:port`; an IPv6 address stands in brackets
 */
export function proberPermissions(places: readonly string[]): Deno.PermissionOptionsObject {
  return { ...NONE, net: places.length === 0 ? false : [...places] };
}
