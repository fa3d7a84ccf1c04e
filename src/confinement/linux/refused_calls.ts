/**
 * What the seccomp filter refuses, as data: whole system calls, operations of fcntl(2) and requests of ioctl(2).
 *
 * @module
 */
import type { SyscallName } from "./syscalls.ts";

/** Scheduling, by its first argument: a process may change its own, and no other's. */
export const OWN_ONLY: readonly SyscallName[] = [
  "sched_setparam",
  "sched_setscheduler",
  "sched_setaffinity",
  "sched_setattr",
];

/** Refused with EPERM: no network tool's business. */
export const REFUSED: readonly SyscallName[] = [
  // Looking into other processes; all runs belong to one user.
  ...["ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"] as const,
  // Rare ways to send a signal.
  ...["rt_sigqueueinfo", "rt_tgsigqueueinfo"] as const,
  // Files that have no place where Landlock could look.
  "memfd_create",
  // Memory that outlives its process, and is counted nowhere.
  ...["shmget", "msgget", "semget", "mq_open", "add_key", "request_key", "keyctl"] as const,
  // With a share of the processor for each session (sched(7), autogroup), niceness says nothing between two of them.
  "setsid",
  // What Landlock does not look at: modes, owners, times and attributes of files that the same user owns. A filter does
  // not see which file is meant, so a program loses the same in its own folder: what it fetches or unpacks there has
  // the time at which it was written.
  ...["chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"] as const,
  ...["setxattr", "lsetxattr", "fsetxattr", "setxattrat"] as const,
  ...["removexattr", "lremovexattr", "fremovexattr", "removexattrat"] as const,
  ...["utime", "utimes", "futimesat", "utimensat"] as const,
  "file_setattr",
  "setns",
];

/** Answered as by an older kernel, ENOSYS, for which programs have another way. */
export const UNKNOWN: readonly SyscallName[] = [
  // Its flags are in memory, where a filter cannot look; the C library takes clone(2) instead.
  "clone3",
  "pidfd_send_signal",
  // What is asked for through a ring passes no filter.
  "io_uring_setup",
];

/**
 * Operations of fcntl(2) that are refused: having somebody else sent a signal when input comes; leases, of which one on
 * any file that can be read makes everybody who opens it wait for up to 45 seconds; and word of what changes in a
 * folder, which comes as a signal. F_SETDELEG, a lease under another name, came with Linux 6.19.
 */
export const REFUSED_OPERATIONS = {
  F_SETOWN: 8,
  F_SETOWN_EX: 15,
  F_SETLEASE: 1024,
  F_NOTIFY: 1026,
  F_SETDELEG: 1040,
} as const;

/** Requests of ioctl(2) that are refused; their numbers are the same on both architectures. */
export const REFUSED_REQUESTS = {
  // The same signals by older names, and typing into a terminal: ioctl_tty(2).
  FIOSETOWN: 0x8901,
  SIOCSPGRP: 0x8902,
  TIOCSTI: 0x5412,
  TIOCLINUX: 0x541c,
  // What a file is beside its content, for which its owner needs no right to write: linux/fs.h, linux/fsverity.h,
  // linux/fscrypt.h, linux/msdos_fs.h.
  FS_IOC_SETFLAGS: 0x4008_6602,
  FS_IOC_SETVERSION: 0x4008_7602,
  FS_IOC_FSSETXATTR: 0x401c_5820,
  FS_IOC_ENABLE_VERITY: 0x4080_6685,
  FS_IOC_SET_ENCRYPTION_POLICY: 0x800c_6613,
  FAT_IOCTL_SET_ATTRIBUTES: 0x4004_7211,
  // The user's keys of encrypted folders.
  FS_IOC_ADD_ENCRYPTION_KEY: 0xc050_6617,
  FS_IOC_REMOVE_ENCRYPTION_KEY: 0xc040_6618,
  // Making and removing folders past Landlock, through a folder that is open for reading: linux/btrfs.h.
  BTRFS_IOC_SNAP_CREATE: 0x5000_9401,
  BTRFS_IOC_SUBVOL_CREATE: 0x5000_940e,
  BTRFS_IOC_SNAP_DESTROY: 0x5000_940f,
  BTRFS_IOC_SNAP_CREATE_V2: 0x5000_9417,
  BTRFS_IOC_SUBVOL_CREATE_V2: 0x5000_9418,
  BTRFS_IOC_SUBVOL_SETFLAGS: 0x4008_941a,
  BTRFS_IOC_SNAP_DESTROY_V2: 0x5000_943f,
} as const;
