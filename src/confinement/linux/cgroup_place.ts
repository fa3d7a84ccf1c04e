/**
 * Where this process stands among the control groups (v2), and whether that place was given to it to manage.
 *
 * Sources: cgroups(7), proc_pid_mountinfo(5), the kernel's Documentation/admin-guide/cgroup-v2.rst
 * ("Delegation", "Namespace"), and systemd's "Control Group APIs and Delegation" with its single-writer rule.
 *
 * @module
 */
import { errnoName, type Kernel } from "./kernel.ts";
import { mayWrite, readAttribute, readFile, readText } from "./kernel_files.ts";

/** A mount of the v2 hierarchy: `root`, a group's path, is what is seen at `mountPoint`. */
export interface CgroupMount {
  readonly root: string;
  readonly mountPoint: string;
}

/** Our group: its path in the hierarchy as our namespace sees it, and the folder of its files. */
export interface CgroupPlace {
  readonly path: string;
  readonly folder: string;
  readonly mount: CgroupMount;
}

/**
 * The path of the v2 group in the text of /proc/PID/cgroup: the line `0::/path`. Nothing is escaped there,
 * and no group's name has a newline.
 */
export function parseOwnGroup(text: string): string | null {
  const line = text.split("\n").find((line) => line.startsWith("0::/"));
  return line?.slice("0::".length) ?? null;
}

/** The v2 mounts in the text of /proc/PID/mountinfo. Lines that say something else are passed over. */
export function parseCgroupMounts(text: string): CgroupMount[] {
  return text.split("\n").flatMap((line) => {
    // 36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup2 cgroup2 rw
    const fields = line.split(" ");
    const [root, mountPoint] = [fields[3], fields[4]];
    // Any number of optional fields is ended by a dash.
    const dash = fields.indexOf("-", 6);
    if (root === undefined || mountPoint === undefined || dash < 0) return [];
    if (fields[dash + 1] !== "cgroup2") return [];
    return [{ root: unescapeOctal(root), mountPoint: unescapeOctal(mountPoint) }];
  });
}

/** Space, tab, newline and backslash are written as `\040` and so on, so that fields can be told apart. */
function unescapeOctal(field: string): string {
  return field.replaceAll(/\\([01][0-7]{2})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}

/** The folder that shows the group `path` under a mount, or null when the mount does not show it. */
export function folderOf(mount: CgroupMount, path: string): string | null {
  // A path that climbs leads out of our namespace, where no path that we know leads back in.
  if (climbs(path) || climbs(mount.root)) return null;
  const root = mount.root === "/" ? "" : mount.root;
  if (path !== mount.root && !path.startsWith(`${root}/`)) return null;
  const below = path.slice(root.length).replace(/^\/$/, "");
  const point = mount.mountPoint === "/" ? "" : mount.mountPoint;
  return `${point}${below}` || "/";
}

function climbs(path: string): boolean {
  return path.split("/").includes("..");
}

/** Finds our group. The folder is the right one when it lists this process: mounts can hide each other. */
export function findPlace(kernel: Kernel): CgroupPlace | { readonly reason: string } {
  const path = parseOwnGroup(textOf(kernel, "/proc/self/cgroup"));
  if (path === null) return { reason: "this process is in no cgroup v2" };
  const mounts = parseCgroupMounts(textOf(kernel, "/proc/self/mountinfo"));
  if (mounts.length === 0) return { reason: "no cgroup v2 is mounted" };
  const own = kernel.call("getpid");
  for (const mount of mounts) {
    const folder = folderOf(mount, path);
    if (folder !== null && membersOf(kernel, folder).includes(own)) return { path, folder, mount };
  }
  return { reason: `the cgroup ${path} of this process is not seen under ${mounts[0]!.mountPoint}` };
}

/** UTF-8, as the path goes back to the kernel in it. Empty when it cannot be read. */
function textOf(kernel: Kernel, path: string): string {
  const bytes = readFile(kernel, path);
  return typeof bytes === "number" ? "" : new TextDecoder().decode(bytes);
}

/** The processes directly in a group. Those outside our pid namespace are 0. */
export function membersOf(kernel: Kernel, folder: string): number[] {
  const text = textOf(kernel, `${folder}/cgroup.procs`);
  return text.split("\n").filter((line) => line !== "").map(Number);
}

/**
 * Why our group is not ours to manage, or null when it is. A group has one manager; who writes to another's,
 * because it happens to be able to, has its settings undone by the next change that the other makes.
 *
 * In any case we must be able to write to the group's folder, `cgroup.procs` and `cgroup.subtree_control`,
 * which a container's read-only mount refuses. Then one of these must say that the group was given to us:
 *
 * - the attribute `trusted.delegate` or `user.delegate` is 1: systemd sets it for `Delegate=yes`, and whoever
 *   makes a group by hand can set it too
 * - the group is the root of a cgroup namespace and not of the whole hierarchy, which alone has no
 *   `cgroup.type`: a container with a hierarchy of its own that it may write to. With the host's namespace a
 *   container's group is judged like any other
 * - for a process whose writing is subject to permissions (not root, and without CAP_DAC_OVERRIDE): the group
 *   above is not ours to write to, so that ours is where the rights begin, as the kernel's documentation
 *   delegates. Without this half any group that a user's own systemd manages would pass, as that user owns
 *   them all
 */
export function whyNotDelegated(kernel: Kernel, { path, folder, mount }: CgroupPlace): string | null {
  for (const file of ["", "/cgroup.procs", "/cgroup.subtree_control"]) {
    if (!mayWrite(kernel, `${folder}${file}`)) return `${folder}${file} cannot be written to`;
  }
  for (const name of ["trusted.delegate", "user.delegate"]) {
    if (readAttribute(kernel, folder, name) === "1") return null;
  }
  const type = readText(kernel, `${folder}/cgroup.type`);
  if (path === "/" && typeof type === "string") return null;
  const status = readText(kernel, "/proc/thread-self/status");
  if (typeof status === "number") return `/proc/thread-self/status: ${errnoName(-status)}`;
  const remedy = "start the service with Delegate=yes";
  if (isAboveWritePermissions(status)) return `${folder} does not carry the delegate attribute: ${remedy}`;
  if (folder === mount.mountPoint) return null;
  const above = folder.slice(0, folder.lastIndexOf("/"));
  if (!mayWrite(kernel, above) && !mayWrite(kernel, `${above}/cgroup.procs`)) return null;
  return `${folder} belongs to whoever manages ${above}: ${remedy}`;
}

/** From the text of /proc/PID/status: root, or CAP_DAC_OVERRIDE (bit 1) in effect; capabilities(7). */
export function isAboveWritePermissions(status: string): boolean {
  const effectiveUser = /^Uid:\t\d+\t(\d+)/m.exec(status)?.[1];
  const capabilities = /^CapEff:\t([0-9a-f]+)/m.exec(status)?.[1];
  // What cannot be read is taken for root's: that asks for more.
  if (effectiveUser === undefined || capabilities === undefined) return true;
  return effectiveUser === "0" || (BigInt(`0x${capabilities}`) & 2n) !== 0n;
}
