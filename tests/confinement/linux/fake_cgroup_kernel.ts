/**
 * A kernel that has nothing but control groups (v2) and the files of /proc that lead to them. What it
 * refuses, the real one was seen to refuse.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Cgroups, openCgroups } from "../../../src/confinement/linux/cgroup.ts";
import type { Kernel, SyscallArgument } from "../../../src/confinement/linux/kernel.ts";
import type { SyscallName } from "../../../src/confinement/linux/syscalls.ts";

const [ENOENT, ESRCH, EACCES, EBUSY, EEXIST, EINVAL, ENODATA] = [2, 3, 13, 16, 17, 22, 61] as const;

/** The process that makes the calls. */
export const OWN_PID = 100;

/** Where the hierarchy is mounted. */
export const MOUNT = "/sys/fs/cgroup";

/** One group. */
export class Group {
  readonly groups = new Map<string, Group>();
  readonly attributes = new Map<string, string>();
  readonly procs = new Set<number>();
  readonly enabled = new Set<string>();
  /** What was written to the files that have no meaning of their own here. */
  readonly written = new Map<string, string>();

  constructor(readonly parent: Group | null, readonly controllers: readonly string[]) {}

  /** Makes a group below this one, as somebody else would. */
  make(path: string): Group {
    const [name, ...below] = path.split("/").filter((name) => name !== "");
    if (name === undefined) return this;
    return (this.groups.get(name) ?? this.adopt(name)).make(below.join("/"));
  }

  adopt(name: string): Group {
    const group = new Group(this, this.controllers);
    this.groups.set(name, group);
    return group;
  }
}

/** What tests set. */
export interface Setting {
  /** Our group. @default /system.slice/bulkhead.service */
  path?: string;
  /** What our group can enable. @default memory and pids */
  controllers?: readonly string[];
  /** The v2 part of /proc/self/mountinfo. */
  mounts?: string;
  /** Whether the folder above ours is written to with the rights of this process. @default true */
  root?: boolean;
  /** Whether `path` is the root of a namespace rather than of the hierarchy. @default false */
  namespace?: boolean;
  /** The text of /proc/swaps. */
  swaps?: string;
}

export class FakeCgroupKernel implements Kernel {
  readonly architecture = "x86_64";
  readonly root: Group;
  readonly own: Group;
  /** Paths that cannot be written to, and files that are not there, by the end of their path. */
  readonly readOnly = new Set<string>();
  readonly missing = new Set<string>();
  /** Error numbers for the next writes, by the end of the path. */
  readonly failing = new Map<string, number>();
  /** Processes take a while to die. */
  killsAtOnce = true;
  /** Every text that was written, with the path's last two parts. */
  readonly log: string[] = [];
  readonly #setting: Required<Setting>;
  readonly #files = new Map<number, { path: string; bytes: Uint8Array; at: number }>();
  #nextFile = 3;

  constructor(setting: Setting = {}) {
    this.#setting = {
      path: "/system.slice/bulkhead.service",
      controllers: ["memory", "pids"],
      mounts: `30 23 0:26 / ${MOUNT} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n`,
      root: true,
      namespace: false,
      swaps: "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
      ...setting,
    };
    this.root = new Group(null, this.#setting.controllers);
    this.own = this.root.make(this.#setting.path);
    this.own.parent?.enabled.add("memory").add("pids");
    this.own.procs.add(OWN_PID);
  }

  /** Files that are still open. */
  get open(): number {
    return this.#files.size;
  }

  call(name: SyscallName, ...args: readonly SyscallArgument[]): number {
    const [first, second, third, fourth] = args;
    switch (name) {
      case "getpid":
        return OWN_PID;
      case "openat":
        return this.#open(second as string, (third as number) & 1);
      case "close":
        return this.#files.delete(first as number) ? 0 : -9;
      case "read":
        return this.#read(first as number, second as Uint8Array, third as number);
      case "getdents64":
        return this.#list(first as number, second as Uint8Array);
      case "write":
        return this.#write(this.#files.get(first as number)!.path, decode(second as Uint8Array));
      case "mkdirat":
        return this.#make(second as string);
      case "unlinkat":
        return this.#remove(second as string);
      case "faccessat":
        return this.#access(second as string);
      case "getxattr":
        return this.#attribute(first as string, second as string, third as Uint8Array, fourth as number);
      default:
        throw new Error(`no ${name} here`);
    }
  }

  /** The processes end that were killed. */
  bury(group: Group): void {
    group.procs.clear();
  }

  groupOf(pid: number, group: Group = this.root): Group | null {
    if (group.procs.has(pid)) return group;
    for (const below of group.groups.values()) {
      const found = this.groupOf(pid, below);
      if (found !== null) return found;
    }
    return null;
  }

  pathOf(group: Group): string {
    if (group.parent === null) return "";
    const [name] = [...group.parent.groups].find(([, other]) => other === group)!;
    return `${this.pathOf(group.parent)}/${name}`;
  }

  /** The group of a folder, and the file in it. */
  #find(path: string): { group: Group; file: string } | null {
    if (path !== MOUNT && !path.startsWith(`${MOUNT}/`)) return null;
    let group = this.root;
    const names = path.slice(MOUNT.length).split("/").filter((name) => name !== "");
    while (names.length > 0 && group.groups.has(names[0]!)) group = group.groups.get(names.shift()!)!;
    return names.length > 1 ? null : { group, file: names[0] ?? "" };
  }

  /** The text of a file, or null when there is none. */
  #text(path: string): string | null {
    if ([...this.missing].some((end) => path.endsWith(end))) return null;
    const own = this.groupOf(OWN_PID)!;
    if (path === "/proc/self/cgroup") return `4:cpu:/elsewhere\n0::${this.pathOf(own) || "/"}\n`;
    if (path === "/proc/self/mountinfo") {
      return `22 27 0:21 / /proc rw - proc proc rw\n${this.#setting.mounts}`;
    }
    if (path === "/proc/swaps") return this.#setting.swaps;
    if (path === "/proc/thread-self/status") {
      const [user, capabilities] = this.#setting.root ? [0, "000001ffffffffff"] : [1000, "0000000000000000"];
      return `Name:\tdeno\nUid:\t${user}\t${user}\t${user}\t${user}\nCapEff:\t${capabilities}\n`;
    }
    const found = this.#find(path);
    if (found === null || !this.#filesOf(found.group).includes(found.file)) return null;
    const { group, file } = found;
    if (file === "cgroup.procs") return [...group.procs].map((pid) => `${pid}\n`).join("");
    if (file === "cgroup.controllers") return `${["cpu", ...group.controllers].join(" ")}\n`;
    if (file === "cgroup.subtree_control") return `${[...group.enabled].join(" ")}\n`;
    return group.written.get(file) ?? (file === "cgroup.type" ? "domain\n" : "max\n");
  }

  #filesOf(group: Group): string[] {
    const files = ["cgroup.procs", "cgroup.controllers", "cgroup.subtree_control"];
    if (group.parent !== null || this.#setting.namespace) files.push("cgroup.type", "cgroup.kill");
    const enabled = group.parent?.enabled;
    if (enabled?.has("memory")) {
      files.push("memory.max", "memory.swap.max", "memory.oom.group", "memory.events");
    }
    if (enabled?.has("pids")) files.push("pids.max", "pids.events");
    return files;
  }

  #open(path: string, writing: number): number {
    const found = this.#find(path);
    const isFolder = found?.file === "";
    const text = isFolder ? "" : this.#text(path);
    if (text === null) return -ENOENT;
    if (writing && this.#access(path) < 0) return -EACCES;
    this.#files.set(this.#nextFile, { path, bytes: new TextEncoder().encode(text), at: 0 });
    return this.#nextFile++;
  }

  /** Seven bytes at most each time, as files may come in pieces. */
  #read(file: number, buffer: Uint8Array, length: number): number {
    const open = this.#files.get(file)!;
    const piece = open.bytes.subarray(open.at, open.at + Math.min(length, 7));
    buffer.set(piece);
    open.at += piece.length;
    return piece.length;
  }

  #list(file: number, buffer: Uint8Array): number {
    const open = this.#files.get(file)!;
    const { group } = this.#find(open.path)!;
    const names = [".", "..", ...this.#filesOf(group), ...group.groups.keys()];
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    let at = 0;
    // Three entries at most each time.
    for (const name of names.slice(open.at, open.at + 3)) {
      const length = 19 + name.length + 1 + 7 & ~7;
      buffer.fill(0, at, at + length);
      view.setUint16(at + 16, length, true);
      buffer.set(new TextEncoder().encode(name), at + 19);
      at += length;
    }
    open.at += 3;
    return at;
  }

  #write(path: string, text: string): number {
    const failing = [...this.failing].find(([end]) => path.endsWith(end));
    if (failing !== undefined) return -failing[1];
    this.log.push(`${path.split("/").slice(-2).join("/")}=${text}`);
    const { group, file } = this.#find(path)!;
    const status = file === "cgroup.procs"
      ? this.#move(group, Number(text))
      : file === "cgroup.subtree_control"
      ? this.#control(group, text)
      : file === "cgroup.kill"
      ? (this.killsAtOnce && group.procs.clear(), 0)
      : (group.written.set(file, `${text}\n`), 0);
    return status < 0 ? status : text.length;
  }

  #move(group: Group, pid: number): number {
    const from = this.groupOf(pid === 0 ? OWN_PID : pid);
    if (from === null) return -ESRCH;
    if (group.enabled.size > 0 && group.parent !== null) return -EBUSY;
    from.procs.delete(pid === 0 ? OWN_PID : pid);
    group.procs.add(pid === 0 ? OWN_PID : pid);
    return 0;
  }

  #control(group: Group, text: string): number {
    const words = text.split(" ");
    if (words.some((word) => !group.controllers.includes(word.slice(1)))) return -ENOENT;
    const enables = words.some((word) => word.startsWith("+"));
    if (enables && group.procs.size > 0 && (group.parent !== null || this.#setting.namespace)) return -EBUSY;
    for (const word of words) {
      if (word.startsWith("+")) group.enabled.add(word.slice(1));
      else group.enabled.delete(word.slice(1));
    }
    return 0;
  }

  #make(path: string): number {
    const found = this.#find(path);
    if (found === null || found.file === "") return found === null ? -ENOENT : -EEXIST;
    if (this.#access(path.slice(0, path.lastIndexOf("/"))) < 0) return -EACCES;
    found.group.adopt(found.file);
    return 0;
  }

  #remove(path: string): number {
    const found = this.#find(path);
    if (found === null || found.file !== "" || found.group.parent === null) return -ENOENT;
    if (found.group.procs.size > 0 || found.group.groups.size > 0) return -EBUSY;
    found.group.parent.groups.delete(path.slice(path.lastIndexOf("/") + 1));
    return 0;
  }

  #access(path: string): number {
    const found = this.#find(path);
    if (found?.file !== "" && this.#text(path) === null) return -ENOENT;
    return this.readOnly.has(path) ? -EACCES : 0;
  }

  #attribute(path: string, name: string, buffer: Uint8Array, size: number): number {
    const value = this.#find(path)?.group.attributes.get(name);
    if (value === undefined) return -ENODATA;
    if (value.length > size) return -EINVAL;
    buffer.set(new TextEncoder().encode(value));
    return value.length;
  }
}

/** A kernel whose own group was given to this process. */
export function delegated(setting: Setting = {}): FakeCgroupKernel {
  const kernel = new FakeCgroupKernel(setting);
  kernel.own.attributes.set("trusted.delegate", "1");
  return kernel;
}

/** The groups of this process. */
export function opened(kernel: FakeCgroupKernel, nonce = "abc"): Cgroups {
  const cgroups = openCgroups(kernel, nonce);
  assert(!("reason" in cgroups), "reason" in cgroups ? cgroups.reason : "");
  return cgroups;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
