/**
 * Ceilings on the whole tree of a run's processes, in a part of the control groups (v2) delegated to us:
 *
 *     <our group>                      inner from now on: no process of its own, controllers on
 *     ├── bulkhead-<nonce>-server      this process, and children that belong to no run
 *     └── bulkhead-<nonce>-run-<id>    one for each run, with its ceilings
 *
 * Sources: cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst.
 *
 * @module
 */
import { findPlace, membersOf, whyNotDelegated } from "./cgroup_place.ts";
import { Cgroups, failed, groupPrefix, type TreeCeiling, type Usable } from "./cgroup_runs.ts";
import type { Kernel } from "./kernel.ts";
import { listFolder, makeFolder, mayWrite, readText, removeFolder, writeFile } from "./kernel_files.ts";

export type { Cgroups, TreeCeiling, TreeCeilingValues, TreeEvents } from "./cgroup_runs.ts";

/**
 * Takes the group of this process for its own, when it was delegated as {@link whyNotDelegated} has it.
 *
 * To be called before any child is started: a group that gives controllers to others has no processes of its
 * own, and children that are there already stay where they are.
 *
 * @param nonce tells the groups of this server from those of others
 * @returns the groups, or why there are none; everything is as before then
 * @throws {TypeError} when the nonce is not letters, digits and dashes
 */
export function openCgroups(kernel: Kernel, nonce: string): Cgroups | { readonly reason: string } {
  const prefix = groupPrefix(nonce);
  const place = findPlace(kernel);
  if ("reason" in place) return place;
  const { folder } = place;
  const refused = whyNotDelegated(kernel, place);
  if (refused !== null) return { reason: refused };
  const controllers = wordsOf(kernel, `${folder}/cgroup.controllers`);
  const wanted = ["memory", "pids"].filter((controller) => controllers.includes(controller));
  if (wanted.length === 0) return { reason: `neither memory nor pids is among ${folder}/cgroup.controllers` };
  const others = membersOf(kernel, folder).filter((pid) => pid !== kernel.call("getpid")).length;
  if (others > 0) return { reason: `${folder} holds other processes besides this one (${others})` };

  const leaf = `${folder}/${prefix}server`;
  const switched = (sign: "+" | "-") => wanted.map((controller) => `${sign}${controller}`).join(" ");
  const control = `${folder}/cgroup.subtree_control`;
  const steps: readonly { readonly what: string; take(): number; undo(): unknown }[] = [
    {
      what: `make ${leaf}`,
      take: () => makeFolder(kernel, leaf),
      undo: () => removeFolder(kernel, leaf),
    },
    {
      what: `move into ${leaf}`,
      // 0 is the process that writes; cgroups(7).
      take: () => writeFile(kernel, `${leaf}/cgroup.procs`, "0"),
      undo: () => writeFile(kernel, `${folder}/cgroup.procs`, "0"),
    },
    {
      // EBUSY: another process has come into the group since it was looked at.
      what: `write ${switched("+")} to ${control}`,
      take: () => writeFile(kernel, control, switched("+")),
      undo: () => writeFile(kernel, control, switched("-")),
    },
  ];
  const taken: (() => unknown)[] = [];
  const leave = () => taken.toReversed().forEach((undo) => undo());
  for (const { what, take, undo } of steps) {
    const status = take();
    if (status < 0) {
      leave();
      return { reason: failed(what, status) };
    }
    taken.push(undo);
  }
  const usable = whatIsUsable(kernel, leaf);
  if (usable.enforces.length === 0) {
    leave();
    return { reason: usable.lacks ?? "" };
  }
  return new Cgroups(kernel, folder, nonce, usable, leave);
}

/** Looks at the files that the controllers have given to a group. */
function whatIsUsable(kernel: Kernel, group: string): Usable {
  const has = (file: string) => mayWrite(kernel, `${group}/${file}`);
  const limitsSwap = has("memory.swap.max");
  const lacks: string[] = [];
  const enforces: TreeCeiling[] = [];
  if (!has("memory.max")) lacks.push("no controller of memory");
  else if (!has("memory.oom.group")) {
    lacks.push("no memory.oom.group (Linux 4.19) with the controller of memory");
  } else if (!limitsSwap && swapIsInUse(kernel)) {
    lacks.push("the kernel was started without a ceiling on swap");
  } else enforces.push("memory");
  if (has("pids.max")) enforces.push("processes");
  else lacks.push("no controller of processes");
  return { enforces, lacks: lacks.length === 0 ? null : `in ${group}: ${lacks.join("; ")}`, limitsSwap };
}

/** From /proc/swaps, proc(5): a heading and a line for each. A kernel without swap has no such file. */
function swapIsInUse(kernel: Kernel): boolean {
  const swaps = readText(kernel, "/proc/swaps");
  return typeof swaps === "string" && swaps.trimEnd().includes("\n");
}

function wordsOf(kernel: Kernel, path: string): string[] {
  const text = readText(kernel, path);
  return typeof text === "string" ? text.split(/\s+/) : [];
}

/** What became of them, as folders. */
export interface Leftovers {
  readonly removed: readonly string[];
  /** Their processes were killed and take a moment to end, or could not be killed: ask again. */
  readonly remaining: readonly string[];
}

/**
 * Kills everything in the groups of a dead server and removes them. They are looked for where this server is
 * too: in its group, or beside it when {@link openCgroups} has moved it.
 *
 * @param nonce of a server that is known to be dead, never our own
 * @throws {TypeError} when the nonce is not letters, digits and dashes
 */
export function leftovers(kernel: Kernel, nonce: string): Leftovers | { readonly reason: string } {
  const prefix = groupPrefix(nonce);
  const place = findPlace(kernel);
  if ("reason" in place) return place;
  const own = place.folder;
  const folder = own.replace(/\/bulkhead-[A-Za-z0-9-]+-server$/, "");
  const names = listFolder(kernel, folder);
  if (typeof names === "number") return { reason: `Cannot list ${folder}` };
  const removed: string[] = [];
  const remaining: string[] = [];
  for (const name of names) {
    const group = `${folder}/${name}`;
    if (!isGroupOf(prefix, name)) continue;
    // Whoever asks for the groups of a server that it runs in itself is mistaken about its death.
    if (own !== group && !own.startsWith(`${group}/`)) writeFile(kernel, `${group}/cgroup.kill`, "1");
    (removeFolder(kernel, group) === 0 ? removed : remaining).push(group);
  }
  return { removed, remaining };
}

/** Exactly the names that a server gives: another's nonce may begin with ours. */
function isGroupOf(prefix: string, name: string): boolean {
  if (!name.startsWith(prefix)) return false;
  return /^(?:server|run-[A-Za-z0-9-]+)$/.test(name.slice(prefix.length));
}
