/**
 * The mark that every process of a run carries, whatever it does: forks, sessions, a cleared environment, a new
 * parent. It is the limit of a resource that the kernel has not used since Linux 2.4.24 (RLIMIT_LOCKS, getrlimit(2)):
 * limits are inherited by every child, anybody may read them, and the compartment's filter lets nobody change this
 * one. So a run's processes are found by looking at every process's mark, and no other process is ever touched.
 *
 * @module
 */

/** RLIMIT_LOCKS: include/uapi/asm-generic/resource.h. */
export const TAG_RESOURCE = 10;

/**
 * A mark has 62 bits and so is never taken for "no limit": 38 of the server, drawn at its start, and 24 that count
 * its runs.
 */
const SERVER_BITS = 38n;
const RUN_BITS = 24n;

/** A server's part of all its marks: ten hexadecimal digits. */
export type ServerNonce = string;

/** Draws a server's part. */
export function newServerNonce(): ServerNonce {
  const random = crypto.getRandomValues(new BigUint64Array(1))[0]!;
  const drawn = BigInt.asUintN(Number(SERVER_BITS), random);
  // Zero would make marks that look like small limits, which somebody may have set.
  return (drawn === 0n ? 1n : drawn).toString(16).padStart(10, "0");
}

/** Whether `text` can be a server's part. */
export function isServerNonce(text: string): boolean {
  return /^[0-9a-f]{10}$/.test(text) && BigInt(`0x${text}`) > 0n && BigInt(`0x${text}`) < 1n << SERVER_BITS;
}

/** The mark of a server's run number `sequence`, which may count beyond its bits and begins anew then. */
export function runTag(nonce: ServerNonce, sequence: number): bigint {
  return BigInt(`0x${nonce}`) << RUN_BITS | BigInt.asUintN(Number(RUN_BITS), BigInt(sequence));
}

/** The server's part of a mark, or null when the number is none: no limit, or a small one. */
export function nonceOfTag(tag: bigint): ServerNonce | null {
  if (tag >= 1n << SERVER_BITS + RUN_BITS || tag < 1n << RUN_BITS) return null;
  return (tag >> RUN_BITS).toString(16).padStart(10, "0");
}
