/**
 * The notifications that a compartment's filter raises: every program that the thread or any of its descendants wants
 * to execute stops before its first instruction, until the warden lets it go on, and so does whoever wants to send a
 * signal to another process or to join its group. See seccomp(2) and seccomp_unotify(2).
 *
 * @module
 */
import { errnoName, type Kernel } from "./kernel.ts";
import { DATA } from "./seccomp_filter.ts";
import { type Architecture, SYSCALLS } from "./syscalls.ts";

/** seccomp(2): operations and flags. */
export const SECCOMP = { setModeFilter: 1, getNotificationSizes: 3, flagNewListener: 8 } as const;

/** struct seccomp_notif: id, pid, flags and struct seccomp_data. */
export const NOTIFICATION_BYTES = 80;
/** struct seccomp_notif_resp: id, value, error and flags. */
export const RESPONSE_BYTES = 24;

/** The ioctls of a listener; the sizes of the structures above are part of the numbers. */
export const NOTIFICATION_IOCTL = {
  receive: 0xc050_2100,
  send: 0xc018_2101,
  isValid: 0x4008_2102,
} as const;

/** Why the kernel's notifications cannot be worked with, or null when they can. */
export function unknownNotifications(kernel: Kernel): string | null {
  const sizes = new Uint8Array(6);
  const sized = kernel.call("seccomp", SECCOMP.getNotificationSizes, 0, sizes);
  if (sized < 0) return `the kernel has no seccomp notifications: ${errnoName(-sized)}`;
  const [notification, response] = new Uint16Array(sizes.buffer);
  return notification === NOTIFICATION_BYTES && response === RESPONSE_BYTES
    ? null
    : `the kernel's seccomp notifications have ${notification} and ${response} bytes, which is not known`;
}

/** Let the system call go on as if it had not been stopped; since Linux 5.5. */
const FLAG_CONTINUE = 1;

/** A process that waits for leave. */
export interface Notification {
  readonly id: bigint;
  /** The thread that made the call; of a process that was just forked, the process. */
  readonly pid: number;
  /** What it wants: to execute a program, or to reach the process, thread or group of this number. */
  readonly wants: "execute" | { readonly reach: number };
}

/** Reads a struct seccomp_notif. */
export function readNotification(bytes: Uint8Array<ArrayBuffer>, architecture: Architecture): Notification {
  const view = new DataView(bytes.buffer);
  // struct seccomp_data begins at 16. The arguments are in registers, so nobody changes them any more.
  const call = view.getInt32(16 + DATA.nr, true);
  const argument = (index: number) => view.getInt32(16 + DATA.low(index), true);
  const wants = call === SYSCALLS.setpgid[architecture]
    ? { reach: argument(1) }
    : call === SYSCALLS.execve[architecture] || call === SYSCALLS.execveat[architecture]
    ? "execute"
    // A group is known by the process that leads it; -1, everybody, by none.
    : { reach: Math.abs(argument(0)) };
  return { id: view.getBigUint64(0, true), pid: view.getUint32(8, true), wants };
}

/** The answer to a notification: go on, or fail with `errno`. */
export function responseBytes(
  id: bigint,
  answer: "continue" | { readonly errno: number },
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RESPONSE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, id, true);
  if (answer === "continue") view.setUint32(20, FLAG_CONTINUE, true);
  else view.setInt32(16, -answer.errno, true);
  return bytes;
}
