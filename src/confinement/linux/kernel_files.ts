/**
 * Small files and folders through system calls: the warden holds no read or write permission of Deno's, and
 * the files of /proc and of control groups need none. Every function answers with the negative error number
 * when it fails.
 *
 * The buffers are used again by the next call: what is shown by {@link forEachEntry} must be taken before
 * another folder is listed.
 *
 * @module
 */
import { again, type Kernel } from "./kernel.ts";

/** Take the working folder where a path is relative, which no path here is; openat(2). */
const AT_FDCWD = -100;
/** unlinkat(2): remove a folder. */
const AT_REMOVEDIR = 0x200;
/** access(2). */
const W_OK = 2;
/** open(2). Unlike O_DIRECTORY and O_NOFOLLOW these are the same on x86_64 and aarch64. */
const O_RDONLY = 0, O_WRONLY = 1, O_CLOEXEC = 0o2000000;
const EIO = 5;
const EFBIG = 27;

const TEXT_BYTES = 64 * 1024;
const ENTRIES_BYTES = 32 * 1024;
/** `String.fromCharCode` takes its characters as arguments, which live on the stack. */
const CHARACTERS_AT_ONCE = 8 * 1024;

const textBuffer = new Uint8Array(TEXT_BYTES);
const entriesBuffer = new Uint8Array(ENTRIES_BYTES);
const entriesView = new DataView(entriesBuffer.buffer);

/**
 * All of a file.
 *
 * @param maxBytes a longer file is EFBIG, never cut: half a list of mounts is worse than none
 * @default 1 MiB
 */
export function readFile(
  kernel: Kernel,
  path: string,
  maxBytes: number = 1024 * 1024,
): Uint8Array<ArrayBuffer> | number {
  const file = open(kernel, path, O_RDONLY);
  if (file < 0) return file;
  let bytes = new Uint8Array(Math.min(4096, maxBytes + 1));
  let length = 0;
  while (true) {
    const count = fill(kernel, file, bytes, length);
    if (count < 0) return closed(kernel, file, count);
    length += count;
    if (length < bytes.length) return closed(kernel, file, bytes.slice(0, length));
    if (length > maxBytes) return closed(kernel, file, -EFBIG);
    const larger = new Uint8Array(Math.min(bytes.length * 2, maxBytes + 1));
    larger.set(bytes);
    bytes = larger;
  }
}

/**
 * The first 64 KiB of a file, a character a byte (ISO 8859-1). Nothing is allocated but the text: made for
 * reading the files of many processes one after the other.
 */
export function readText(kernel: Kernel, path: string): string | number {
  const file = open(kernel, path, O_RDONLY);
  if (file < 0) return file;
  const length = closed(kernel, file, fill(kernel, file, textBuffer, 0));
  if (length < 0) return length;
  // Not TextDecoder: its "latin1" is Windows-1252, where the bytes from 0x80 to 0x9f are other characters.
  let text = "";
  for (let start = 0; start < length; start += CHARACTERS_AT_ONCE) {
    const end = Math.min(start + CHARACTERS_AT_ONCE, length);
    text += String.fromCharCode.apply(null, textBuffer.subarray(start, end) as unknown as number[]);
  }
  return text;
}

/** Writes to a file that exists, in one write(2), as the files of the kernel want it. */
export function writeFile(kernel: Kernel, path: string, text: string): number {
  const file = open(kernel, path, O_WRONLY);
  if (file < 0) return file;
  const bytes = new TextEncoder().encode(text);
  const count = closed(kernel, file, again(kernel, "write", file, bytes, bytes.length));
  if (count < 0) return count;
  return count === bytes.length ? 0 : -EIO;
}

/** The names in a folder, without `.` and `..`, in the order of the file system. */
export function listFolder(kernel: Kernel, path: string): string[] | number {
  const names: string[] = [];
  const decoder = new TextDecoder();
  const status = forEachEntry(kernel, path, (bytes, start, end) => {
    const name = decoder.decode(bytes.subarray(start, end));
    if (name !== "." && name !== "..") names.push(name);
  });
  return status < 0 ? status : names;
}

/**
 * The ids of all processes that this one can see.
 *
 * @throws {Error} when /proc cannot be read: an empty list would say that nothing runs
 */
export function listProcesses(kernel: Kernel): number[] {
  const pids: number[] = [];
  const status = forEachEntry(kernel, "/proc", (bytes, start, end) => {
    let pid = 0;
    for (let at = start; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) return;
      pid = pid * 10 + digit;
    }
    pids.push(pid);
  });
  if (status < 0) throw new Error(`Cannot list the processes in /proc: error ${-status}`);
  return pids;
}

/**
 * Shows every entry of a folder, `.` and `..` among them, as the place of its name in a buffer that is used
 * again.
 *
 * @returns 0, or the negative error number; entries may have been shown before it
 */
export function forEachEntry(
  kernel: Kernel,
  path: string,
  visit: (bytes: Uint8Array, start: number, end: number) => void,
): number {
  const folder = open(kernel, path, O_RDONLY);
  if (folder < 0) return folder;
  while (true) {
    const length = again(kernel, "getdents64", folder, entriesBuffer, ENTRIES_BYTES);
    if (length <= 0) return closed(kernel, folder, length);
    // struct linux_dirent64 of getdents64(2): u64 inode, i64 offset, u16 length of the record, u8 type, name,
    // NUL.
    for (let record = 0; record < length;) {
      const start = record + 19;
      visit(entriesBuffer, start, entriesBuffer.indexOf(0, start));
      record += entriesView.getUint16(record + 16, true);
    }
  }
}

/** Makes a folder, without any above it. */
export function makeFolder(kernel: Kernel, path: string): number {
  return again(kernel, "mkdirat", AT_FDCWD, path, 0o755);
}

/** Removes a folder that is empty or, of a control group, has neither processes nor groups in it. */
export function removeFolder(kernel: Kernel, path: string): number {
  return again(kernel, "unlinkat", AT_FDCWD, path, AT_REMOVEDIR);
}

/**
 * Whether this process may write to a path: its user, its capabilities, and whether the mount can be written
 * to.
 */
export function mayWrite(kernel: Kernel, path: string): boolean {
  return again(kernel, "faccessat", AT_FDCWD, path, W_OK) === 0;
}

/** Where a symbolic link leads, at most 255 bytes of it. */
export function readLink(kernel: Kernel, path: string): string | number {
  const target = new Uint8Array(255);
  const length = again(kernel, "readlinkat", AT_FDCWD, path, target, target.length);
  return length < 0 ? length : new TextDecoder().decode(target.subarray(0, length));
}

/** The text of an extended attribute of at most 255 bytes; xattr(7). */
export function readAttribute(kernel: Kernel, path: string, name: string): string | number {
  const value = new Uint8Array(255);
  const length = again(kernel, "getxattr", path, name, value, value.length);
  return length < 0 ? length : new TextDecoder().decode(value.subarray(0, length));
}

function open(kernel: Kernel, path: string, flags: number): number {
  return again(kernel, "openat", AT_FDCWD, path, flags | O_CLOEXEC, 0);
}

/**
 * Closes the file and hands on what came of it. What close(2) answers changes nothing for files of the
 * kernel.
 */
function closed<T>(kernel: Kernel, file: number, result: T): T {
  kernel.call("close", file);
  return result;
}

/** Reads until the buffer is full or the file ends: the files of /proc come a page at a time. */
function fill(kernel: Kernel, file: number, bytes: Uint8Array<ArrayBuffer>, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const count = again(kernel, "read", file, bytes.subarray(at), bytes.length - at);
    if (count < 0) return count;
    if (count === 0) break;
    at += count;
  }
  return at - from;
}
