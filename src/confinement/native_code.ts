/**
 * Giving up the means to call native code, as a compartment does before it takes an order.
 *
 * @module
 */

/**
 * Gives up the calling thread's permission to load libraries, for good.
 *
 * @param libc the library that it was granted for: Deno keeps grants by path and forgets them by path
 * @returns whether the permission is gone
 */
export function giveUpNativeCode(libc: string): boolean {
  Deno.permissions.revokeSync({ name: "ffi", path: libc });
  Deno.permissions.revokeSync({ name: "ffi" });
  return Deno.permissions.querySync({ name: "ffi", path: libc }).state !== "granted";
}
